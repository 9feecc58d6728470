"""Golden vectors of the manuals, through the one door and what it lists."""

from decimal import Decimal

from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon

FIRST, LAST = "2026-07-11 16:00:00", "2026-08-11 16:00:00"

# KTAMR manual 4.4, 碧海1栋, 2003-7-12 to 2003-8-12, room and consumption
BLUE_SEA_1 = [
    ("0101", "7.21"),
    ("0111", "-10.90"),  # room 101 again, its other meter (1,3,12)
    ("0102", "7.00"),
    ("0103", "7.00"),
    ("0104", "7.33"),
    ("0201", "7.21"),
    ("0202", "2.10"),
    ("0203", "2.10"),
    ("0204", "2.10"),
    ("0301", "2.10"),
    ("0302", "2.10"),
    ("0303", "2.10"),
    ("0304", "2.10"),
    ("0401", "2.10"),
    ("0402", "2.10"),
    ("0403", "2.10"),
    ("0404", "2.60"),
]


@tagged("post_install", "-at_install")
class TestVeeGolden(MeteringCommon):
    def _read_twice(self, number, before, after):
        """A meter of its own, read at both ends of the month."""
        room = self._room(f"09{number:02}")
        __, meter = self._install(f"9900000001{number:02}", room)
        self._ingest(
            self._row(before, FIRST, meter, kind="daily"),
            self._row(after, LAST, meter, kind="daily"),
        )
        return meter

    def _usable(self, meter):
        """The difference of what counts: bills and reports see nothing else."""
        readings = self.env["amr.reading"].search(
            [("meter_id", "=", meter.id), ("quality", "=", "ok")], order="read_at"
        )
        return dec(readings[-1].index) - dec(readings[0].index)

    def _listed(self, meter):
        """The abnormal use of a meter, as the list shows it."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_abnormal_use_action"
        )
        return self.env[action["res_model"]].search([("meter_id", "=", meter.id)])

    def test_gv6_falls_are_exceptions_and_142_after_95_is_47(self):
        """S0 3.2.5: 21 after 106 is −85, 54 after 303 is −249; 142 after 95 is 47."""
        for number, before, after, usage in ((1, 106, 21, "-85"), (2, 303, 54, "-249")):
            meter = self._read_twice(number, before, after)
            finding = self._listed(meter)
            self.assertEqual(finding.kind, "negative")
            self.assertEqual(dec(finding.usage), Decimal(usage))
            self.assertEqual(finding.reading_id.quality, "suspect")
            self.assertEqual(finding.exception_id.state, "open")
            self.assertIn(f"so {usage} kWh", finding.exception_id.reason)
            self.assertEqual(self._usable(meter), 0)
        meter = self._read_twice(3, 95, 142)
        self.assertFalse(self._listed(meter))
        self.assertEqual(self._usable(meter), Decimal("47"))

    def test_gv7_the_negative_use_is_listed_and_not_added_up(self):
        """S0 4.4: the printed 48.45 hides −10.90; ours is listed on its own."""
        total, listed = Decimal(0), []
        for number, (_room, usage) in enumerate(BLUE_SEA_1, 10):
            start = Decimal("100.00")
            meter = self._read_twice(number, start, start + Decimal(usage))
            listed += [dec(finding.usage) for finding in self._listed(meter)]
            total += self._usable(meter)
        self.assertEqual(listed, [Decimal("-10.90")])
        self.assertEqual(total, Decimal("59.35"))
        self.assertEqual(total + sum(listed), Decimal("48.45"))

    def test_gv8_opening_44_latest_115(self):
        """S0 4.2.4, ratio 100 %."""
        room = self._room("0909")
        __, meter = self._install("990000000190", room, start_index=44)
        self._ingest(self._row(115, LAST, meter))
        self.assertEqual(meter.ratio_percent, 100)
        opening = meter.installation_ids.start_index
        usage = (dec(meter.latest_index) - dec(opening)) * dec(meter.factor, 6)
        self.assertEqual(usage, Decimal("71"))
        self.assertFalse(self._listed(meter))

    def test_gv9_differences_are_exact(self):
        """S4 2.2."""
        cases = [
            ("5081.9", "5086.5", "4.6"),
            ("1124.73", "1125.09", "0.36"),
            ("503.4", "504.02", "0.62"),
            ("6814.85", "6819.67", "4.82"),
            ("2095.19", "2104.93", "9.74"),
        ]
        for number, (before, after, usage) in enumerate(cases, 40):
            meter = self._read_twice(number, Decimal(before), Decimal(after))
            self.assertEqual(self._usable(meter), Decimal(usage))
            self.assertFalse(self._listed(meter))
