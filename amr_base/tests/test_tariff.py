from datetime import date

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.amr_base.tools import dec

from .common import AmrCommon


@tagged("post_install", "-at_install")
class TestTariff(AmrCommon):
    def _add_version(self, date_from, date_to=False, **vals):
        return self.env["amr.tariff.version"].create(
            {
                "tariff_id": self.tariff.id,
                "date_from": date_from,
                "date_to": date_to,
                **vals,
            }
        )

    @mute_logger("odoo.sql_db")
    def test_versions_never_overlap(self):
        with self.assertRaises(IntegrityError) as caught, self.cr.savepoint():
            self._add_version("2026-01-01", price=0.6)
        message = self.env["amr.tariff.version"]._no_overlap.get_error_message(
            self.env, caught.exception.diag
        )
        self.assertIn("end the earlier one", message)

    def test_a_later_version_takes_over_on_its_day(self):
        self.tariff.version_ids.date_to = "2026-06-16"
        self._add_version("2026-06-16", price=0.6)
        self.assertEqual(
            dec(self.tariff._version_at(date(2026, 6, 15)).price, 6), dec("0.5283", 6)
        )
        self.assertEqual(
            dec(self.tariff._version_at(date(2026, 6, 16)).price, 6), dec("0.6", 6)
        )
        self.assertEqual(
            len(self.tariff._versions_between(date(2026, 6, 1), date(2026, 7, 1))), 2
        )

    @mute_logger("odoo.sql_db")
    def test_negative_price_is_refused(self):
        with self.assertRaises(IntegrityError), self.cr.savepoint():
            self.tariff.version_ids.price = -0.1
            self.env.flush_all()

    def test_six_digit_prices_are_kept_exactly(self):
        self.tariff.version_ids.price = 0.123457
        self.tariff.version_ids.invalidate_recordset()
        self.assertEqual(str(dec(self.tariff.version_ids.price, 6)), "0.123457")

    def test_stepped_tariff_begins_at_zero(self):
        with self.assertRaisesRegex(ValidationError, "must begin at 0"):
            self._add_version(
                "2019-01-01",
                "2020-01-01",
                method="step",
                line_ids=[fields.Command.create({"quantity_from": 10, "price": 1})],
            )
