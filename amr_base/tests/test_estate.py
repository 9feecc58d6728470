from datetime import date, datetime

from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import AmrCommon


@tagged("post_install", "-at_install")
class TestEstate(AmrCommon):
    def test_codes_follow_the_manual(self):
        """Golden vector GV3: district 1 + 4 digits, building + 3."""
        self.assertEqual(self.community.full_code, "90371")
        self.assertEqual(self.building.full_code, "90371001")

    def test_cycle_from_community_number(self):
        """Golden vector GV4: odd numbers are single months, even ones double."""
        self.assertEqual(self.community.cycle, "odd")
        self.assertEqual(self.other_community.cycle, "even")
        self.assertEqual(self._community("0373", "A").cycle, "odd")
        self.assertEqual(self._community("0375", "B").cycle, "odd")

    def test_room_number_is_floor_and_unit(self):
        room = self._room("1102")
        self.assertEqual((room.floor, room.unit), (11, 2))
        self.assertEqual(room.display_name, "Golden Delta Building 1 1102")

    def test_bad_codes_are_refused_with_a_sentence(self):
        with self.assertRaisesRegex(ValidationError, "use four digits"):
            self._community("37A1", "Letters")
        with self.assertRaisesRegex(ValidationError, "use one digit"):
            self.env["amr.district"].create({"code": "x", "name": "X"})
        with self.assertRaisesRegex(ValidationError, "use three digits"):
            self.building.code = "1"

    @mute_logger("odoo.sql_db")
    def test_building_number_is_unique_in_its_community(self):
        with self.assertRaises(IntegrityError), self.cr.savepoint():
            self.building.copy({"code": "001"})

    def test_delete_is_refused_while_children_exist(self):
        for record, label in (
            (self.district, "communities"),
            (self.community, "buildings"),
            (self.building, "rooms"),
        ):
            with self.assertRaisesRegex(UserError, f"still has .* {label}"):
                record.unlink()

    def test_archived_children_are_told_where_to_find(self):
        self.room.active = False
        with self.assertRaisesRegex(UserError, "1 archived rooms .* “Archived”"):
            self.building.unlink()
        rooms = self.env["amr.room"].search([("active", "=", False)])
        self.assertIn(self.room, rooms)
        (self.room | self._room("0102")).active = True
        with self.assertRaisesRegex(UserError, "still has 2 rooms"):
            self.building.unlink()

    def test_account_number_is_digits_from_the_sequence(self):
        self.assertTrue(self.account.number.isdigit())
        with self.assertRaisesRegex(ValidationError, "digits only"):
            self.account.number = "A17"

    def test_days_are_cut_in_the_community_time_zone(self):
        midnight = self.community._local_midnight(date(2026, 3, 1))
        self.assertEqual(midnight, datetime(2026, 2, 28, 16, 0))
        self.assertEqual(self.community._local_date(midnight), date(2026, 3, 1))

    def test_closing_an_account_vacates_its_rooms(self):
        self.account.action_close()
        self.assertEqual(self.account.state, "closed")
        self.assertFalse(self.room.account_id)
