from datetime import date, timedelta
from io import BytesIO

from openpyxl import load_workbook

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import MeteringCommon

SHOWN = {"total": 100, "t1": 30, "t2": 20, "t3": 40, "t4": 10}


class RatesCommon(MeteringCommon):
    """A meter with four rates, read once at 2026-01-10."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.lang = cls.env.company.partner_id.lang = False
        cls._read("2026-01-10 00:00:00", SHOWN)
        cls.newcomer = cls.env["amr.account"].create(
            {
                "partner_id": cls.env["res.partner"].create({"name": "Li Si"}).id,
                "community_id": cls.community.id,
            }
        )
        cls.moment = fields.Datetime.to_datetime("2026-02-01 00:00:00")

    @classmethod
    def _read(cls, at, shown, meter=None, kind="spot"):
        cls._ingest(
            *(
                cls._row(index, at, meter, register=register, kind=kind)
                for register, index in shown.items()
            )
        )

    @classmethod
    def _price_rates(cls, tariff=None, **prices):
        (tariff or cls.tariff).version_ids.write(
            {
                "method": "tou",
                "line_ids": [
                    Command.create({"register": rate, "price": price})
                    for rate, price in prices.items()
                ],
            }
        )

    def _get_shown(self, meter, moment=None):
        """Return what is used of each register of a meter at a moment."""
        Reading = self.env["amr.reading"]
        return {
            register: float(used[meter.id].index)
            for register, __ in Reading._get_labels("register")
            if (
                used := Reading._usable_at(meter, moment or self.moment, None, register)
            )
        }

    def _open_replacement(self, **vals):
        spare = self.meter.copy({"number": "990000000009", "address": "990000000009"})
        wizard = self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "moment": self.moment,
                "new_meter_id": spare.id,
                "reason": "Broken display",
            }
        )
        wizard.write(vals)
        return wizard


@tagged("post_install", "-at_install")
class TestRates(RatesCommon):
    """Rows 54, 90, 91: where something changes, every rate is read."""

    def test_the_wizard_proposes_what_each_rate_last_showed(self):
        with Form(
            self.env["amr.meter.replace"].with_context(default_point_id=self.point.id)
        ) as form:
            self.assertEqual(
                [form[f"closing_{rate}"] for rate in ("t1", "t2", "t3", "t4")],
                [30, 20, 40, 10],
            )
            self.assertEqual(form.closing_rates, "t1 t2 t3 t4")
            form.new_meter_id = self.meter.copy({"number": "99", "address": "99"})
            self.assertEqual(form.opening_rates, "t1 t2 t3 t4")
            form.reason = "Broken display"

    def test_a_replacement_reads_every_rate_of_both_meters(self):
        closing = {"total": 130, "t1": 40, "t2": 25, "t3": 50, "t4": 15}
        opening = {"total": 2.5, "t1": 1, "t2": 0.5, "t3": 0.75, "t4": 0.25}
        wizard = self._open_replacement(
            closing_index=130, closing_t1=40, closing_t2=25, closing_t3=50,
            closing_t4=15, opening_index=2.5, opening_t1=1, opening_t2=0.5,
            opening_t3=0.75, opening_t4=0.25,
        )  # fmt: skip
        wizard.action_replace()
        self.assertEqual(self._get_shown(self.meter), closing)
        self.assertEqual(self._get_shown(wizard.new_meter_id), opening)
        self.assertIn("T1 peak 40.000", wizard.new_meter_id.message_ids[0].body)

    def test_rates_that_do_not_make_the_total_are_refused(self):
        wizard = self._open_replacement(closing_index=130)
        with self.assertRaisesRegex(UserError, "show 100.000 together.*not 130.000"):
            wizard.action_replace()

    def test_rates_of_the_new_meter_make_its_total_too(self):
        with self.assertRaisesRegex(UserError, "7.000 together"):
            self._open_replacement(closing_index=100, opening_t1=7).action_replace()

    def test_a_total_that_is_not_the_sum_is_taken_on_a_tick(self):
        wizard = self._open_replacement(opening_t1=7, opening_apart=True)
        wizard.action_replace()
        self.assertEqual(self._get_shown(wizard.new_meter_id)["t1"], 7)

    def test_each_rate_may_cut_off_what_it_does_not_show(self):
        self._open_replacement(closing_index=100.04).action_replace()
        self.assertEqual(self._get_shown(self.meter)["total"], 100.04)

    def test_rates_switched_on_later_keep_their_distance(self):
        self._read("2026-01-20 00:00:00", {**SHOWN, "total": 500})
        wizard = self._open_replacement(closing_index=505, closing_t1=34)
        with self.assertRaisesRegex(UserError, "should be 504.000, not 505.000"):
            wizard.action_replace()
        wizard.closing_t1 = 35
        wizard.action_replace()
        self.assertEqual(self._get_shown(self.meter)["t1"], 35)

    def test_registers_turn_over_each_for_itself(self):
        self._read(
            "2026-01-20 00:00:00",
            {"total": 999990, "t1": 499990, "t2": 200000, "t3": 200000, "t4": 100000},
        )
        wizard = self._open_replacement(closing_index=10, closing_t1=500010)
        wizard.action_replace()
        self.assertEqual(self._get_shown(self.meter)["t1"], 500010)

    def test_no_rate_runs_backwards(self):
        wizard = self._open_replacement(closing_index=105, closing_t1=45, closing_t4=0)
        with self.assertRaisesRegex(UserError, "T4 valley was read 10.000"):
            wizard.action_replace()

    def test_an_overhauled_meter_begins_anew_with_every_rate(self):
        old = self.meter
        wizard = self._open_replacement()
        wizard.action_replace()
        back = self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "moment": "2026-03-01 00:00:00",
                "new_meter_id": old.id,
                "opening_index": 0,
                **{f"opening_{rate}": 0 for rate in ("t1", "t2", "t3", "t4")},
                "reason": "Overhauled",
            }
        )
        back.action_replace()
        moment = fields.Datetime.to_datetime("2026-03-01 00:00:00")
        self.assertEqual(self._get_shown(old, moment), dict.fromkeys(SHOWN, 0))
        self._read("2026-03-02 00:00:00", {"total": 5, "t1": 5, "t2": 0})
        self.assertEqual(
            self._get_shown(old, moment + timedelta(days=1)),
            {"total": 5, "t1": 5, "t2": 0},
        )

    def _change(self, **vals):
        change = self.env["amr.occupancy.change"].create(
            {"room_id": self.room.id, "moment": self.moment, **vals}
        )
        return change, change.line_ids

    def test_a_move_reads_every_rate(self):
        change, line = self._change(account_id=self.newcomer.id)
        self.assertEqual((change.rates, line.t3), ("t1 t2 t3 t4", 40))
        line.index = 112
        with self.assertRaisesRegex(UserError, "should be 100.000, not 112.000"):
            change.action_change()
        line.write({"t1": 33, "t2": 23, "t3": 43, "t4": 13})
        change.action_change()
        shown = {"total": 112, "t1": 33, "t2": 23, "t3": 43, "t4": 13}
        self.assertEqual(self._get_shown(self.meter), shown)
        self.assertIn("T2 high 23.000", self.newcomer.message_ids[0].body)

    def test_a_move_over_a_turned_register(self):
        self._read("2026-01-20 00:00:00", {"total": 999999})
        change, line = self._change()
        line.write({"index": 3, "rates_apart": True})
        change.action_change()
        self.assertEqual(self.agreement.date_to, self.moment)

    def test_who_moves_in_at_prices_by_rates_has_them_read(self):
        room = self._room("0102")
        point, meter = self._install("990000000002", room)
        self._ingest(self._row(50, "2026-01-10 00:00:00", meter))
        tariff = self.tariff.copy()
        self._price_rates(tariff, t1=1.2, t4=0.3)
        change = self.env["amr.occupancy.change"].create(
            {
                "room_id": room.id,
                "moment": self.moment,
                "account_id": self.newcomer.id,
            }
        )
        line = change.line_ids
        self.assertFalse(line.rates)
        line.write({"tariff_id": tariff.id, "index": 60, "t1": 20, "t4": 40})
        self.assertEqual(line.rates, "t1 t4")
        change.action_change()
        self.assertEqual(self._get_shown(meter), {"total": 60, "t1": 20, "t4": 40})

    def test_merged_rooms_are_read_by_rates(self):
        merge = self.env["amr.room.merge"].create(
            {
                "account_id": self.newcomer.id,
                "room_ids": [Command.set(self.room.ids)],
                "moment": self.moment,
            }
        )
        line = merge.line_ids
        self.assertEqual((merge.rates, line.t4), ("t1 t2 t3 t4", 10))
        line.write({"index": 104, "t4": 14})
        merge.action_confirm()
        self.assertEqual(self._get_shown(self.meter)["t4"], 14)
        self.assertEqual((line.rates, line.t4), ("t1 t2 t3 t4", 14))
        line._compute_indexes()
        self.assertEqual(line.t4, 0, "done before: today's rates are not those")

    def test_a_single_rate_meter_is_asked_for_its_total_only(self):
        room = self._room("0103")
        __, meter = self._install("990000000003", room)
        change = self.env["amr.occupancy.change"].create({"room_id": room.id})
        self.assertFalse(change.rates)
        self.assertEqual(meter._get_asked_rates(self.tariff), {})


@tagged("post_install", "-at_install")
class TestRateReports(RatesCommon):
    """Rows 63 to 67: the rates beside the total, over a replaced meter too."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        at = {
            day: str(cls.community._local_midnight(date(2026, 3, day)))
            for day in (1, 2, 5)
        }
        cls._read(at[1], {"total": 110, "t1": 40, "t4": 20}, kind="daily")
        cls._read(at[2], {"total": 120, "t1": 45, "t4": 25}, kind="daily")
        cls.env["amr.meter.replace"].create(
            {
                "point_id": cls.point.id,
                "moment": "2026-03-04 02:00:00",
                "new_meter_id": cls.meter.copy(
                    {"number": "990000000009", "address": "990000000009"}
                ).id,
                "closing_index": 130,
                "closing_t1": 52,
                "closing_t2": 20,
                "closing_t3": 40,
                "closing_t4": 28,
                "closing_apart": True,
                "reason": "Broken display",
            }
        ).action_replace()
        cls.new = cls.point.meter_id
        cls._read(at[5], {"total": 7, "t1": 3, "t4": 4}, cls.new, kind="daily")

    def _figures(self, model, meter, *domain, names=("usage", "t1", "t2", "t4"), **ctx):
        row = (
            self.env[model]
            .with_context(**ctx)
            .search([("meter_id", "=", meter.id), *domain])
        )
        self.assertEqual(len(row), 1)
        return [row[name] for name in names]

    def test_a_month_by_rates_over_both_meters(self):
        march = ("month", "=", "2026-03-01")
        model = "amr.usage.month"
        self.assertEqual(self._figures(model, self.meter, march), [20, 12, False, 8])
        self.assertEqual(self._figures(model, self.new, march), [7, 3, False, 4])
        total = self.env[model]._read_group(
            [("point_id", "=", self.point.id), march], [], ["t1:sum", "t4:sum"]
        )
        self.assertEqual(total, [(15, 12)])

    def test_a_day_and_a_period_by_rates(self):
        self.assertEqual(
            self._figures("amr.usage.day", self.meter, ("day", "=", "2026-03-01")),
            [10, 5, False, 5],
        )
        dates = {"date_from": "2026-03-01", "date_to": "2026-03-01"}
        self.assertEqual(
            self._figures("amr.usage.range", self.meter, **dates), [10, 5, False, 5]
        )

    def test_current_data_by_rates(self):
        names = [f"latest_{rate}" for rate in ("t1", "t2", "t5")]
        self.assertEqual([self.new[name] for name in names], [3, 0, False])

    def test_excel_has_the_rates_where_there_are_any(self):
        report = self.env["amr.usage.month"]

        def headings(meters):
            data = report._make_report_xlsx(
                [("meter_id", "in", meters.ids), ("month", "=", "2026-03-01")]
            )
            lines = list(load_workbook(BytesIO(data)).active.values)
            return lines[1]

        both = headings(self.meter | self.new)
        self.assertIn("T1 peak", both)
        self.assertNotIn("T5 deep valley", both)
        __, single = self._install("990000000003", self._room("0103"))
        self.assertNotIn("T1 peak", headings(single))
