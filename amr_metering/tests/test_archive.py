from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestMeterArchive(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._operator("amr_admin", "amr_base.group_community_admin")
        cls.line = cls.env["amr.line"].create(
            {"building_id": cls.building.id, "code": "01", "name": "Shaft"}
        )
        cls.box = cls.env["amr.box"].create(
            {
                "building_id": cls.building.id,
                "name": "B1",
                "line_id": cls.line.id,
                "capacity": 2,
            }
        )

    def _attach(self, meters, **vals):
        wizard = (
            self.env["amr.meter.attach"]
            .with_user(self.admin)
            .with_context(active_model="amr.meter", active_ids=meters.ids)
            .create(vals)
        )
        wizard.action_attach()

    def test_a_meter_is_entered_with_its_opening_index(self):
        """KTAMR manual 3.2.5: number, model, ratios; the typed opening index shows."""
        with Form(self.env["amr.meter"].with_user(self.admin)) as form:
            form.number, form.model_id = "990000000077", self.meter_model
            form.address, form.ratio_percent = "1606050001", 100
            with form.installation_ids.new() as line:
                line.point_id = self.env["amr.metering.point"].create(
                    {
                        "utility_id": self.electricity.id,
                        "building_id": self.building.id,
                        "kind": "master",
                    }
                )
                line.date_from, line.start_index = "2026-06-05 00:00:00", 5
        meter = form.record
        self.assertEqual((meter.latest_index, meter.latest_at), (5, False))
        self.assertEqual((meter.state, meter.point_id.kind), ("not_enabled", "master"))
        meter.installation_ids.start_index = 6
        self.assertEqual(meter.latest_index, 6)
        waiting = [("state", "=", "not_enabled"), ("point_id", "!=", False)]
        self.assertIn(meter, self.env["amr.meter"].search(waiting))
        self._ingest(self._row(6.5, "2026-06-06 00:00:00", meter))
        self.assertEqual((meter.state, meter.latest_index), ("normal", 6.5))

    def test_numbers_follow_the_rules_of_their_maker(self):
        self.meter_model.number_rule = "[0-9]{8}"
        with self.assertRaisesRegex(ValidationError, "does not follow the pattern"):
            self.meter.copy({"number": "1234567", "address": False})
        self.meter_model.write({"number_rule": False, "unique_tail": 8})
        with self.assertRaisesRegex(ValidationError, "must be unique"):
            self.meter.copy({"number": "550000000001", "address": False})
        self.meter.copy({"number": "550000000002", "address": False})
        with self.assertRaisesRegex(ValidationError, "not a valid regular"):
            self.meter_model.number_rule = "["

    def test_a_room_with_meters_is_not_deleted(self):
        """KTAMR manual 3.2.4: there are meters in the room, delete these first."""
        room = self.room.with_user(self.admin)
        self.assertEqual(room.meter_numbers, self.meter.number)
        with self.assertRaisesRegex(UserError, f"1 meters .{self.meter.number}"):
            room.unlink()
        empty = self._room("0102")
        point = self.env["amr.metering.point"].create(
            {"utility_id": self.electricity.id, "room_id": empty.id}
        )
        with self.assertRaisesRegex(UserError, "1 metering points"):
            empty.with_user(self.admin).unlink()
        third = self._room("0103")
        without = [("point_ids", "not any", [("meter_id", "!=", False)])]
        found = self.env["amr.room"].with_user(self.admin).search(without)
        self.assertEqual(found & (self.room | empty | third), empty | third)
        point.unlink()
        (empty | third).with_user(self.admin).unlink()

    def test_a_card_meter_has_no_address(self):
        """Remote prepaid manual 4.2.1: the address of a card meter is all zeros."""
        meters = self.env["amr.meter"].create(
            [
                {
                    "number": f"99000000008{n}",
                    "model_id": self.meter_model.id,
                    "address": "000000000000",
                }
                for n in range(2)
            ]
        )
        self.assertEqual(meters.mapped("address"), [False, False])

    def test_meters_are_attached_in_bulk(self):
        _point, second = self._install("990000000002", self._room("0102"))
        both = self.meter | second
        self._attach(both, box_id=self.box.id)
        self.assertEqual((both.box_id, both.line_id), (self.box, self.line))
        self.assertEqual(self.box.meter_count, 2)
        _point, third = self._install("990000000003", self._room("0103"))
        with self.assertRaisesRegex(ValidationError, "has room for 2 meters"):
            self._attach(third, box_id=self.box.id)
        with self.assertRaisesRegex(UserError, "Choose what"):
            self._attach(third)
        with self.assertRaisesRegex(UserError, "still has .* meters"):
            self.box.unlink()

    def test_meters_stay_with_the_boxes_of_their_community(self):
        _point, far = self._install(
            "990000000002", self._room("0101", self.other_building)
        )
        with self.assertRaisesRegex(UserError, "several communities"):
            self.env["amr.meter.attach"].create(
                {
                    "meter_ids": (self.meter | far).ids,
                    "line_id": self.line.id,
                }
            ).action_attach()
        with self.assertRaisesRegex(ValidationError, "measures in"):
            far.line_id = self.line

    def test_a_building_tells_its_meters_and_their_total(self):
        _point, second = self._install("990000000002", self._room("0102"))
        second.ratio_percent = 50
        self._ingest(
            self._row(10, "2026-01-10 00:00:00"),
            self._row(5, "2026-01-10 00:00:00", second),
        )
        building = self.building.with_user(self.admin)
        self.assertEqual(
            (building.meter_count, building.index_summary), (2, "12.500 kWh")
        )
        self.assertFalse(self.other_building.meter_count)

    def test_what_has_one_unit_is_told_apart_by_its_name(self):
        room = self._room("0102")
        for number, utility in enumerate(
            (self.cold_water, self.env.ref("amr_base.utility_hot_water"))
        ):
            model = self.env["amr.meter.model"].create(
                {"name": utility.name, "utility_id": utility.id}
            )
            point = self.env["amr.metering.point"].create(
                {"utility_id": utility.id, "room_id": room.id}
            )
            meter = self.env["amr.meter"].create(
                {"number": f"77{number}", "model_id": model.id}
            )
            self.env["amr.installation"].create(
                {"meter_id": meter.id, "point_id": point.id, "start_index": number + 1}
            )
        self.building.invalidate_recordset()
        self.assertEqual(
            self.building.index_summary,
            "0.000 kWh; Cold water 1.000 m³; Hot water 2.000 m³",
        )

    def test_rooms_and_meters_are_listed_with_their_usage(self):
        """The columns of KTAMR manual 3.2; GV6: 21 after 106 is −85, and shown."""
        self._ingest(self._row(95, "2026-01-10 00:00:00"))
        now = self.env.cr.now().replace(microsecond=0)
        self._ingest(self._row(142, str(now)))
        row = self.point.with_user(self.admin).read(
            [
                "account_number",
                "partner_id",
                "room_id",
                "meter_address",
                "latest_index",
                "previous_index",
                "period_usage",
                "meter_state",
                "installed_at",
            ]
        )[0]
        self.assertEqual(row["account_number"], self.account.number)
        self.assertEqual(row["partner_id"][0], self.partner.id)
        self.assertEqual((row["latest_index"], row["previous_index"]), (142, 95))
        self.assertEqual(str(dec(row["period_usage"])), "47.000")
        self.assertEqual(row["meter_state"], "normal")
        self.meter.latest_index = 10
        self.point.invalidate_recordset()
        self.assertEqual(str(dec(self.point.period_usage)), "-85.000")

    def test_a_point_without_a_meter_is_listed_too(self):
        point = self.env["amr.metering.point"].create(
            {"utility_id": self.electricity.id, "room_id": self._room("0102").id}
        )
        self.assertEqual((point.period_usage, point.installed_at), (0, False))

    def test_the_navigation_counts_meters_by_building(self):
        self._install("990000000002", self._room("0102"))
        panel = (
            self.env["amr.meter"]
            .with_user(self.admin)
            .search_panel_select_multi_range("building_id", enable_counters=True)
        )
        counts = {value["id"]: value["__count"] for value in panel["values"]}
        self.assertEqual(counts, {self.building.id: 2})

    def test_meter_types_and_utilities_of_the_manuals(self):
        manager = self._operator("amr_manager", "amr_base.group_manager")
        codes = self.env["amr.utility"].search([]).mapped("code")
        self.assertLessEqual(
            {"electricity", "cold_water", "hot_water", "purified_water", "gas", "heat"},
            set(codes),
        )
        for phase in ("single", "three_ct", "three_direct"):
            with Form(self.env["amr.meter.model"].with_user(manager)) as form:
                form.name, form.utility_id = f"X-{phase}", self.electricity
                form.phase = phase
            self.assertEqual(form.record.phase, phase)
        form.record.manufacturer = "DH"
        form.record.unlink()
