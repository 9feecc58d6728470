from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestMeter(MeteringCommon):
    def test_factor_is_percent_times_both_ratios(self):
        self.meter.write(
            {"ratio_percent": 50, "voltage_ratio": 10, "current_ratio": 30}
        )
        self.assertEqual(self.meter.factor, 150)

    def test_address_with_letters_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "no letters"):
            self.meter.address = "12AB"

    def test_address_follows_the_pattern_of_its_model(self):
        """KTAMR manual 3.2.5: DT410 has exactly 12 digits beginning with 10."""
        self.meter_model.address_rule = "10[0-9]{10}"
        self.meter.address = "100000000001"
        with self.assertRaisesRegex(ValidationError, "does not follow the pattern"):
            self.meter.address = "200000000001"

    @mute_logger("odoo.sql_db")
    def test_a_point_has_one_meter_and_a_meter_one_point(self):
        other_point, other_meter = self._install("990000000002", self._room("0102"))
        Installation = self.env["amr.installation"]
        for meter, point in ((self.meter, other_point), (other_meter, self.point)):
            with self.assertRaises(IntegrityError), self.cr.savepoint():
                Installation.create(
                    {
                        "meter_id": meter.id,
                        "point_id": point.id,
                        "date_from": "2026-02-01 00:00:00",
                        "start_index": 0,
                    }
                )

    def test_replacement_keeps_both_segments(self):
        self.point.installation_ids.write(
            {"date_to": "2026-02-01 00:00:00", "end_index": 120}
        )
        new = self.meter.copy({"number": "990000000003", "address": "990000000003"})
        self.env["amr.installation"].create(
            {
                "meter_id": new.id,
                "point_id": self.point.id,
                "date_from": "2026-02-01 00:00:00",
                "start_index": 3,
            }
        )
        self.assertEqual(self.point.meter_id, new)
        self.assertFalse(self.meter.point_id)
        self.assertEqual(self.meter.community_id, self.community)
        self.assertEqual(len(self.point.installation_ids), 2)

    def test_a_meter_with_history_is_not_deleted(self):
        with self.assertRaisesRegex(UserError, "has a history"):
            self.meter.unlink()

    def test_facts_are_not_typed_in_with_a_new_meter(self):
        administrator = self._operator("amr_admin", "amr_base.group_community_admin")
        Meter = self.env["amr.meter"].with_user(administrator)
        vals = {"number": "990000009998", "model_id": self.meter_model.id}
        with self.assertRaisesRegex(AccessError, "cannot be typed in"):
            Meter.create({**vals, "latest_index": 5})
        meter = Meter.with_context(default_relay_state="open").create(vals)
        self.assertEqual(meter.relay_state, "unknown")

    def test_an_installed_meter_is_not_archived(self):
        """Its number would be free, and two meters of one number would be read."""
        number = {"number": self.meter.number, "address": False}
        with self.assertRaisesRegex(UserError, "is installed at .* replace it"):
            self.meter.action_archive()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            with self.cr.savepoint():
                self.meter.copy(number)
        installation = self.point.installation_ids
        installation.write({"date_to": "2026-02-01 00:00:00", "end_index": 7})
        self.meter.action_archive()
        self.assertTrue(self.meter.copy(number))
        with self.assertRaisesRegex(ValidationError, "is archived"):
            installation.copy({"date_from": "2026-03-01 00:00:00", "date_to": False})

    def test_states_follow_from_facts(self):
        self._ingest(self._row(1, "2026-01-02 00:00:00"))
        self.meter.comm_fault_since = "2026-01-03 00:00:00"
        self.assertEqual(self.meter.state, "comm_fault")
        self.meter.relay_state = "open"
        self.assertEqual(self.meter.state, "cut")
        self.meter.write({"relay_state": "closed", "comm_fault_since": False})
        self.assertEqual(self.meter.state, "normal")
        self.point.installation_ids.date_to = "2026-01-03 00:00:00"
        self.meter.active = False
        self.assertEqual(self.meter.state, "closed")
