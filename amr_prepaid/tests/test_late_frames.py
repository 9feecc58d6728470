from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.amr_device_gateway.headend.protocols import dlt645

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestLateFrames(PrepaidCommon):
    """A credit frame that takes effect long after everybody gave it up."""

    def setUp(self):
        super().setUp()
        self.late = []
        self.answer = self.device.answer

    def _delay_credit(self):
        """Keep credit frames on the way; read-backs go through."""

        def delay(frame):
            if self.head_end._is_credit(self.device, frame):
                self.late.append(frame)
                return "other", None
            return self.answer(frame)

        self.device.answer = delay

    def _arrive(self):
        """Let everything that is on its way arrive at the meter."""
        self.device.answer = self.answer
        for frame in self.late:
            self.answer(frame)

    def _sell_late(self, amount=100):
        """Sell; the frames leave, and the meter goes on showing the number before."""
        self._delay_credit()
        vend = self._sell(amount)
        self._run_until_settled(vend)
        self.assertEqual(vend.state, "exception")
        self.assertEqual(vend.command_id.outcome, "not_done")
        self.assertEqual(len(self.late), vend.command_id.tries)
        return vend

    def _read_credit(self):
        self.meter.action_read_credit()
        command = self.env["amr.command"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "credit_state")], limit=1
        )
        self._run(command)

    def _credited(self):
        return [int(float(one["amount"])) for one in self.device.state.credits]

    def test_an_order_whose_frame_left_keeps_money_and_number(self):
        vend = self._sell_late()
        self._read_credit()
        self.assertEqual(self.meter.purchase_no, 0)
        with self.assertRaisesRegex(UserError, "may still arrive"):
            vend._cancel("the customer wants his money")
        self.assertEqual((vend.state, vend.purchase_no), ("exception", 1))
        self.assertEqual(self._available(), 0.4, "the energy is reserved")
        with self.assertRaisesRegex(UserError, vend.name):
            self._sell(20)
        self._arrive()
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(self._credited(), [83])

    def test_what_the_meter_refused_does_not_arrive_later(self):
        self.device.authenticator = None
        vend = self._sell(100)
        self._run_until_settled(vend)
        command = vend.command_id
        self.assertEqual((vend.state, command.tries), ("exception", 1))
        self.assertEqual(command.refusals, 1)
        vend._cancel("wrong key")
        self.assertEqual((vend.state, vend.purchase_no), ("cancelled", 0))
        self.assertEqual(self._available(), 100)

    def _refuse_before_it_was_counted(self):
        self.device.authenticator = None
        vend = self._sell(100)
        self._run_until_settled(vend)
        vend.command_id.refusals = 0
        self.env.cr.execute(
            "UPDATE amr_meter SET credit_read_at = credit_read_at - interval '1 day'"
            " WHERE id = %s",
            [self.meter.id],
        )
        self.meter.invalidate_recordset()
        return vend

    def test_a_refusal_from_before_it_was_counted_is_found_in_what_was_kept(self):
        vend = self._refuse_before_it_was_counted()
        with self.assertRaisesRegex(UserError, "refused .* read its credit now"):
            vend._cancel("refused")
        self._read_credit()
        vend._cancel("refused")
        self.assertEqual((vend.state, vend.purchase_no), ("cancelled", 0))
        self.assertEqual(self._available(), 100)

    def test_a_meter_that_went_on_since_was_not_proven_to_refuse(self):
        vend = self._refuse_before_it_was_counted()
        self.device.adjust({"purchase_no": 1})
        self._read_credit()
        with self.assertRaises(UserError):
            vend._cancel("refused")
        self.assertTrue(vend._may_still_be_credited())

    def test_a_frame_without_an_answer_was_not_refused(self):
        vend = self._sell_late()
        self._read_credit()
        self.assertFalse(vend.command_id._was_refused())
        with self.assertRaisesRegex(UserError, "may still arrive"):
            vend._cancel("refused")

    def test_only_a_refusal_of_the_credit_itself_is_one(self):
        """Other error frames say nothing of whether the meter took it, or will."""
        for control, flags in ((0xC3, b"\x02\x00"), (0xD1, b"\x01")):
            with self.subTest(control=control, flags=flags):
                reply = dlt645.build(self.meter.address, control, flags)
                self._answer_credit(reply)
                vend = self._sell(100)
                self._run_until_settled(vend)
                command = vend.command_id
                self.assertEqual(
                    (vend.state, command.outcome), ("exception", "not_done")
                )
                self.assertEqual((command.tries, command.refusals), (1, 0))
                with self.assertRaisesRegex(UserError, "may still arrive"):
                    vend._cancel("refused")
                self.device.answer = self.answer
                vend.action_retry()
                self._run_until_settled(vend)
                self.assertCredited(vend)

    def test_a_refusal_that_no_read_back_confirms_is_none(self):
        reply = dlt645.build(self.meter.address, 0xC3, b"\x20\x00")
        self._answer_credit(reply)
        self.head_end.deaf_after_credit = True
        vend = self._sell(100)
        self._run(vend.command_id)
        self.assertEqual((vend.command_id.tries, vend.command_id.refusals), (1, 0))
        self.assertTrue(vend._may_still_be_credited())

    def _answer_credit(self, reply):
        """Answer credit frames with ``reply``, and keep them from the meter."""

        def answer(frame):
            if self.head_end._is_credit(self.device, frame):
                return "credit", reply
            return self.answer(frame)

        self.device.answer = answer

    def test_one_refusal_does_not_take_back_an_earlier_frame(self):
        self._delay_credit()
        vend = self._sell(100)
        self._run(vend.command_id)
        self.device.answer = self.answer
        key, self.device.authenticator = self.device.authenticator, None
        self._run_until_settled(vend)
        self.assertEqual((vend.command_id.tries, vend.command_id.refusals), (2, 1))
        with self.assertRaisesRegex(UserError, "may still arrive"):
            vend._cancel("refused")
        self.device.authenticator = key
        vend.action_retry()
        self._run_until_settled(vend)
        self._arrive()
        self.assertCredited(vend)

    def test_a_meter_opened_anew_lets_go_of_the_order_but_not_of_its_number(self):
        vend = self._give_up_on_a_meter_opened_anew()
        self.assertEqual((vend.state, vend.purchase_no), ("cancelled", 3))

    def _give_up_on_a_meter_opened_anew(self):
        for _order in range(2):
            self._run_until_settled(self._sell(100))
        vend = self._sell_late()
        self.device.adjust({"purchase_no": 0})
        self._read_credit()
        with self.assertRaisesRegex(UserError, "decide first"):
            vend._accept_meter_number("opened anew")
        vend._cancel("the meter was opened anew")
        self.assertEqual((vend.state, vend.purchase_no), ("cancelled", 3))
        self.assertEqual(self.meter.sold_purchase_no, 3)
        self._arrive()
        self.assertEqual(self.device.state.purchase_no, 0)
        following = self._sell(50)
        self.assertEqual(following.purchase_no, 4)
        self._run(following.command_id)
        self.assertEqual(following.state, "exception")
        following._accept_meter_number("opened anew")
        self._run_until_settled(following)
        self.assertEqual((following.series, following.purchase_no), (2, 1))
        self.assertCredited(following, times=2)  # once in each series
        self.assertEqual(self.Vend._get_number_faults(), [])
        return vend

    def test_a_number_of_two_orders_is_no_proof(self):
        """Opened anew, the meter comes to the number of the order given up."""
        given_up = self._give_up_on_a_meter_opened_anew()
        self._run_until_settled(self._sell(50))
        self._delay_credit()
        vend = self._sell(20)
        self.assertEqual((vend.series, vend.purchase_no), (2, 3))
        ours = len(self.late)
        self._run(vend.command_id)
        self.late[ours:] = []
        self._arrive()
        self._run_until_settled(vend)
        self.assertEqual(vend.state, "exception")
        self.assertIn(given_up.name, vend.reason)

    def test_an_order_on_a_meter_taken_down_can_be_given_up(self):
        vend = self._sell_late()
        self.meter.installation_ids.date_to = fields.Datetime.now()
        vend._cancel("the meter is in the workshop")
        self.assertEqual((vend.state, vend.purchase_no), ("cancelled", 1))
        self.assertEqual(self._available(), 100)

    # === Between sale and sending === #

    def _move_out(self):
        """End the supply, as one who did not see the order that was sold meanwhile."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_agreement SET date_to = %s WHERE id = %s",
            [fields.Datetime.now() - timedelta(minutes=1), self.agreement.id],
        )
        self.env.invalidate_all()

    def test_energy_is_not_sent_to_a_meter_that_went_elsewhere(self):
        vend = self._sell(100)
        moved = fields.Datetime.now()
        self.meter.installation_ids.date_to = moved
        room = self._room("0103")
        other = self.env["amr.metering.point"].create(
            {"utility_id": self.electricity.id, "room_id": room.id}
        )
        self.env["amr.installation"].create(
            {
                "meter_id": self.meter.id,
                "point_id": other.id,
                "date_from": moved,
                "start_index": 0,
            }
        )
        self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        self.assertIn("no longer installed", vend.reason)
        self.assertFalse(self.head_end.frames)
        with self.assertRaisesRegex(UserError, "No meter is installed"):
            vend.action_retry()
        self.assertFalse(self.head_end.frames)

    def test_a_supply_does_not_end_before_its_order_is_settled(self):
        end = fields.Datetime.now()
        vend = self._sell(100)
        with self.assertRaisesRegex(UserError, f"{vend.name} is on its way"):
            self.agreement.date_to = end
        self._delay_credit()
        self._run_until_settled(vend)
        for later in (end, end + timedelta(days=3)):
            with self.assertRaisesRegex(UserError, f"{vend.name} is not settled"):
                self.agreement.date_to = later
        self._arrive()
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.agreement.date_to = end
        self.assertEqual(self.agreement.date_to, end)

    def test_a_supply_ends_when_its_meter_is_gone_and_the_order_given_up(self):
        vend = self._sell_late()
        self.meter.installation_ids.date_to = fields.Datetime.now()
        with self.assertRaisesRegex(UserError, "replace it first"):
            self.agreement.date_to = fields.Datetime.now()
        vend._cancel("the meter is in the workshop")
        self.agreement.date_to = fields.Datetime.now()
        self.assertEqual(self._available(), 100)

    def test_energy_is_not_sent_to_the_customer_who_came_after(self):
        vend = self._sell(100)
        self._move_out()
        self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        self.assertIn("no longer supplied", vend.reason)
        self.assertFalse(self.head_end.frames)
        vend._cancel("moved out")
        self.assertEqual(self._available(), 100)

    def test_a_new_tariff_of_the_same_customer_stops_no_order(self):
        vend = self._sell(100)
        self._move_out()
        tariff = self._tariff("Dearer", self.electricity, 2)
        agreement = self._agree(
            self.point,
            tariff=tariff,
            payment_mode="prepaid",
            date_from=self.agreement.date_to,
        )
        self._run_until_settled(vend)
        self.assertCredited(vend)
        self.assertEqual(vend.quantity, 83, "at the price of its day")
        self.assertEqual(self._sell(100, agreement).unit_price, 2)

    def test_a_word_about_the_meter_does_not_stand_against_its_own(self):
        vend = self._sell_late()
        self._read_credit()
        with self.assertRaisesRegex(UserError, "Say how you know"):
            vend._mark_credited(" ")
        with self.assertRaisesRegex(UserError, "has not got this credit"):
            vend._mark_credited("seen on the display")
        self._arrive()
        self._read_credit()
        vend._mark_credited("seen on the display")
        self.assertCredited(vend)

    def test_a_supply_that_is_somebody_elses_now_is_only_asked(self):
        vend = self._sell_late()
        self._move_out()
        sent = len(self.late)
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertEqual((vend.state, len(self.late)), ("exception", sent))
        self._arrive()
        vend.action_retry()
        self._run_until_settled(vend)
        self.assertCredited(vend)

    def test_an_order_never_sent_follows_its_buyer_to_the_new_meter(self):
        vend = self._sell(100)
        self.meter.installation_ids.date_to = fields.Datetime.now()
        self._run(vend.command_id)
        self.assertEqual(vend.state, "exception")
        old = self.meter
        _point, meter = self._install("990000000009", self._room("0109"))
        meter.installation_ids.unlink()
        meter.link_id = self.link
        self.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": self.point.id,
                "date_from": old.installation_ids.date_to,
                "start_index": 0,
            }
        )
        device = self.head_end.add_meter(meter.address)
        vend.action_retry()
        self.assertEqual((vend.meter_id, vend.purchase_no), (meter, 1))
        self.assertEqual(old.sold_purchase_no, 0)
        self._run_until_settled(vend)
        self.assertEqual(vend.state, "credited")
        self.assertEqual(device.state.purchase_no, 1)
        self.assertFalse(self.device.state.credits)
        self.assertLedgerEqual()
