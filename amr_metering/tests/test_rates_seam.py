import json

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from ..models.amr_meter_rates import LAST_SQL, RATES
from .test_rates import SHOWN, RatesCommon


@tagged("post_install", "-at_install")
class TestRatesSeam(RatesCommon):
    """Where rates are cut: registers that turned, hours, repairs, one moment."""

    def _bring_back(self, old, **vals):
        return self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "moment": "2026-03-01 00:00:00",
                "new_meter_id": old.id,
                "reason": "Overhauled",
                **vals,
            }
        )

    def test_the_total_turned_over_and_then_a_rate(self):
        self._read(
            "2026-01-20 00:00:00",
            {"total": 100, "t1": 999990, "t2": 20, "t3": 40, "t4": 50},
        )
        wizard = self._open_replacement(closing_index=700000, closing_t1=5)
        with self.assertRaisesRegex(UserError, "should be 115.000, not 700000.000"):
            wizard.action_replace()
        wizard.closing_index = 115
        wizard.action_replace()
        self.assertEqual(self._get_shown(self.meter)["total"], 115)

    def test_a_rate_read_at_that_very_moment_is_what_it_was(self):
        midnight = "2026-01-31 16:00:00"
        self._read(midnight, {**SHOWN, "total": 110, "t1": 40}, kind="daily")
        wizard = self._open_replacement(
            moment=midnight, closing_index=112, closing_t1=42
        )
        with self.assertRaisesRegex(
            UserError, r"T1 peak was read 40\.000 at .*, at that very moment"
        ):
            wizard.action_replace()
        wizard.write({"closing_index": 110, "closing_t1": 40})
        wizard.action_replace()
        moment = fields.Datetime.to_datetime(midnight)
        self.assertEqual(self._get_shown(self.meter, moment)["t1"], 40)

    def test_what_a_repair_left_is_no_use(self):
        before = {"total": 5000, "t1": 2000, "t2": 1000, "t3": 1000, "t4": 1000}
        self._read("2026-01-20 00:00:00", before)
        self._open_replacement().action_replace()
        self.tariff.version_ids.normal_max = 1000
        shown = {"total": 4000, "t1": 1600, "t2": 800, "t3": 800, "t4": 800}
        indexes = {
            f"opening_{name.replace('total', 'index')}": index
            for name, index in shown.items()
        }
        self._bring_back(self.meter, **indexes).action_replace()
        moment = fields.Datetime.to_datetime("2026-03-01 00:00:00")
        self.assertEqual(self._get_shown(self.meter, moment), shown)
        self._read("2026-03-02 00:00:00", {"t1": 1605, "t2": 4000})
        later = fields.Datetime.to_datetime("2026-03-02 00:00:00")
        self.assertEqual(
            self._get_shown(self.meter, later), {"t1": 1605}, "5000 is too much"
        )

    def test_hours_tell_the_distance_too(self):
        self._read("2026-01-20 06:00:00", {**SHOWN, "total": 600}, kind="hourly")
        self._read("2026-01-20 07:00:00", {"total": 600.5}, kind="hourly")
        wizard = self._open_replacement(closing_index=604, closing_t1=35)
        with self.assertRaisesRegex(UserError, "should be 605.000, not 604.000"):
            wizard.action_replace()
        wizard.closing_index = 605
        wizard.action_replace()
        self.assertEqual(self._get_shown(self.meter)["t1"], 35)

    def test_rates_read_apart_keep_the_distance_they_had(self):
        self._read("2026-01-20 00:00:00", {**SHOWN, "total": 500})
        self._read("2026-01-21 00:00:00", {"t1": 31, "t2": 20})
        self._open_replacement(closing_index=505, closing_t1=35).action_replace()
        self.assertEqual(self._get_shown(self.meter)["total"], 505)

    def test_hours_of_years_ago_are_not_looked_through(self):
        """A meter without rates is looked for around its last reading only."""
        self._read("2024-01-10 06:00:00", {"t1": 1}, kind="hourly")
        self._read("2025-01-10 06:00:00", {"t1": 2}, kind="hourly")
        __, single = self._install(
            "990000000003", self._room("0103"), since="2023-12-31 16:00:00"
        )
        self._ingest(self._row(50, "2026-01-10 00:00:00", single))
        self.env.flush_all()
        self.env.cr.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {LAST_SQL}",
            {"ids": single.ids, "rates": list(RATES), "qualities": ["ok"]},
        )
        [[plan]] = self.env.cr.fetchall()
        plan = json.loads(plan) if isinstance(plan, str) else plan
        looked_at = self._get_scanned(plan[0]["Plan"])
        self.assertIn("amr_reading", looked_at)
        self.assertFalse(looked_at & {"amr_interval_2024_01", "amr_interval_2025_01"})

    def _get_scanned(self, node):
        """Return the tables that a plan's executed nodes looked into."""
        name = {node["Relation Name"]} if "Relation Name" in node else set()
        if not node["Actual Loops"]:
            return set()
        return name.union(*(self._get_scanned(n) for n in node.get("Plans", ())))

    def test_the_last_hour_of_a_rate_is_found(self):
        self._read("2026-01-20 06:00:00", {**SHOWN, "t1": 37}, kind="hourly")
        last = self.meter._get_last_rates()[self.meter.id]
        self.assertEqual(last["t1"][0], dec(37))
