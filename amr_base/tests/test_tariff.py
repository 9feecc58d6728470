from datetime import date, datetime
from pathlib import Path

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.modules.migration import load_script
from odoo.tests import Form, tagged
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

    @mute_logger("odoo.sql_db")
    def test_normal_use_is_entered_from_low_to_high(self):
        """Row 30: the normal use from … to of a tariff (KTAMR manual 3.1.1)."""
        version = self.tariff.version_ids
        with Form(version) as form:
            form.normal_min, form.normal_max = 10, 300
        self.assertEqual((version.normal_min, version.normal_max), (10, 300))
        version.normal_max = 0  # no limit
        self.env.flush_all()
        with self.assertRaises(IntegrityError) as caught, self.cr.savepoint():
            version.normal_max = 5
            self.env.flush_all()
        message = version._limits_ordered.get_error_message(
            self.env, caught.exception.diag
        )
        self.assertIn("must end above", message)

    def test_limits_entered_the_wrong_way_round_are_put_in_order_by_the_upgrade(self):
        version = self.tariff.version_ids
        constraint = "amr_tariff_version_limits_ordered"
        self.cr.execute(f"ALTER TABLE amr_tariff_version DROP CONSTRAINT {constraint}")
        version.write({"normal_min": 300, "normal_max": 10})
        other = version.copy({"date_from": "2019-01-01", "date_to": "2019-02-01"})
        other.write({"normal_min": 300, "normal_max": 0})
        self.env.flush_all()
        folder = Path(__file__).parent.parent / "migrations" / "19.0.1.0.1"
        load_script(str(folder / "pre-migration.py"), "limits").migrate(self.cr, "")
        self.env.invalidate_all()
        self.assertEqual((version.normal_min, version.normal_max), (10, 300))
        self.assertEqual((other.normal_min, other.normal_max), (300, 0))

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

    def test_a_line_alone_does_not_break_its_version(self):
        version = self._add_version(
            "2019-01-01",
            "2020-01-01",
            method="step",
            line_ids=[fields.Command.create({"quantity_from": 0, "price": 1})],
        )
        with self.assertRaisesRegex(ValidationError, "must begin at 0"):
            version.line_ids.quantity_from = 5
        first = version.line_ids
        version.line_ids = [
            fields.Command.update(first.id, {"quantity_from": 50}),
            fields.Command.create({"quantity_from": 0, "price": 0.5}),
        ]

    # === Time tables === #

    FIVE = (
        (0, 6, "t5"),
        (6, 8, "t4"),
        (8, 10, "t3"),
        (10, 12, "t2"),
        (12, 14, "t1"),
        (14, 22, "t3"),
        (22, 24, "t4"),
    )

    def _timetable(self, rates, name="Rates", **vals):
        return self.env["amr.timetable"].create(
            {
                "name": name,
                "line_ids": [
                    fields.Command.create(
                        {
                            "hour_from": start,
                            "hour_to": end,
                            "register": rate,
                            **vals,
                        }
                    )
                    for start, end, rate in rates
                ],
            }
        )

    def test_a_time_table_tells_the_rate_at_a_local_time(self):
        table = self._timetable(self.FIVE)
        for hour, minute, rate in (
            (0, 0, "t5"),
            (5, 59, "t5"),
            (6, 0, "t4"),
            (12, 30, "t1"),
            (23, 59, "t4"),
        ):
            moment = datetime(2026, 3, 1, hour, minute)
            self.assertEqual(table._register_at(moment), rate)
        self.assertIn("T1 12:00–14:00", table.summary)
        self.assertTrue(table.register_now)

    def test_seasons_and_nights_turn_over(self):
        table = self._timetable([(7, 23, "t2"), (23, 7, "t4")])
        self.assertEqual(table._register_at(datetime(2026, 1, 1, 3)), "t4")
        table.line_ids.write({"month_from": "11", "month_to": "4"})
        with self.assertRaisesRegex(ValidationError, "In month 5 no rate"):
            table._check_whole_year()

    def test_every_minute_has_one_rate(self):
        with self.assertRaisesRegex(ValidationError, "no rate holds at 22:00"):
            self._timetable(self.FIVE[:-1])
        with self.assertRaisesRegex(ValidationError, "two rates hold at 05:00"):
            self._timetable([*self.FIVE, (5, 6, "t1")])

    def test_a_version_prices_the_rates_of_its_table(self):
        table = self._timetable(self.FIVE)
        prices = [
            fields.Command.create({"register": f"t{n}", "price": n})
            for n in range(1, 5)
        ]
        with self.assertRaisesRegex(ValidationError, "differ in T5 deep valley"):
            self.tariff.version_ids.write(
                {"method": "tou", "timetable_id": table.id, "line_ids": prices}
            )
        self.tariff.version_ids.write(
            {
                "method": "tou",
                "timetable_id": table.id,
                "line_ids": [fields.Command.create({"register": "t5", "price": 5})],
            }
        )
        deep = table.line_ids.filtered(lambda line: line.register == "t5")
        for change in (
            lambda: deep.write({"register": "t4"}),
            lambda: table.write(
                {"line_ids": [fields.Command.update(deep.id, {"register": "t4"})]}
            ),
        ):
            with self.assertRaisesRegex(ValidationError, "differ in T5 deep valley"):
                change()

    # === Kinds of tariffs === #

    def test_a_tariff_switches_between_flat_rates_and_steps(self):
        """One tariff, three versions: flat, then time of use, then steps of a year."""
        self.tariff.version_ids.date_to = "2026-01-01"
        self._add_version(
            "2026-01-01",
            "2027-01-01",
            method="tou",
            line_ids=[fields.Command.create({"register": "t1", "price": 1.2})],
        )
        self._add_version(
            "2027-01-01",
            method="step",
            step_period="year",
            household_included=4,
            household_quantity=100,
            line_ids=[
                fields.Command.create({"quantity_from": start, "price": price})
                for start, price in ((0, 0.617), (3120, 0.667), (4800, 0.917))
            ],
        )
        self.assertEqual(
            self.tariff.version_ids.sorted("date_from").mapped("method"),
            ["flat", "tou", "step"],
        )

    def test_a_tariff_is_kept_in_its_form(self):
        manager = self._operator("amr_manager", "amr_base.group_manager")
        with Form(self.env["amr.tariff"].with_user(manager)) as form:
            form.name, form.utility_id = "Electricity-low income", self.electricity
            with form.version_ids.new() as version:
                version.date_from, version.price = "2026-01-01", 0.4
                version.normal_min, version.normal_max = 1, 300
                with version.surcharge_ids.new() as surcharge:
                    surcharge.name, surcharge.amount = "Fund", 0.029
        tariff = form.record
        self.assertEqual(len(self.env["amr.tariff"].search([]) & tariff), 1)
        twin = tariff.copy()
        self.assertEqual(twin.version_ids.surcharge_ids.amount, 0.029)
        self.assertNotEqual(twin.name, tariff.name)
        twin.unlink()
        self.assertFalse(twin.exists())

    @mute_logger("odoo.sql_db")
    def test_a_utility_has_two_default_tariffs(self):
        shop = self._tariff("Shops", self.electricity, 0.9)
        self.tariff.default_for, shop.default_for = "residential", "commercial"
        get = self.env["amr.tariff"]._get_default
        company = self.env.company
        self.assertEqual(get(company, self.electricity, "residential"), self.tariff)
        self.assertEqual(get(company, self.electricity, "commercial"), shop)
        self.assertFalse(get(company, self.cold_water, "residential"))
        with self.assertRaises(IntegrityError), self.cr.savepoint():
            shop.copy({"default_for": "commercial"})

    def test_a_utility_ends_with_its_validity(self):
        self.cold_water.date_end = "2026-06-01"
        self.cold_water._check_valid(date(2026, 5, 31))
        with self.assertRaisesRegex(UserError, "is not used any more"):
            self.cold_water._check_valid(date(2026, 6, 1))
