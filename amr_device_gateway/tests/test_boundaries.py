"""A relay command that fails at each of its boundaries switches exactly once."""

import asyncio

from odoo import fields
from odoo.tests import tagged

from odoo.addons.amr_device_gateway.headend.client import (
    HeadEndError,
    HeadEndFailed,
    HeadEndLost,
    HeadEndUnavailable,
    Reply,
)
from odoo.addons.amr_device_gateway.headend.protocols import dlt645
from odoo.addons.amr_device_gateway.tools import (
    AFTER,
    NOT_SENT,
    PERHAPS_SENT,
    Exchange,
    error_code,
    exchange,
    nothing_sent,
)

from .common import FakeHeadEnd, GatewayCommon, Killed

RELAY = 0x1C
RAISED = {
    "unreachable": HeadEndUnavailable("cannot be reached"),
    "disconnected": HeadEndLost("the connection broke"),
    "internal": HeadEndFailed("the head-end failed"),
    "refused": HeadEndError("the token is refused"),
    "kill": Killed(),
}


class FaultyHeadEnd(FakeHeadEnd):
    """Fails one exchange, before or after the device worked the frame.

    :param str asked: what fails: ``relay`` or ``read``
    :param str word: of the table of errors, or ``kill``
    :param bool arrives: whether the device gets the frame nevertheless
    """

    def __init__(self, asked, word, arrives, as_reply=False):
        super().__init__()
        self.fault = (asked, word, arrives, as_reply)
        self.attempts = []  # (relay or read, word of the error or None)

    async def exchange(self, link, protocol, frames, **options):
        control = dlt645.parse(frames[0]).control
        asked = "relay" if control == RELAY else "read"
        wanted, word, arrives, as_reply = self.fault
        if asked != wanted:
            self.attempts.append((asked, None))
            return await super().exchange(link, protocol, frames, **options)
        self.attempts.append((asked, word))
        self.fault = (None, None, False, False)  # once
        if arrives:
            await super().exchange(link, protocol, frames, **options)
        if word in RAISED and not as_reply:
            raise RAISED[word]
        sent = AFTER[word] != NOT_SENT
        return [Reply(frame, None, word, 0, sent) for frame in frames]


@tagged("post_install", "-at_install")
class TestBoundaries(GatewayCommon):
    def _work(self, head_end):
        """Work a relay command to its end, as cron and log-ins go on with it."""
        device = head_end.add(self.link.key, {"address": self.meter.address})
        self.startPatcher(self.patch_headend(head_end))
        self.meter.relay_state = "unknown"
        command = self.env["amr.command"].create(
            {"kind": "relay_open", "meter_id": self.meter.id}
        )
        command._enqueue()
        for _round in range(6):
            self.run_jobs()
            if command.state in ("done", "failed", "expired"):
                break
            self.env["amr.command"]._cron_requeue()
            self.link._on_link_up()
        return device, command

    def _cases(self):
        for word, after in (*AFTER.items(), ("kill", PERHAPS_SENT)):
            for arrives in (False, True):
                if after == NOT_SENT and arrives:
                    continue  # then the word would be a lie
                yield word, arrives, False
            if word == "internal":
                yield word, True, True
                yield word, False, True

    def test_every_error_at_every_boundary_of_a_relay_command(self):
        for asked in ("relay", "read"):
            for word, arrives, as_reply in self._cases():
                with self.subTest(at=asked, word=word, arrives=arrives):
                    head_end = FaultyHeadEnd(asked, word, arrives, as_reply)
                    device, command = self._work(head_end)
                    self.assertRecordValues(
                        command, [{"state": "done", "outcome": "done"}]
                    )
                    self.assertEqual(device.state.relay, "open")
                    self.assertEqual(head_end.kinds().count("relay"), 1)
                    self._check_read_back(head_end.attempts)

    def _check_read_back(self, attempts):
        """Between two sends there is a read-back, or the first has not left."""
        for (asked, word), (again, _word) in zip(attempts, attempts[1:], strict=False):
            if asked == again == "relay":
                self.assertEqual(AFTER.get(word), NOT_SENT, attempts)

    # === The table, entry by entry === #

    def test_what_may_have_happened_after_each_error(self):
        for word, after in AFTER.items():
            one = Exchange(b"", None, word, 0, False)
            self.assertEqual(one.arrived, after == PERHAPS_SENT, word)
            # the head-end's own word that something left is always believed
            self.assertTrue(Exchange(b"", None, word, 0, True).arrived, word)
        self.assertTrue(Exchange(b"", None, "unheard-of", 0, False).arrived)
        self.assertTrue(Exchange(b"", b"x", None, 0, False).arrived)
        self.assertTrue(Exchange(b"", None, None, 0, False).arrived)
        self.assertFalse(nothing_sent([]))

    def test_what_the_client_raises_is_in_the_table(self):
        protocol = self.meter_model._get_protocol()

        class Client:
            def __init__(self, error):
                self.error = error

            async def exchange(self, *_args, **_options):
                raise self.error

        for word in ("unreachable", "disconnected", "internal", "refused"):
            (one,) = asyncio.run(
                exchange(Client(RAISED[word]), "x", protocol, [b"\x68"], 1)
            )
            self.assertEqual(error_code(one.error), word)
            self.assertEqual(one.arrived, AFTER[word] == PERHAPS_SENT)
            self.assertTrue(self.env["amr.link"]._get_error_text(one.error))

    def test_a_head_end_that_fails_all_the_time_leaves_the_outcome_unknown(self):
        """Never resent, never called done: for a person at the deadline."""
        head_end = FakeHeadEnd()
        self.startPatcher(self.patch_headend(head_end))
        device = head_end.add(self.link.key, {"address": self.meter.address})

        async def fail(*_args, **_options):
            raise HeadEndFailed("the head-end failed")

        head_end.exchange = fail
        command = self.env["amr.command"].create(
            {"kind": "relay_open", "meter_id": self.meter.id}
        )
        command._enqueue()
        self.run_jobs(rounds=5)
        self.assertRecordValues(command, [{"state": "sent", "tries": 1}])
        command.sudo().deadline = fields.Datetime.subtract(
            fields.Datetime.now(), hours=1
        )
        self.run_jobs(rounds=3)
        self.assertRecordValues(command, [{"state": "failed", "outcome": "unknown"}])
        self.assertEqual(device.state.relay, "closed")
