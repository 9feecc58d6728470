from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import GatewayCommon

PAST = timedelta(hours=-1)


@tagged("post_install", "-at_install")
class TestCommand(GatewayCommon):
    def setUp(self):
        super().setUp()
        head_end = self.fake_headend()
        self.head_end = head_end.__enter__()
        self.addCleanup(head_end.__exit__, None, None, None)
        self.device = self.head_end.add(
            self.link.key, {"address": self.meter.address, "index": "10"}
        )

    def _command(self, kind="relay_open", **vals):
        return self.env["amr.command"].create(
            {"kind": kind, "meter_id": self.meter.id, **vals}
        )

    def _sent_before(self, **vals):
        """Return a command as a process that died after sending leaves it."""
        command = self._command(**vals)
        command.write({"state": "sent", "tries": 1, "sent_at": fields.Datetime.now()})
        return command

    # === The good case === #

    def test_a_relay_opens_and_is_read_back(self):
        self.meter.action_open_relay()
        command = self.meter.command_ids
        self.assertEqual(command.state, "queued")
        self.run_jobs()
        self.assertEqual(self.device.state.relay, "open")
        self.assertRecordValues(
            command, [{"state": "done", "outcome": "done", "tries": 1}]
        )
        self.assertEqual(self.meter.relay_state, "open")
        self.assertEqual(self.meter.state, "cut")
        self.assertEqual(self.head_end.kinds(), ["relay", "read"])

    def test_a_relay_closes_again(self):
        self.device.state.relay = "open"
        command = self.run_commands(self._command("relay_close"))
        self.assertEqual(command.state, "done")
        self.assertEqual(self.device.state.relay, "closed")
        self.assertEqual(self.meter.relay_state, "closed")

    def test_the_state_of_a_relay_is_asked_without_changing_it(self):
        command = self.run_commands(self._command("relay_state"))
        self.assertEqual(command.state, "done")
        self.assertEqual(self.meter.relay_state, "closed")
        self.assertEqual(self.head_end.kinds(), ["read"])

    def test_a_water_valve_is_shut_and_read_back(self):
        meter = self._remote_meter("99000000000123", model=self.water_model)
        device = self.head_end.add(
            self.link.key, {"address": meter.address, "protocol": "cjt188"}
        )
        meter.action_open_relay()
        self.run_jobs()
        self.assertEqual(device.state.relay, "open")
        self.assertEqual(meter.command_ids.state, "done")
        self.assertEqual(meter.relay_state, "open")

    def test_commands_overtake_reads(self):
        self.run_commands(self._command())
        self.assertEqual({priority for *_x, priority in self.head_end.frames}, {1})

    def test_frames_are_kept_and_explained_without_the_password(self):
        command = self.run_commands(self._command())
        out, answer, asked, told = command.frame_ids
        self.assertEqual(
            command.frame_ids.mapped("direction"), ["out", "in", "out", "in"]
        )
        self.assertIn("**", out.data)
        self.assertNotIn("**", asked.data)
        self.assertIn("990000000001", answer.explanation)
        self.assertIn("relay", told.explanation)
        self.assertEqual(
            [name for _hex, name, _says in out.pieces],
            ["wake_up", "start", "address", "start", "control", "length", "data"]
            + ["checksum", "end"],
        )
        self.assertIn("<td", out.anatomy)
        self.assertIn("control code", out.anatomy)
        self.assertIn("relay command = open", out.anatomy)
        self.assertIn("relay command = open", out.summary)
        whole = "".join(text for text, _name, _says in out.pieces)
        self.assertEqual(whole, out.data.replace(" ", ""))
        self.assertGreater(answer.ms, 0)

    # === Answers that get lost === #

    def test_a_lost_answer_is_found_by_reading_back(self):
        self.device.adjust({"drop_replies": 1, "only": "relay"})
        command = self.run_commands(self._command())
        self.assertEqual(command.state, "done")
        self.assertEqual(command.tries, 1)
        self.assertEqual(self.head_end.kinds().count("relay"), 1)

    def test_a_death_after_the_frame_arrived_does_not_send_twice(self):
        self.head_end.kill = lambda kind: kind == "relay"
        command = self.run_commands(self._command())
        self.assertRecordValues(command, [{"state": "sent", "tries": 1}])
        self.assertEqual(command.frame_ids.direction, "out")
        self.head_end.kill = lambda kind: False
        self.env["amr.command"]._cron_requeue()
        self.run_jobs()
        self.assertRecordValues(command, [{"state": "done", "tries": 1}])
        self.assertEqual(self.head_end.kinds(), ["relay", "read"])

    def test_a_death_before_the_frame_left_sends_after_reading_back(self):
        command = self.run_commands(self._sent_before())
        self.assertRecordValues(command, [{"state": "done", "tries": 2}])
        self.assertEqual(self.head_end.kinds(), ["read", "relay", "read"])

    def test_a_lost_connection_to_the_head_end_reads_back_first(self):
        self.head_end.lost = True
        command = self._command()
        command._enqueue()
        self.run_jobs(rounds=1)
        self.assertRecordValues(command, [{"state": "sent", "tries": 1}])
        self.head_end.lost = False
        self.run_jobs()
        self.assertEqual(command.state, "done")
        self.assertEqual(self.head_end.kinds().count("relay"), 1)

    def test_no_read_back_means_unknown_and_never_a_second_send(self):
        self.device.state.silent = True
        command = self._command()
        command._enqueue()
        self.run_jobs(rounds=5)
        self.assertRecordValues(
            command, [{"state": "sent", "outcome": "pending", "tries": 1}]
        )
        self.assertEqual(self.head_end.kinds().count("relay"), 1)

    def test_an_unknown_outcome_becomes_a_matter_for_people_at_the_deadline(self):
        self.device.state.silent = True
        command = self.run_commands(
            self._sent_before(deadline=fields.Datetime.now() + PAST)
        )
        self.assertRecordValues(command, [{"state": "failed", "outcome": "unknown"}])
        exception = self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(exception.kind, "device")
        self.assertIn("unknown", exception.reason)

    def test_an_unknown_outcome_is_settled_when_the_device_comes_back(self):
        command = self._sent_before(deadline=fields.Datetime.now() + PAST)
        self.device.state.silent = True
        self.run_commands(command)
        self.assertEqual(command.outcome, "unknown")
        self.device.state.silent = False
        self.device.state.relay = "open"
        self.link._on_link_up()
        self.run_jobs()
        self.assertRecordValues(command, [{"state": "done", "outcome": "done"}])

    def test_reading_back_again_never_sends_after_the_deadline(self):
        command = self._sent_before(deadline=fields.Datetime.now() + PAST)
        self.device.state.silent = True
        self.run_commands(command)
        self.device.state.silent = False
        command.action_verify()
        self.run_jobs()
        self.assertRecordValues(command, [{"state": "failed", "outcome": "not_done"}])
        self.assertNotIn("relay", self.head_end.kinds())

    # === Not reached === #

    def test_an_offline_link_keeps_the_command_queued_until_its_log_in(self):
        self.head_end.offline.add(self.link.key)
        command = self.run_commands(self._command())
        self.assertRecordValues(
            command, [{"state": "queued", "outcome": "pending", "tries": 0}]
        )
        self.assertIn("offline", command.result)
        self.assertFalse(self._jobs())
        self.head_end.offline.clear()
        self.link._on_link_up()
        self.run_jobs()
        self.assertRecordValues(command, [{"state": "done", "tries": 1}])

    def test_a_question_to_an_offline_link_waits_too(self):
        self.head_end.offline.add(self.link.key)
        command = self.run_commands(self._command("relay_state"))
        self.assertRecordValues(command, [{"state": "queued", "tries": 0}])

    def test_a_head_end_that_is_away_costs_no_try(self):
        self.head_end.down = True
        command = self._command()
        command._enqueue()
        self.run_jobs(rounds=4)
        self.assertRecordValues(command, [{"state": "queued", "tries": 0}])
        self.head_end.down = False
        self.run_jobs()
        self.assertRecordValues(command, [{"state": "done", "tries": 1}])

    def test_a_command_expires_and_is_never_called_delivered(self):
        self.head_end.offline.add(self.link.key)
        command = self.run_commands(self._command())
        command.deadline = fields.Datetime.now() + PAST
        self.env["amr.command"]._cron_requeue()
        self.head_end.offline.clear()
        self.link._on_link_up()
        self.run_jobs()
        self.assertRecordValues(
            command, [{"state": "expired", "outcome": "not_done", "tries": 0}]
        )
        self.assertFalse(self.head_end.frames)

    def test_an_overdue_command_expires_before_it_is_sent(self):
        command = self._command(deadline=fields.Datetime.now() + PAST)
        self.run_commands(command)
        self.assertEqual(command.state, "expired")
        self.assertFalse(self.head_end.frames)

    def test_a_question_gives_up_after_its_tries(self):
        self.device.state.silent = True
        command = self.run_commands(self._command("relay_state"))
        self.assertRecordValues(
            command, [{"state": "failed", "outcome": "not_done", "tries": 3}]
        )

    # === Refused === #

    def test_a_refusal_that_the_read_back_confirms_ends_the_command(self):
        self.device.state.password = "04999999"
        command = self.run_commands(self._command())
        self.assertRecordValues(
            command, [{"state": "failed", "outcome": "not_done", "tries": 1}]
        )
        self.assertIn("password", command.result)

    def test_a_relay_that_does_not_follow_is_sent_three_times_at_most(self):
        self.device.switch = lambda close: None
        command = self.run_commands(self._command())
        self.assertRecordValues(
            command, [{"state": "failed", "outcome": "not_done", "tries": 3}]
        )

    def test_a_request_that_cannot_be_made_fails_unsent(self):
        self.env.cr.execute(
            "UPDATE amr_meter SET address = '99000000000123' WHERE id = %s",
            [self.meter.id],
        )
        self.meter.invalidate_recordset()
        command = self.run_commands(self._command())
        self.assertRecordValues(command, [{"state": "failed", "tries": 0}])
        self.assertIn("12 digits", command.result)

    # === Order === #

    def test_commands_of_a_meter_go_one_after_the_other(self):
        first = self._command("relay_open")
        second = self._command("relay_close")
        second._enqueue()
        self.run_jobs()
        self.assertEqual(second.state, "queued")
        self.run_commands(first)
        self.assertEqual((first | second).mapped("state"), ["done", "done"])
        self.assertEqual(self.device.state.relay, "closed")

    def test_a_command_has_one_waiting_job(self):
        command = self._command()
        command._enqueue()
        command._enqueue()
        self.assertEqual(len(self._jobs()), 1)

    def test_a_finished_command_is_not_worked_again(self):
        command = self.run_commands(self._command())
        frames = len(self.head_end.frames)
        self.run_commands(command)
        self.assertEqual(len(self.head_end.frames), frames)

    def test_a_queued_command_can_be_taken_back(self):
        self.head_end.offline.add(self.link.key)
        command = self.run_commands(self._command())
        command.action_cancel()
        self.assertRecordValues(command, [{"state": "failed", "outcome": "not_done"}])
        with self.assertRaisesRegex(UserError, "cannot be taken back"):
            command.action_cancel()

    def test_the_log_in_of_a_link_hastens_a_postponed_command(self):
        self.env["ir.config_parameter"].set_param("amr.command_retry_delay", "600")
        self.head_end.down = True
        command = self.run_commands(self._command())
        self.assertFalse(self._jobs())
        self.head_end.down = False
        self.link._on_link_up()
        self.run_jobs()
        self.assertEqual(command.state, "done")
