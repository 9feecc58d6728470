from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestFit(MeteringCommon):
    """Combinations that cannot be, whichever way somebody enters them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.water_model = cls.env["amr.meter.model"].create(
            {"name": "LXS", "utility_id": cls.cold_water.id}
        )
        cls.water_meter = cls.env["amr.meter"].create(
            {"number": "WATER1", "model_id": cls.water_model.id}
        )

    def _master(self, utility=None, **vals):
        return self.env["amr.metering.point"].create(
            {
                "utility_id": (utility or self.electricity).id,
                "building_id": self.building.id,
                "kind": "master",
                **vals,
            }
        )

    def test_a_water_meter_is_not_installed_where_electricity_is_measured(self):
        free = self._master()
        with self.assertRaisesRegex(
            ValidationError, "WATER1 measures Cold water, but .* is for Electricity"
        ):
            with Form(self.water_meter) as form:
                with form.installation_ids.new() as line:
                    line.point_id = free
                    line.start_index = 1

    def test_nor_by_a_replacement(self):
        wizard = self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "new_meter_id": self.water_meter.id,
                "closing_index": 1,
                "opening_index": 1,
                "reason": "Slip",
            }
        )
        with self.assertRaisesRegex(ValidationError, "measures Cold water"):
            wizard.action_replace()

    def test_nobody_replaces_a_meter_by_itself(self):
        wizard = self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "new_meter_id": self.meter.id,
                "closing_index": 1,
                "opening_index": 0,
                "reason": "Slip",
            }
        )
        with self.assertRaisesRegex(UserError, "Choose another meter"):
            wizard.action_replace()

    def test_what_was_measured_does_not_become_something_else(self):
        for record, vals, message in (
            (self.meter, {"model_id": self.water_model.id}, "measures Cold water"),
            (self.meter_model, {"utility_id": self.cold_water.id}, "another model"),
            (self.point, {"utility_id": self.cold_water.id}, "is for Cold water"),
            (self.tariff, {"utility_id": self.cold_water.id}, "another tariff"),
        ):
            with (
                self.subTest(record._name),
                self.assertRaisesRegex(ValidationError, message),
                self.cr.savepoint(),
            ):
                record.write(vals)
            record.invalidate_recordset()
        self.meter_model.invalidate_recordset()
        # an archived meter's history is measured just the same
        self.point.installation_ids.date_to = "2026-06-01 00:00:00"
        self.meter.active = False
        with self.assertRaisesRegex(ValidationError, "another model"):
            self.meter_model.utility_id = self.cold_water

    def test_an_agreed_point_keeps_its_utility_without_a_meter(self):
        point = self.env["amr.metering.point"].create(
            {"utility_id": self.electricity.id, "room_id": self._room("0102").id}
        )
        self._agree(point)
        with self.assertRaisesRegex(ValidationError, "measures Cold water"):
            point.utility_id = self.cold_water

    def test_meters_stay_in_their_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        meter = self.meter.copy(
            {"number": "F1", "address": False, "company_id": other.id}
        )
        with self.assertRaisesRegex(ValidationError, "belongs to Other"):
            self.env["amr.installation"].create(
                {
                    "meter_id": meter.id,
                    "point_id": self._master().id,
                    "start_index": 0,
                }
            )

    def test_a_master_measures_the_same_in_the_same_community(self):
        far = self._master(building_id=self.other_building.id)
        for master in (self._master(self.cold_water), far, self.point.copy()):
            with self.assertRaisesRegex(ValidationError, "cannot be measured behind"):
                self.point.parent_id = master
        master = self._master()
        self.point.parent_id = master
        with self.assertRaisesRegex(ValidationError, "cannot be measured behind"):
            master.kind = "public"
        with self.assertRaisesRegex(ValidationError, "cannot be measured behind"):
            master.building_id = self.other_building

    def test_masters_stand_in_no_circle(self):
        top, below = self._master(), self._master()
        below.parent_id = top
        for master in (top, below):
            with self.assertRaisesRegex(ValidationError, "behind itself"):
                top.parent_id = master

    def test_a_batch_of_rooms_in_use_is_not_taken_back(self):
        """KTAMR manual 3.2.3: also not after readings came."""
        batch = self.env["amr.room.batch"].create(
            {
                "building_id": self.building.id,
                "floor_from": 7,
                "floor_to": 7,
                "utility_ids": self.electricity.ids,
            }
        )
        batch.action_make()
        point = batch.room_ids[0].point_ids
        meter = self.meter.copy({"number": "B1", "address": False})
        installation = self.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": point.id,
                "date_from": "2026-01-01 00:00:00",
                "start_index": 0,
            }
        )
        with self.assertRaisesRegex(UserError, "0701 are in use"):
            batch.action_undo()
        self._ingest(self._row(5, "2026-01-10 00:00:00", meter))
        installation.write({"date_to": "2026-02-01 00:00:00", "end_index": 5})
        with self.assertRaisesRegex(UserError, "0701 are in use"):
            batch.action_undo()
