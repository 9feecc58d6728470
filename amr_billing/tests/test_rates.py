from datetime import date, timedelta

from odoo.fields import Command
from odoo.tests import tagged

from .common import FEBRUARY, JANUARY, BillingCommon


@tagged("post_install", "-at_install")
class TestRates(BillingCommon):
    """A month priced by rates is cut where its meter or its customer changes.

    Golden figures: peak 1.2, valley 0.3 yuan a kWh.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tariff.version_ids.write(
            {
                "method": "tou",
                "line_ids": [
                    Command.create({"register": "t1", "price": 1.2}),
                    Command.create({"register": "t4", "price": 0.3}),
                ],
            }
        )
        cls._freeze_all(JANUARY, 100, 200)
        # freezes around the change, both within the tolerance of a closing reading
        cls._freeze_all(date(2026, 1, 16), 110, 240)
        cls.moment = cls.community._local_midnight(date(2026, 1, 16)) + timedelta(
            hours=10
        )

    @classmethod
    def _freeze_all(cls, day, t1, t4, meter=None):
        for register, index in (("t1", t1), ("t4", t4), ("total", t1 + t4)):
            cls._freeze(day, index, meter, register)

    def _get_figures(self, charges):
        return [
            (c.component, c.start_index, c.end_index, c.consumption, c.amount)
            for c in charges.sorted(lambda c: (c.component, c.start_at))
        ]

    def test_a_replaced_meter_is_billed_rate_by_rate(self):
        new = self.meter.copy({"number": "990000000009", "address": "990000000009"})
        new.current_ratio = 2
        self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "moment": self.moment,
                "closing_index": 356.5,
                "closing_t1": 112.5,
                "closing_t4": 244,
                "new_meter_id": new.id,
                "opening_index": 8,
                "opening_t1": 5,
                "opening_t4": 3,
                "reason": "Broken display",
            }
        ).action_replace()
        self._freeze_all(date(2026, 1, 17), 6, 4, new)
        self._freeze_all(FEBRUARY, 25, 33, new)
        run = self._bill()
        self.assertBilled(run)
        self.assertEqual(
            self._get_figures(run.charge_ids),
            [
                ("t1", 100, 112.5, 12.5, 15.0),
                ("t1", 5, 25, 40, 48.0),
                ("t4", 200, 244, 44, 13.2),
                ("t4", 3, 33, 60, 18.0),
            ],
        )
        self.assertFalse(any(run.charge_ids.mapped("estimated")))

    def test_a_transfer_bills_each_customer_by_rates(self):
        account = self.env["amr.account"].create(
            {
                "partner_id": self.env["res.partner"].create({"name": "Li Si"}).id,
                "community_id": self.community.id,
            }
        )
        change = self.env["amr.occupancy.change"].create(
            {
                "room_id": self.room.id,
                "moment": self.moment,
                "account_id": account.id,
            }
        )
        change.line_ids.write({"index": 356.5, "t1": 112.5, "t4": 244})
        change.action_change()
        self._freeze_all(date(2026, 1, 17), 113, 246)
        self._freeze_all(FEBRUARY, 120, 300)
        charges = self._bill().charge_ids
        old = charges.filtered(lambda c: c.account_id == self.account)
        self.assertEqual(
            self._get_figures(old),
            [("t1", 100, 112.5, 12.5, 15.0), ("t4", 200, 244, 44, 13.2)],
        )
        self.assertEqual(
            self._get_figures(charges - old),
            [("t1", 112.5, 120, 7.5, 9.0), ("t4", 244, 300, 56, 16.8)],
        )

    def test_what_was_typed_at_midnight_is_billed_whatever_comes_later(self):
        """A freeze of the very moment of a change leaves no use to nobody."""
        new = self.meter.copy({"number": "990000000009", "address": "990000000009"})
        self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "moment": self.community._local_midnight(date(2026, 1, 20)),
                "closing_index": 356.5,
                "closing_t1": 112.5,
                "closing_t4": 244,
                "new_meter_id": new.id,
                "opening_index": 8,
                "opening_t1": 5,
                "opening_t4": 3,
                "reason": "Broken display",
            }
        ).action_replace()
        self._freeze(date(2026, 1, 20), 110, register="t1")
        self._freeze(date(2026, 1, 20), 4, new, "t1")
        self._freeze_all(FEBRUARY, 25, 33, new)
        self.assertEqual(
            self._get_figures(self._bill().charge_ids),
            [
                ("t1", 100, 112.5, 12.5, 15.0),
                ("t1", 5, 25, 20, 24.0),
                ("t4", 200, 244, 44, 13.2),
                ("t4", 3, 33, 30, 9.0),
            ],
        )

    def test_a_transfer_at_midnight_is_billed_as_typed(self):
        account = self.env["amr.account"].create(
            {
                "partner_id": self.env["res.partner"].create({"name": "Li Si"}).id,
                "community_id": self.community.id,
            }
        )
        change = self.env["amr.occupancy.change"].create(
            {
                "room_id": self.room.id,
                "moment": self.community._local_midnight(date(2026, 1, 20)),
                "account_id": account.id,
            }
        )
        change.line_ids.write({"index": 356.5, "t1": 112.5, "t4": 244})
        change.action_change()
        self._freeze_all(date(2026, 1, 20), 111, 242)
        self._freeze_all(FEBRUARY, 120, 300)
        charges = self._bill().charge_ids
        self.assertEqual(
            self._get_figures(charges),
            [
                ("t1", 100, 112.5, 12.5, 15.0),
                ("t1", 112.5, 120, 7.5, 9.0),
                ("t4", 200, 244, 44, 13.2),
                ("t4", 244, 300, 56, 16.8),
            ],
        )
