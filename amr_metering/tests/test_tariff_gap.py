from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command, Date
from odoo.tests import tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestTariffGap(MeteringCommon):
    """The coverage check, defaults and validity of tariffs on agreements."""

    def _gaps(self):
        gaps = self.env["amr.tariff.gap"].search(
            [("agreement_id", "=", self.agreement.id)]
        )
        return [
            (gap.problem, str(gap.date_from), gap.date_to and str(gap.date_to))
            for gap in gaps
        ]

    def test_a_covered_agreement_is_not_listed(self):
        self.assertEqual(self._gaps(), [])

    def test_days_without_a_version_are_listed(self):
        first = self.tariff.version_ids
        first.date_to = "2026-03-01"
        self.assertEqual(self._gaps(), [("no_version", "2026-03-01", False)])
        self.tariff.version_ids = [
            Command.create({"date_from": "2026-04-01", "price": 1})
        ]
        self.assertEqual(self._gaps(), [("no_version", "2026-03-01", "2026-04-01")])
        self.agreement.date_to = "2026-03-10 16:00:00"  # 11 March in Shanghai
        self.assertEqual(self._gaps(), [("no_version", "2026-03-01", "2026-03-11")])
        first.date_from = "2026-02-01"
        self.assertEqual(
            self._gaps(),
            [
                ("no_version", "2026-01-01", "2026-02-01"),
                ("no_version", "2026-03-01", "2026-03-11"),
            ],
        )

    def test_versions_that_lack_prices_are_listed(self):
        version = self.tariff.version_ids
        version.price = 0
        self.assertEqual(self._gaps(), [("no_price", "2026-01-01", False)])
        version.write(
            {
                "method": "tou",
                "line_ids": [Command.create({"register": "t1", "price": 1})],
            }
        )
        self.assertEqual(self._gaps(), [("no_timetable", "2026-01-01", False)])

    def test_a_room_brings_its_default_tariff(self):
        shop = self._tariff("Shops", self.electricity, 0.9)
        self.tariff.default_for, shop.default_for = "residential", "commercial"
        for usage, tariff in (("residential", self.tariff), ("commercial", shop)):
            room = self._room(f"02{len(usage):02}")
            room.usage = usage
            point = self.env["amr.metering.point"].create(
                {"utility_id": self.electricity.id, "room_id": room.id}
            )
            agreement = self.env["amr.agreement"].create(
                {"account_id": self.account.id, "point_id": point.id}
            )
            self.assertEqual(agreement.tariff_id, tariff)

    def test_one_meter_has_its_own_price(self):
        """DH6200 manual 2.2: 1.2 for one meter and 0.97 for its neighbour."""
        point, _meter = self._install("990000000002", self._room("0102"))
        own = self.tariff.copy({"name": "Own price"})
        own.version_ids.price = 0.97
        self.tariff.version_ids.price = 1.2
        other = self._agree(point, tariff=own)
        today = Date.today()
        self.assertEqual(
            [
                agreement.tariff_id._version_at(today).price
                for agreement in (self.agreement, other)
            ],
            [1.2, 0.97],
        )

    def test_an_ended_tariff_is_not_agreed_any_more(self):
        point, _meter = self._install("990000000002", self._room("0102"))
        old = self._tariff("Old", self.electricity, 1)
        old.version_ids.date_to = "2025-12-31"
        with self.assertRaisesRegex(ValidationError, "has ended before 2026-01-01"):
            self._agree(point, tariff=old)

    def test_an_ended_utility_is_not_metered_any_more(self):
        self.electricity.date_end = "2026-01-05"
        with self.assertRaisesRegex(UserError, "is not used any more"):
            self.env["amr.metering.point"].create(
                {"utility_id": self.electricity.id, "room_id": self._room("0102").id}
            )
