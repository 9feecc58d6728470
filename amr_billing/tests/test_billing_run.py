from datetime import date, datetime
from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import LockError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.queue_job.tests.common import trap_jobs

from ..models.amr_billing_run import LOCK
from .common import FEBRUARY, JANUARY, MARCH, BillingCommon


@tagged("post_install", "-at_install")
class TestBillingRun(BillingCommon):
    def test_a_month_is_billed_into_a_posted_invoice(self):
        self._freeze(FEBRUARY, 100)
        run = self._bill()
        self.assertBilled(run)
        bill = run.move_ids
        self.assertEqual(bill.state, "posted")
        self.assertEqual(bill.partner_id, self.partner)
        self.assertEqual(bill.amr_account_id, self.account)
        self.assertEqual(bill.amount_total, 52.83)
        self.assertChargesOnBill(bill)
        line = bill.invoice_line_ids
        self.assertEqual(line.product_uom_id, self.electricity.uom_id)
        self.assertIn("index 0 to 100, factor 1; 100 kWh at 0.5283", line.name)
        self.assertIn(self.meter.number, line.name)
        self.assertEqual(run.line_ids.state, "billed")
        self.assertEqual(run.progress, 100)
        self.assertEqual(run.amount_total, 52.83)

    def test_indoor_units_are_costed_each_with_their_basis(self):
        """Row 75: two indoor units of a shop, each a meter of its own (S4 2.1)."""
        units = self.env["amr.meter"]
        for number, end in ((1, "12.5"), (2, "30")):
            point, unit = self._install(f"99000000007{number}", self.room, 2)
            self._agree(point)
            self._freeze(FEBRUARY, end, unit)
            units |= unit
        self._freeze(FEBRUARY, 100)
        bill = self._bill().move_ids
        self.assertChargesOnBill(bill)
        charges = bill.invoice_line_ids.amr_charge_ids.filtered(
            lambda charge: charge.meter_id in units
        ).sorted("consumption")
        self.assertEqual(charges.meter_id, units)
        self.assertEqual(
            [
                (c.start_index, c.end_index, c.consumption, c.unit_price, c.amount)
                for c in charges
            ],
            [(2, 12.5, 10.5, 0.5283, 5.55), (2, 30, 28, 0.5283, 14.79)],
        )
        for charge, unit in zip(charges, units, strict=True):
            self.assertIn(unit.number, charge.move_line_id.name)
        self.assertIn(
            "index 2 to 12.5, factor 1; 10.5 kWh at 0.5283",
            charges[0].move_line_id.name,
        )

    def test_prices_include_the_tax_of_the_company(self):
        self._freeze(FEBRUARY, 100)
        bill = self._bill().move_ids
        tax = bill.invoice_line_ids.tax_ids
        self.assertTrue(tax.price_include)
        self.assertEqual(tax.amount, self.env.company.account_sale_tax_id.amount)
        self.assertGreater(bill.amount_tax, 0)
        self.assertEqual(bill.amount_total, 52.83)
        twins = self.env["account.tax"].search_count(
            [("price_include_override", "=", "tax_included")]
        )
        self._freeze(MARCH, 200)
        self._bill(FEBRUARY)
        self.assertEqual(
            self.env["account.tax"].search_count(
                [("price_include_override", "=", "tax_included")]
            ),
            twins,
            "the price-included tax is made once",
        )

    def test_running_again_makes_nothing(self):
        self._freeze(FEBRUARY, 100)
        first = self._bill()
        again = self._bill()
        self.assertEqual(again.state, "done")
        self.assertFalse(again.line_ids)
        self.assertFalse(again.move_ids)
        first._run_now()
        self.assertEqual(len(first.move_ids), 1)
        self.assertEqual(len(first.charge_ids), 1)

    def test_the_next_month_begins_where_the_last_ended(self):
        self._freeze(FEBRUARY, 100)
        self._freeze(MARCH, 130.5)
        january, february = self._bill(), self._bill(FEBRUARY)
        before, after = january.charge_ids, february.charge_ids
        self.assertEqual(before.end_at, after.start_at)
        self.assertEqual(after.start_index, 100)
        self.assertEqual(after.consumption, 30.5)

    def test_a_month_that_was_left_out_is_caught_up(self):
        self._freeze(MARCH, 130)
        run = self._bill(FEBRUARY)
        self.assertEqual(run.charge_ids.consumption, 130)
        self.assertEqual(run.charge_ids.start_at, self.agreement.date_from)

    def test_without_a_closing_reading_the_account_waits(self):
        self._ingest(self._row(90, "2026-01-25 00:00:00"))
        run = self._bill()
        self.assertFalse(run.move_ids)
        self.assertFalse(run.charge_ids)
        line = run.line_ids
        self.assertEqual(line.state, "error")
        self.assertIn("no closing reading", line.error)
        self.assertIn(self.meter.number, line.error)
        self._freeze(FEBRUARY, 100)
        run._run_now()
        self.assertBilled(run)
        self.assertEqual(line.state, "billed")
        self.assertFalse(line.error)
        self.assertEqual(run.charge_ids.consumption, 100)

    def test_a_missing_closing_reading_is_estimated_when_asked_for(self):
        """Design, flow 2: freeze, else nearest actual, else estimate, flagged."""
        self._ingest(self._row(90, "2026-01-25 00:00:00"))
        run = self._bill()
        self.assertIn("no closing reading", run.line_ids.error)
        run.estimate_missing = True
        run._run_now()
        self.assertBilled(run)
        charge = run.charge_ids
        self.assertTrue(charge.estimated)
        self.assertIn("estimated", charge.explanation)
        estimate = self.env["amr.reading"].search(
            [("meter_id", "=", self.meter.id), ("quality", "=", "estimated")]
        )
        self.assertEqual(estimate.read_at, self.community._local_midnight(FEBRUARY))
        self.assertEqual(charge.end_index, estimate.index)
        self._freeze(MARCH, 200)
        self.assertFalse(estimate.superseded_by_id, "the reading fits")
        following = self._bill(FEBRUARY).charge_ids
        self.assertEqual(following.start_index, charge.end_index)
        self.assertEqual(charge.consumption + following.consumption, 200)

    def test_what_is_still_to_come_is_not_estimated(self):
        self._ingest(self._row(90, "2026-01-25 00:00:00"))
        run = self._bill(date(2099, 1, 1), estimate_missing=True)
        self.assertIn("no closing reading", run.line_ids.error)
        self.assertFalse(
            self.env["amr.reading"].search([("read_at", ">", "2098-01-01")])
        )

    def test_an_estimate_that_was_too_high_is_to_be_credited(self):
        self._ingest(self._row(90, "2026-01-25 00:00:00"))
        end = self._bill(estimate_missing=True).charge_ids.end_index
        self.assertGreater(end, 92)
        self._freeze(MARCH, 91)
        self.env["amr.reading"].search([("quality", "=", "suspect")])._accept()
        self.env["amr.exception"].search([]).action_resolve()
        line = self._bill(FEBRUARY).line_ids
        self.assertIn("billed by estimate up to", line.error)
        self.assertIn("Credit that bill", line.error)

    def test_energy_of_tests_before_the_opening_is_not_charged(self):
        """Row 74 (S2 十一): what a test card let through is left out."""
        opening = datetime(2026, 1, 10, 2)
        self._ingest(
            self._row(3, "2026-01-05 00:00:00"),
            self._row(3.5, opening.isoformat(" ")),
        )
        self.agreement.date_from = opening
        self._freeze(FEBRUARY, 103.5)
        charge = self._bill().charge_ids
        self.assertEqual((charge.start_index, charge.consumption), (3.5, 100))

    def test_the_nearest_reading_within_the_tolerance_closes(self):
        self._ingest(self._row(90, "2026-01-30 02:00:00"))
        self._ingest(self._row(98, "2026-02-01 02:00:00"))
        run = self._bill()
        self.assertBilled(run)
        self.assertEqual(run.charge_ids.consumption, 98)
        self._freeze(MARCH, 120)
        self.assertEqual(self._bill(FEBRUARY).charge_ids.consumption, 22)

    def test_a_daily_freeze_wins_over_a_nearer_spot_reading(self):
        self._ingest(self._row(99, "2026-01-31 16:00:00"))
        self._ingest(self._row(101, "2026-01-31 16:05:00"))
        self._freeze(FEBRUARY, 99)
        self.assertEqual(self._bill().charge_ids.end_index, 99)

    def test_a_suspect_reading_never_closes(self):
        self._freeze(FEBRUARY, 100)
        self._freeze(MARCH, 20)  # fell: suspect, with an exception of its own
        self._bill()
        run = self._bill(FEBRUARY)
        self.assertIn("no closing reading", run.line_ids.error)

    def test_negative_consumption_is_an_exception_and_not_billed(self):
        self._freeze(FEBRUARY, 100)
        self._bill()
        self._freeze(MARCH, 21)
        self.env["amr.reading"].search([("quality", "=", "suspect")])._accept()
        self.env["amr.exception"].search([]).action_resolve()
        run = self._bill(FEBRUARY)
        self.assertEqual(run.line_ids.state, "error")
        self.assertIn("fell from 100", run.line_ids.error)
        self.assertFalse(run.charge_ids)
        exception = self.env["amr.exception"].search([("state", "=", "open")])
        self.assertEqual(exception.kind, "negative")
        self.assertEqual(exception.meter_id, self.meter)
        run._run_now()
        self.assertEqual(
            len(self.env["amr.exception"].search([("state", "=", "open")])), 1
        )

    def test_one_bad_account_does_not_stop_the_others(self):
        _good, meter, _agreement = self._new_account("0102")
        self._freeze(FEBRUARY, 50, meter)
        run = self._bill()
        by_account = {line.account_id: line for line in run.line_ids}
        self.assertEqual(by_account[self.account].state, "error")
        self.assertEqual(by_account[_good].state, "billed")
        self.assertEqual(run.state, "done")
        self.assertEqual(run.error_count, 1)
        self.assertEqual(run.line_ids.sorted().mapped("state"), ["error", "billed"])

    def test_a_bill_that_fails_leaves_nothing_behind(self):
        other, meter, _agreement = self._new_account("0102")
        self._freeze(FEBRUARY, 100)
        self._freeze(FEBRUARY, 50, meter)
        charge_model = self.env.registry["amr.charge"]
        check, reason = charge_model._check_bill_lines, "Does not add up"

        def fail_for_other(charges):
            if other in charges.account_id:
                raise UserError(reason)
            return check(charges)

        with patch.object(charge_model, "_check_bill_lines", fail_for_other):
            run = self._bill()
        by_account = {line.account_id: line for line in run.line_ids}
        self.assertEqual(by_account[other].error, reason)
        self.assertFalse(other.charge_ids)
        self.assertFalse(other.move_ids)
        self.assertEqual(by_account[self.account].state, "billed")
        self.assertChargesOnBill(self.account.move_ids)
        run._run_now()
        self.assertBilled(run)

    def test_an_account_is_billed_whole_or_not_at_all(self):
        self._new_meter(self.account, "0102")
        self._freeze(FEBRUARY, 100)
        run = self._bill()
        self.assertEqual(run.line_ids.state, "error")
        self.assertFalse(run.charge_ids)

    def test_three_rooms_of_one_account_make_one_bill(self):
        second, _agreement = self._new_meter(self.account, "0102")
        third, _agreement = self._new_meter(self.account, "0103")
        self._freeze(FEBRUARY, 10)
        self._freeze(FEBRUARY, 20, second)
        self._freeze(FEBRUARY, 30, third)
        run = self._bill()
        self.assertBilled(run)
        bill = run.move_ids
        self.assertEqual(len(bill), 1)
        self.assertChargesOnBill(bill)
        self.assertEqual(
            [line.amr_charge_ids.meter_id for line in bill.invoice_line_ids],
            [self.meter, second, third],
        )
        self.assertEqual(bill.amount_total, 31.70)

    def test_a_price_change_in_the_month_makes_two_lines(self):
        self._change_price(date(2026, 1, 11), 0.8)
        self._freeze(date(2026, 1, 11), 40)
        self._freeze(FEBRUARY, 100)
        bill = self._bill().move_ids
        self.assertChargesOnBill(bill)
        charges = bill.amr_charge_ids.sorted("start_at")
        self.assertEqual(charges.mapped("consumption"), [40, 60])
        self.assertEqual(charges.mapped("amount"), [21.13, 48.0])
        self.assertEqual(charges.mapped("estimated"), [False, False])
        self.assertEqual(len(charges.tariff_version_id), 2)

    def test_a_price_change_without_a_reading_is_split_by_time(self):
        self._change_price(date(2026, 1, 11), 0.8)
        self._freeze(FEBRUARY, 62)
        charges = self._bill().charge_ids.sorted("start_at")
        self.assertEqual(charges.mapped("consumption"), [20, 42])
        self.assertEqual(charges.mapped("estimated"), [True, True])
        self.assertIn("(estimated)", charges[0].explanation)

    def test_the_factor_multiplies_the_consumption(self):
        self.meter.current_ratio = 80
        self._freeze(FEBRUARY, 1.75)
        charge = self._bill().charge_ids
        self.assertEqual(charge.consumption, 140)
        self.assertEqual(charge.factor, 80)
        self.assertEqual(charge.amount, 73.96)

    def test_a_factor_that_changes_is_billed_from_the_reading_on(self):
        self._freeze(date(2026, 1, 11), 10)
        self.meter.current_ratio = 30
        self._freeze(FEBRUARY, 12)
        charges = self._bill().charge_ids.sorted("start_at")
        self.assertEqual(charges.mapped("factor"), [1, 30])
        self.assertEqual(charges.mapped("consumption"), [10, 60])

    def test_a_roll_over_is_billed_over_the_end_of_the_dial(self):
        self.meter.installation_ids.start_index = 999990
        self._freeze(FEBRUARY, 12.5)
        self.assertEqual(self._bill().charge_ids.consumption, 22.5)

    def test_a_replaced_meter_makes_a_charge_for_each_meter(self):
        moment = self.community._local_midnight(date(2026, 1, 16))
        self.meter.installation_ids.write({"date_to": moment, "end_index": 60})
        new = self.env["amr.meter"].create(
            {"number": "770000000001", "model_id": self.meter_model.id}
        )
        self.env["amr.installation"].create(
            {
                "meter_id": new.id,
                "point_id": self.point.id,
                "date_from": moment,
                "start_index": 3,
            }
        )
        self._freeze(FEBRUARY, 43, new)
        run = self._bill()
        self.assertBilled(run)
        charges = run.charge_ids.sorted("start_at")
        self.assertEqual(charges.meter_id, self.meter | new)
        self.assertEqual(charges.mapped("consumption"), [60, 40])
        self.assertChargesOnBill(run.move_ids)

    def test_an_agreement_that_ended_is_billed_to_its_end(self):
        end = self.community._local_midnight(date(2026, 1, 21))
        self.agreement.date_to = end
        self._ingest(self._row(70, "2026-01-20 15:00:00"))
        run = self._bill()
        self.assertEqual(run.charge_ids.end_at, end)
        self.assertEqual(run.charge_ids.consumption, 70)
        self.assertFalse(self._bill(FEBRUARY).line_ids)

    def test_who_moves_in_begins_where_who_moved_out_ended(self):
        moment = self.community._local_midnight(date(2026, 1, 21))
        self.agreement.date_to = moment
        self._ingest(self._row(70, "2026-01-20 15:00:00"))
        first = self._bill()
        account = self.account.copy({"number": "New"})
        self._agree(self.point, account=account, date_from=moment)
        self._ingest(self._row(71, "2026-01-20 16:00:00"))
        self._freeze(FEBRUARY, 100)
        second = self._bill()
        self.assertBilled(second)
        self.assertEqual(second.charge_ids.account_id, account)
        self.assertEqual(second.charge_ids.start_index, first.charge_ids.end_index)
        self.assertEqual(second.charge_ids.consumption, 30)

    def test_prepaid_agreements_are_not_billed(self):
        self.agreement.payment_mode = "prepaid"
        self._freeze(FEBRUARY, 100)
        self.assertFalse(self._bill().line_ids)

    def test_an_unused_meter_owes_nothing_but_is_accounted_for(self):
        self._freeze(FEBRUARY, 0)
        run = self._bill()
        self.assertEqual(run.line_ids.state, "nothing")
        self.assertFalse(run.move_ids)
        self.assertEqual(run.charge_ids.amount, 0)
        self.assertFalse(self._bill().line_ids)

    def test_no_meter_is_a_reason(self):
        room = self._room("0109")
        point = self.env["amr.metering.point"].create(
            {"utility_id": self.electricity.id, "room_id": room.id}
        )
        self._agree(point)
        self._freeze(FEBRUARY, 1)
        self.assertIn("no meter was installed", self._bill().line_ids.error)

    def test_no_price_is_a_reason(self):
        self.tariff.version_ids.date_from = date(2026, 1, 5)
        self._freeze(FEBRUARY, 1)
        error = self._bill().line_ids.error
        self.assertIn("has no price", error)
        self.assertIn("2026-01-01 00:00", error)

    def test_time_of_use_steps_and_surcharges_reach_the_bill(self):
        version = self.tariff.version_ids
        version.write(
            {
                "method": "step",
                "line_ids": [
                    Command.create({"quantity_from": 0, "price": 0.5}),
                    Command.create({"quantity_from": 180, "price": 0.6}),
                ],
                "surcharge_ids": [
                    Command.create(
                        {"name": "Fund", "kind": "per_unit", "amount": 0.0283}
                    ),
                    Command.create(
                        {"name": "Service", "kind": "per_bill", "amount": 2}
                    ),
                ],
            }
        )
        self._freeze(FEBRUARY, 200)
        bill = self._bill().move_ids
        self.assertChargesOnBill(bill)
        self.assertEqual(
            sorted(bill.invoice_line_ids.mapped("price_total")), [2, 5.66, 12, 90]
        )
        self.assertEqual(sum(bill.amr_charge_ids.mapped("consumption")), 200)
        fixed = bill.amr_charge_ids.filtered(lambda c: c.kind == "fixed")
        self.assertEqual(
            fixed.move_line_id.product_uom_id, self.env.ref("uom.product_uom_unit")
        )

    def test_time_of_use(self):
        self.tariff.version_ids.write(
            {
                "method": "tou",
                "line_ids": [
                    Command.create({"register": "t1", "price": 1.2}),
                    Command.create({"register": "t4", "price": 0.3}),
                ],
            }
        )
        for register, start, end in (("t1", 5, 25), ("t4", 7, 57)):
            self._freeze(JANUARY, start, register=register)
            self._freeze(FEBRUARY, end, register=register)
        self._freeze(FEBRUARY, 70)
        run = self._bill()
        self.assertBilled(run)
        self.assertEqual(
            sorted(run.charge_ids.mapped(lambda c: (c.component, c.amount))),
            [("t1", 24.0), ("t4", 15.0)],
        )
        self.assertIn("T1 peak", run.charge_ids.sorted("component")[0].explanation)

    def test_odd_prices_and_quantities_equal_their_charges(self):
        """Quantity × price of the bill line is the charge, whatever the digits."""
        index = Decimal(0)
        day = date(2026, 1, 2)
        prices = ["0.528333", "3.141593", "0.000001", "17.999999", "0.555555"]
        for number, price in enumerate(prices):
            self._change_price(day.replace(day=2 + number), float(price))
            index += Decimal("12.345") * (number + 1)
            self._freeze(day.replace(day=2 + number), index)
        self._freeze(FEBRUARY, index + Decimal("0.333"))
        run = self._bill()
        self.assertBilled(run)
        self.assertEqual(len(run.charge_ids), 6)
        self.assertChargesOnBill(run.move_ids)

    def test_a_bill_that_differs_from_its_charges_is_refused(self):
        self.electricity.product_id.taxes_id = [
            Command.create(
                {
                    "name": "on top",
                    "amount": 10,
                    "type_tax_use": "sale",
                    "price_include_override": "tax_excluded",
                }
            )
        ]
        self._freeze(FEBRUARY, 100)
        with patch.object(
            self.env.registry["res.company"],
            "_amr_price_included",
            lambda company, taxes: taxes,
        ):
            run = self._bill()
        self.assertEqual(run.line_ids.state, "error")
        self.assertIn("58.11 instead of 52.83", run.line_ids.error)
        self.assertFalse(run.charge_ids)
        self.assertFalse(run.move_ids)

    def test_scope_of_building_and_account(self):
        other, meter, _agreement = self._new_account("0102")
        self._freeze(FEBRUARY, 100)
        self._freeze(FEBRUARY, 50, meter)
        run = self._bill(account_id=other.id)
        self.assertEqual(run.line_ids.account_id, other)
        empty = self.env["amr.building"].create(
            {"code": "002", "name": "Building 2", "community_id": self.community.id}
        )
        self.assertFalse(self._bill(building_id=empty.id).line_ids)
        run = self._bill(building_id=self.building.id)
        self.assertEqual(run.line_ids.account_id, self.account)

    def test_a_run_is_prepared_from_community_and_account(self):
        for record, account in (
            (self.community, self.env["amr.account"]),
            (self.account, self.account),
        ):
            action = record.action_bill()
            run = self.env[action["res_model"]].with_context(**action["context"])
            run = run.create({"date_from": date(2026, 1, 17)})
            self.assertEqual(run.community_id, self.community)
            self.assertEqual(run.account_id, account)
            self.assertEqual((run.date_from, run.date_to), (JANUARY, FEBRUARY))
        self._freeze(FEBRUARY, 100)
        bill = self._bill().move_ids
        for record in (self.community, self.account):
            found = self.env["account.move"].search(
                record.action_open_bills()["domain"]
            )
            self.assertEqual(found, bill)

    def test_the_other_community_is_left_alone(self):
        self._freeze(FEBRUARY, 100)
        run = self._bill(community_id=self.other_community.id)
        self.assertFalse(run.line_ids)

    def test_the_preview_counts_what_is_to_be_billed(self):
        run = self._make_run()
        self.assertEqual((run.account_count, run.agreement_count), (1, 1))
        self._freeze(FEBRUARY, 100)
        self._bill()
        run.invalidate_recordset()
        self.assertEqual((run.account_count, run.agreement_count), (0, 0))

    def test_a_run_that_began_cannot_be_deleted_or_started_again(self):
        self._freeze(FEBRUARY, 100)
        run = self._bill()
        with self.assertRaises(UserError):
            run.unlink()
        with self.assertRaises(UserError):
            run._start()
        self._make_run().unlink()

    # === Jobs and locks === #

    def test_the_button_enqueues_one_job_after_the_other(self):
        accounts = [self._new_account(f"01{number:02d}") for number in range(2, 5)]
        self._freeze(FEBRUARY, 100)
        for _account, meter, _agreement in accounts:
            self._freeze(FEBRUARY, 10, meter)
        run = self._make_run()
        with (
            trap_jobs() as trap,
            patch("odoo.addons.amr_billing.models.amr_billing_run.SLICE", 2),
        ):
            run.action_start()
            self.assertEqual(run.state, "running")
            trap.assert_jobs_count(1, only=run._process_slice)
            trap.perform_enqueued_jobs()
            self.assertEqual(run.billed_count, 2)
            self.assertEqual(run.progress, 50)
            trap.perform_enqueued_jobs()
        self.assertBilled(run)
        self.assertEqual(len(run.move_ids), 4)

    def test_a_slice_that_is_repeated_bills_nothing_twice(self):
        self._freeze(FEBRUARY, 100)
        run = self._make_run()
        run._start()
        run._bill_slice()
        run.sudo().line_ids.state = "pending"
        run.sudo().state = "running"
        run._bill_slice()
        self.assertEqual(len(run.charge_ids), 1)
        self.assertEqual(len(run.move_ids), 1)

    def test_two_runs_of_a_community_do_not_work_at_the_same_time(self):
        self._freeze(FEBRUARY, 100)
        run = self._make_run()
        with self.registry.cursor() as other:
            other.execute(
                "SELECT pg_advisory_xact_lock(%s, %s)", (LOCK, self.community.id)
            )
            with self.assertRaises(LockError):
                run._run_now()
        self.assertEqual(run.state, "draft")
        run._run_now()
        self.assertBilled(run)

    def test_a_run_whose_job_was_lost_is_taken_up_again(self):
        self._freeze(FEBRUARY, 100)
        run = self._make_run()
        run._start()  # and Odoo is killed before a job begins
        with trap_jobs() as trap:
            self.env["amr.billing.run"]._cron_resume()
            trap.assert_jobs_count(1, only=run._process_slice)
            trap.perform_enqueued_jobs()
        self.assertBilled(run)

    def test_a_run_that_has_begun_keeps_its_scope(self):
        self._freeze(FEBRUARY, 100)
        run = self._make_run()
        run.action_retry()  # a draft has nothing to try again
        self.assertEqual(run.state, "draft")
        run._run_now()
        self.assertBilled(run)
        with self.assertRaisesRegex(UserError, "settled when it begins"):
            run.community_id = self.other_community
