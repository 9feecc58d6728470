from psycopg2 import IntegrityError

from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import AmrCommon


@tagged("post_install", "-at_install")
class TestRoomBatch(AmrCommon):
    def _batch(self, building=None, **vals):
        building = building or self.other_building
        return self.env["amr.room.batch"].create({"building_id": building.id, **vals})

    def test_five_floors_of_three_rooms(self):
        """Golden vector GV5: 0101 to 0503, 15 rooms."""
        with Form(self.env["amr.room.batch"]) as form:
            form.building_id = self.other_building
            form.floor_to = 5
            form.rooms_per_floor = 3
            self.assertEqual(form.new_count, 15)
            self.assertTrue(form.preview.startswith("0501  0502  0503"))
        batch = form.record
        batch.action_make()
        names = sorted(batch.room_ids.mapped("name"))
        self.assertEqual((names[0], names[-1], len(names)), ("0101", "0503", 15))

    def test_existing_rooms_are_left_alone(self):
        batch = self._batch(self.building, floor_to=1)
        self.assertEqual(batch.new_count, 2)
        batch.action_make()
        self.assertNotIn(self.room, batch.room_ids)
        with self.assertRaisesRegex(UserError, "exist already"):
            self._batch(self.building, floor_to=1).action_make()

    def test_a_whole_batch_is_taken_back(self):
        batch = self._batch()
        batch.action_make()
        batch.action_undo()
        self.assertFalse(self.other_building.room_ids)
        self.assertEqual(batch.state, "undone")

    def test_a_batch_in_use_stays(self):
        batch = self._batch()
        batch.action_make()
        batch.room_ids[0].account_id = self.account
        with self.assertRaisesRegex(UserError, "are in use"):
            batch.action_undo()
        self.assertEqual(len(batch.room_ids), 15)

    @mute_logger("odoo.sql_db")
    def test_upside_down_floors_are_refused(self):
        with self.assertRaises(IntegrityError), self.cr.savepoint():
            self._batch(floor_from=5, floor_to=1)
