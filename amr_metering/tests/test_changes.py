from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestChanges(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._ingest(cls._row(100, "2026-01-10 00:00:00"))
        cls.newcomer = cls.env["amr.account"].create(
            {
                "partner_id": cls.env["res.partner"].create({"name": "Li Si"}).id,
                "community_id": cls.community.id,
            }
        )

    def _change(self, index=120, moment="2026-02-01 04:00:00", **vals):
        change = self.env["amr.occupancy.change"].create(
            {"room_id": self.room.id, "moment": moment, **vals}
        )
        change.line_ids.index = index
        change.action_change()

    def test_a_transfer_ends_and_begins_at_one_reading(self):
        self._change(account_id=self.newcomer.id)
        old, new = self.agreement, self.point.agreement_id
        self.assertEqual(
            old.date_to, fields.Datetime.to_datetime("2026-02-01 04:00:00")
        )
        self.assertEqual(new.date_from, old.date_to)
        self.assertEqual((new.account_id, new.tariff_id), (self.newcomer, self.tariff))
        self.assertEqual(self.room.account_id, self.newcomer)
        reading = self.env["amr.reading"]._usable_at(self.meter, old.date_to)
        self.assertEqual(str(dec(reading[self.meter.id].index)), "120.000")
        self.assertIn("120.000", self.newcomer.message_ids[0].body)

    def test_moving_out_leaves_the_room_vacant(self):
        self._change()
        self.assertFalse(self.room.account_id)
        self.assertFalse(self.point.agreement_id)
        self._change(
            index=121, moment="2026-02-10 04:00:00", account_id=self.newcomer.id
        )
        self.assertEqual(self.point.agreement_id.account_id, self.newcomer)

    def test_nobody_moves_in_before_the_last_reading(self):
        for index, moment in (
            (99, "2026-02-01 04:00:00"),
            (120, "2026-01-05 00:00:00"),
        ):
            with self.assertRaisesRegex(UserError, "must not be before"):
                self._change(index, moment, account_id=self.newcomer.id)

    def test_a_change_makes_sense(self):
        with self.assertRaisesRegex(UserError, "lives here already"):
            self._change(account_id=self.account.id)
        with self.assertRaisesRegex(UserError, "not before"):
            self._change(moment="2099-01-01 00:00:00")

    def test_a_change_is_of_its_own_room(self):
        change = self.env["amr.occupancy.change"].create(
            {"room_id": self.room.id, "account_id": self.newcomer.id}
        )
        change.line_ids.point_id, __ = self._install("990000000008", self._room("0108"))
        with self.assertRaisesRegex(UserError, "choose the room again"):
            change.action_change()

    def _spare(self, number="990000000009"):
        return self.meter.copy({"number": number, "address": number})

    def _replace(self, **vals):
        wizard = self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "moment": "2026-02-01 00:00:00",
                "closing_index": 130,
                "new_meter_id": self._spare().id,
                "opening_index": 2.5,
                "reason": "Broken display",
                **vals,
            }
        )
        wizard.action_replace()
        return wizard.new_meter_id

    def test_replacement_keeps_both_segments(self):
        new = self._replace(archive_old=True)
        self.assertEqual(self.point.meter_id, new)
        self.assertEqual((self.meter.state, new.state), ("closed", "normal"))
        old_part = self.meter.installation_ids
        self.assertEqual(str(dec(old_part.end_index)), "130.000")
        self.assertEqual(old_part.date_to, new.installation_ids.date_from)
        self.assertIn("Broken display", new.message_ids[0].body)

    def test_closing_index_is_not_before_the_last_reading(self):
        with self.assertRaisesRegex(UserError, "must not be before"):
            self._replace(closing_index=90)

    def test_the_wizard_proposes_the_last_index(self):
        wizard = Form(
            self.env["amr.meter.replace"].with_context(default_point_id=self.point.id)
        )
        self.assertEqual(wizard.closing_index, 100)

    def test_a_batch_brings_metering_points(self):
        batch = self.env["amr.room.batch"].create(
            {
                "building_id": self.other_building.id,
                "floor_to": 2,
                "utility_ids": [
                    fields.Command.set((self.electricity | self.cold_water).ids)
                ],
            }
        )
        batch.action_make()
        self.assertEqual(len(batch.room_ids.point_ids), 12)
        batch.action_undo()
        self.assertFalse(batch.room_ids)

    def test_an_installation_under_which_was_read_stays(self):
        installation = self.point.installation_ids
        for change in (
            lambda: installation.unlink(),
            lambda: installation.write({"start_index": 50}),
            lambda: installation.write({"date_from": "2026-01-05 00:00:00"}),
        ):
            with self.assertRaisesRegex(UserError, "was read there"):
                change()
        self._replace()
        with self.assertRaisesRegex(UserError, "was read there"):
            installation.end_index = 500

    def test_facts_are_not_typed_in(self):
        admin = self._operator("amr_admin", "amr_base.group_community_admin")
        with self.assertRaises(AccessError):
            self.meter.with_user(admin).latest_index = 5
        with self.assertRaises(AccessError):
            self.meter.with_user(admin).relay_state = "closed"
        with self.assertRaises(AccessError):
            self.agreement.with_user(admin).community_id = self.other_community
