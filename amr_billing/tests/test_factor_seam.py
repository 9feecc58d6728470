from datetime import date, timedelta
from decimal import Decimal

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from .common import FEBRUARY, JANUARY, BillingCommon


@tagged("post_install", "-at_install")
class TestFactorSeam(BillingCommon):
    """A month in which ratios changed is billed in parts, register by register."""

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
        cls._read(cls.community._local_midnight(JANUARY), "daily", 0, 0)

    @classmethod
    def _read(cls, at, kind, t1, t4):
        cls._ingest(
            *(
                cls._row(index, at.isoformat(" "), kind=kind, register=register)
                for register, index in (("t1", t1), ("t4", t4), ("total", t1 + t4))
            )
        )

    def test_each_register_is_cut_where_the_new_factor_begins(self):
        seam = self.community._local_midnight(date(2026, 1, 16)) + timedelta(hours=10)
        # freezes around the seam, both within the tolerance of a closing reading
        self._read(seam - timedelta(hours=10), "daily", 8, 40)
        self._read(seam, "spot", 10, 50)
        self.meter.current_ratio = 30
        self._read(seam + timedelta(hours=14), "daily", 11, 52)
        self._read(self.community._local_midnight(FEBRUARY), "daily", 12, 54)
        run = self._bill()
        charges = run.charge_ids.sorted(lambda c: (c.component, c.start_at))
        self.assertEqual(
            [(c.component, c.factor, c.consumption, c.amount) for c in charges],
            [
                ("t1", 1, 10, 12.0),
                ("t1", 30, 60, 72.0),
                ("t4", 1, 50, 15.0),
                ("t4", 30, 120, 36.0),
            ],
        )
        month = self.env["amr.usage.month"].search(
            [("meter_id", "=", self.meter.id), ("month", "=", "2026-01-01")]
        )
        self.assertEqual(
            sum(dec(charge.consumption) for charge in charges),
            sum(dec(row.usage) for row in month),
        )

    def test_a_factor_does_not_change_between_readings_of_the_registers(self):
        at = self.community._local_midnight(date(2026, 1, 16))
        self._ingest(self._row(60, at.isoformat(" "), kind="daily"))
        with self.assertRaisesRegex(UserError, "Read all registers"):
            self.meter.current_ratio = 30
        self.env.invalidate_all()
        self._read(self.community._local_midnight(FEBRUARY), "daily", 30, Decimal(70))
        self.assertEqual(sum(self._bill().charge_ids.mapped("consumption")), 100)
