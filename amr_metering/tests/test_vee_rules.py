from datetime import datetime, timedelta
from decimal import Decimal

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestVeeRules(MeteringCommon):
    """Rules that judge a reading as it comes in."""

    def _findings(self, meter=None, kind=None):
        domain = [("meter_id", "=", (meter or self.meter).id)]
        if kind:
            domain.append(("kind", "=", kind))
        return self.env["amr.reading.verdict"].search(domain)

    def _exceptions(self, meter=None):
        return self.env["amr.exception"].search(
            [("meter_id", "=", (meter or self.meter).id)]
        )

    def _rule(self, kind, **vals):
        general = self.env["amr.vee.rule"].search(
            [("kind", "=", kind), ("community_id", "=", False)], limit=1
        )
        if not vals:
            return general
        return general.copy(vals)

    def _limits(self, **vals):
        self.tariff.version_ids.write(vals)

    # === Which rule holds === #

    def test_every_kind_has_a_rule_from_the_start(self):
        rules = self.env["amr.vee.rule"].search(
            [("community_id", "=", False), ("utility_id", "=", False)]
        )
        kinds = dict(rules._fields["kind"].selection)
        self.assertEqual(set(rules.mapped("kind")), set(kinds))
        for rule in rules:
            self.assertTrue(rule.meaning)
            self.assertNotIn("%(", rule.meaning)

    def test_a_rule_of_the_community_goes_before_the_general_one(self):
        self._rule("negative", community_id=self.community.id, active=False)
        self._ingest(
            self._row(106, "2026-01-02 00:00:00"), self._row(21, "2026-02-02 00:00:00")
        )
        self.assertFalse(self._exceptions())
        self.assertEqual(self.meter.latest_index, 21)

    def test_a_rule_of_another_community_or_utility_does_not_matter(self):
        for vals in (
            {"community_id": self.other_community.id},
            {"utility_id": self.cold_water.id},
        ):
            self._rule("negative", active=False, **vals)
        self._ingest(
            self._row(106, "2026-01-02 00:00:00"), self._row(21, "2026-02-02 00:00:00")
        )
        self.assertEqual(self._exceptions().kind, "negative")

    def test_a_rule_can_use_and_raise_or_only_note(self):
        self._limits(normal_max=100)
        rule = self._rule("high", utility_id=self.electricity.id, severity="note")
        self._ingest(self._row(900, "2026-01-20 00:00:00"))
        finding = self._findings()
        self.assertEqual((finding.rule_id, finding.severity), (rule, "note"))
        self.assertEqual(finding.reading_id.quality, "ok")
        self.assertFalse(self._exceptions())
        rule.severity = "exception"
        self._ingest(self._row(1900, "2026-01-25 00:00:00"))
        self.assertEqual(self._exceptions().kind, "high")
        self.assertEqual(self.meter.latest_index, 1900)

    def test_two_values_at_one_time_can_never_both_count(self):
        for vals in ({"active": False}, {"severity": "note"}):
            with self.assertRaises(ValidationError):
                self._rule("conflict").write(vals)

    def test_a_rule_over_days_cannot_hold_back(self):
        for kind in ("static", "skew", "late"):
            with self.assertRaisesRegex(ValidationError, "not held back"):
                self._rule(kind).severity = "suspect"

    def test_a_community_administrator_sets_rules_of_his_communities_only(self):
        admin = self._operator("vee_admin", "amr_base.group_community_admin")
        rules = self.env["amr.vee.rule"].with_user(admin)
        own = rules.create(
            {"kind": "static", "community_id": self.community.id, "days": 9}
        )
        self.assertEqual(own.company_id, self.community.company_id)
        with self.assertRaises(AccessError):
            rules.create(
                {"kind": "static", "community_id": self.other_community.id, "days": 9}
            )
        general = self._rule("static").with_user(admin)
        self.assertTrue(general.meaning)
        with self.assertRaises(AccessError):
            general.days = 3
        foreign = self._rule("static", community_id=self.other_community.id)
        self.assertFalse(rules.search([("id", "=", foreign.id)]))

    # === What is found === #

    def test_roll_over_counts_only_when_the_use_is_plausible(self):
        self._ingest(self._row(99500, "2026-01-02 00:00:00"))
        self.meter.model_id.digits = 5
        self._ingest(self._row(99990, "2026-01-31 00:00:00"))
        self._ingest(self._row(4000, "2026-02-02 00:00:00"))
        finding = self._findings(kind="rollover")
        self.assertEqual(dec(finding.usage), Decimal("4010"))
        self.assertEqual(self._exceptions().kind, "rollover")
        self._ingest(self._row(12, "2026-02-03 00:00:00"))
        self.assertEqual(self.meter.latest_index, 12)
        self.assertEqual(self._exceptions().state, "resolved")

    def test_a_roll_over_without_a_past_is_held_back_unless_it_is_next_to_nothing(self):
        self.meter.model_id.digits = 5
        self._ingest(self._row(96000, "2026-01-02 00:00:00"))
        self._ingest(self._row(4900, "2026-04-20 00:00:00"))
        self.assertEqual(self._exceptions().kind, "rollover")
        self.assertEqual(self.meter.latest_index, 96000)

    def test_without_the_rule_every_roll_over_counts(self):
        self._rule("rollover", community_id=self.community.id, active=False)
        self._ingest(
            self._row(999990, "2026-01-02 00:00:00"),
            self._row(4000, "2026-01-03 00:00:00"),
        )
        self.assertFalse(self._exceptions())
        self.assertEqual(self.meter.latest_index, 4000)

    def test_limits_change_at_midnight_in_the_communitys_time(self):
        """1 February in Shanghai begins at 16:00 UTC of 31 January."""
        self._limits(normal_max=100, date_to="2026-02-01")
        self.tariff.version_ids = [
            Command.create({"date_from": "2026-02-01", "price": 1, "normal_max": 1000})
        ]
        self._ingest(
            self._row(10, "2026-01-31 15:00:00"), self._row(500, "2026-01-31 16:30:00")
        )
        self.assertFalse(self._findings(kind="high"))
        __, meter = self._install("990000000077", self._room("0177"))
        self._agree(meter.point_id)
        self._ingest(
            self._row(10, "2026-01-31 08:00:00", meter),
            self._row(500, "2026-01-31 15:30:00", meter),
        )
        self.assertEqual(self._findings(meter).kind, "high")

    def test_use_below_the_tariffs_limit_of_a_month(self):
        """Row 55: the normal use from … to of the tariff (KTAMR manual 3.1.1)."""
        self._limits(normal_min=20, normal_max=300)
        rows = [("2026-01-31 16:00:00", 5), ("2026-02-28 16:00:00", 105)]
        for read_at, index in rows:
            self._ingest(self._row(index, read_at, kind="daily"))
        finding = self._findings()
        self.assertEqual((finding.kind, dec(finding.usage)), ("low", Decimal(5)))
        self.assertAlmostEqual(finding.limit_value, 20 * 31 / 30.4375, places=2)
        self.assertEqual(finding.reading_id.quality, "ok")
        self.assertIn("less than the tariff's normal use", self._exceptions().reason)
        self.assertTrue(self.meter.usage_anomaly)

    def test_a_freeze_off_midnight_tells_of_a_wrong_clock(self):
        self._ingest(self._row(5, "2026-01-31 16:04:00", kind="daily"))
        self.assertFalse(self._findings())
        self._ingest(self._row(6, "2026-02-01 16:20:00", kind="daily"))
        self.assertEqual(self._findings().kind, "skew")
        self.assertIn("2026-02-02 00:20", self._findings().reason)
        self.assertEqual(self.meter.latest_index, 6)

    def test_a_reading_out_of_order_is_noted(self):
        self._ingest(self._row(50, "2026-06-01 00:00:00"))
        self._ingest(self._row(20, "2026-03-01 00:00:00"))
        self.assertEqual(self._findings().kind, "late")
        self._ingest(self._row(10, "2026-02-01 00:00:00", source="import"))
        self.assertEqual(len(self._findings()), 1)

    def test_a_duplicate_is_noted_once(self):
        row = self._row(10, "2026-01-02 00:00:00")
        for _time in range(2):
            self._ingest(row, row)
        self.assertEqual(self._findings().kind, "duplicate")
        self.assertFalse(self._exceptions())

    def test_a_stamp_in_the_future_by_the_rules_minutes(self):
        self._rule("future", community_id=self.community.id, limit_value=120)
        soon = datetime.now() + timedelta(minutes=60)
        self._ingest(self._row(5, soon.isoformat(" ", "seconds")))
        self.assertFalse(self._findings())

    def test_a_factor_that_changes_in_use_is_raised(self):
        self.meter.current_ratio = 2  # not read yet: nothing to be wrong
        self._ingest(self._row(5, "2026-01-02 00:00:00"))
        self.assertFalse(self._findings())
        self.meter.current_ratio = 40
        finding = self._findings()
        self.assertEqual(finding.kind, "factor")
        self.assertIn("from 2.000 to 40.000", self._exceptions().reason)
        self.meter.current_ratio = 4  # again, before the next reading
        self.assertIn("from 40.000 to 4.000", self._exceptions().reason)

    def test_not_a_number_that_was_typed_is_refused_with_a_sentence(self):
        for index in (float("nan"), float("inf"), Decimal("NaN"), -1, 10**13):
            row = {**self._row(1, "2026-01-02 00:00:00"), "index": index}
            with self.assertRaisesRegex(UserError, "is no index"):
                self.env["amr.reading"]._ingest_typed([row])
        with self.assertRaisesRegex(UserError, "is no number"):
            dec(float("nan"))

    def test_a_verdict_speaks_for_itself(self):
        self._limits(normal_max=100)
        self._ingest(
            self._row(900, "2026-01-20 00:00:00"), self._row(20, "2026-01-21 00:00:00")
        )
        for finding in self._findings():
            self.assertIn(self.meter.number, finding.reason)
            self.assertNotIn("%(", finding.reason)
            self.assertIn(finding, finding.reading_id.verdict_ids)
            self.assertTrue(finding.rule_id)

    def test_verdicts_are_nobodys_to_write(self):
        self._ingest(
            self._row(106, "2026-01-02 00:00:00"), self._row(21, "2026-02-02 00:00:00")
        )
        admin = self._operator("vee_admin", "amr_base.group_community_admin")
        finding = self._findings().with_user(admin)
        self.assertTrue(finding.reason)
        with self.assertRaises(AccessError):
            finding.usage = 0
        other = self._operator(
            "vee_other", "amr_base.group_community_admin", self.other_community
        )
        with self.assertRaises(AccessError):
            finding.with_user(other).read(["reason"])
