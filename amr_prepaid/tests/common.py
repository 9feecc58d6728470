from decimal import Decimal
from unittest.mock import patch

from odoo.addons.amr_device_gateway.headend.client import HeadEndUnavailable, Reply
from odoo.addons.amr_device_gateway.headend.protocols.authenticator import (
    SimulatorAuthenticator,
)
from odoo.addons.amr_device_gateway.headend.simulator.electricity import (
    ElectricityMeter,
)
from odoo.addons.amr_device_gateway.models import amr_command
from odoo.addons.amr_metering.tests.common import MeteringCommon

KEY = "key of the tests"


class Crash(Exception):
    """The process dies here."""


class FakeHeadEnd:
    """Head-end with simulated meters, in the process; its faults are attributes.

    :ivar bool online: whether the link is there
    :ivar int drop_credit_replies: how many replies to credit frames get lost
    :ivar bool deaf_after_credit: nothing is heard of the meter after a credit frame
    :ivar list crash_at: "request" or "reply" of a credit frame, each to crash once
    :ivar list frames: credit frames that reached a meter
    """

    def __init__(self):
        self.meters = []
        self.online = True
        self.reachable = True
        self.silent = False
        self.drop_credit_replies = 0
        self.deaf_after_credit = False
        self.crash_at = []
        self.frames = []

    def add_meter(self, address, **state):
        row = {"address": address, "prepaid": True, **state}
        meter = ElectricityMeter(
            row, clock=lambda: 1e9, authenticator=SimulatorAuthenticator(KEY)
        )
        self.meters.append(meter)
        return meter

    async def __aenter__(self):
        if not self.reachable:
            raise HeadEndUnavailable("The head-end does not answer.")
        return self

    async def __aexit__(self, *_exc):
        pass

    async def exchange(self, link, protocol, frames, **_options):
        if not self.online:
            return [Reply(frame, None, "offline", 0, False) for frame in frames]
        return [self._answer(frame) for frame in frames]

    def _answer(self, frame):
        nothing = Reply(frame, None, "timeout", 5, True)
        for meter in self.meters:
            is_credit = self._is_credit(meter, frame)
            if is_credit:
                self._maybe_crash("request")
                self.frames.append(frame)
            _kind, reply = meter.answer(frame)
            if reply is None:
                continue
            if is_credit:
                self._maybe_crash("reply")
                self.silent = self.silent or self.deaf_after_credit
                if self.drop_credit_replies:
                    self.drop_credit_replies -= 1
                    return nothing
            return nothing if self.silent else Reply(frame, reply, None, 5, True)
        return nothing

    def _is_credit(self, meter, frame):
        """Say whether a frame is a credit command for the meter."""
        decoded = meter.protocol.decode(frame)
        mine = (decoded.address or "").lstrip("0") == meter.address.lstrip("0")
        return mine and (decoded.data_id or "").upper() == "070102FF"

    def _maybe_crash(self, where):
        if where in self.crash_at:
            self.crash_at.remove(where)
            raise Crash(where)


class PrepaidCommon(MeteringCommon):
    """A prepaid meter behind a DTU, sold to at 1.2 a unit (manual S4 2.2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        if not cls.company.chart_template:
            cls.env["account.chart.template"].try_loading(
                "generic_coa", company=cls.company, install_demo=False
            )
        cls.company._setup_amr_prepaid()
        cls.partner.lang = "en_US"
        cls.agreement.unlink()
        cls.link = cls.env["amr.link"].create(
            {
                "name": "DTU 1",
                "kind": "dtu",
                "terminal": "99990001",
                "community_id": cls.community.id,
            }
        )
        cls.meter_model.write({"protocol": "dlt645-2007", "prepaid": True})
        cls.meter.link_id = cls.link
        cls.prepaid_tariff = cls._tariff("Prepaid", cls.electricity, 1.2)
        cls.agreement = cls._agree(
            cls.point, tariff=cls.prepaid_tariff, payment_mode="prepaid"
        )
        cls.cash = cls._journal("cash", "CSH9")
        cls.clerk = cls._operator("prepaid_clerk", "amr_base.group_clerk")
        cls.other_clerk = cls._operator(
            "prepaid_other_clerk", "amr_base.group_clerk", cls.other_community
        )
        cls.reader = cls._operator("prepaid_reader", "amr_base.group_reader")
        cls.Vend = cls.env["amr.vend"]

    @classmethod
    def _journal(cls, kind, code):
        return cls.env["account.journal"].create(
            {"name": code, "code": code, "type": kind, "company_id": cls.company.id}
        )

    def setUp(self):
        super().setUp()
        self.head_end = FakeHeadEnd()
        self.device = self.head_end.add_meter(self.meter.address)
        self.startPatcher(patch.dict("os.environ", {"AMR_CREDIT_KEY": KEY}))
        self.startPatcher(
            patch.object(amr_command, "open_client", lambda links: self.head_end)
        )

    def _sell(self, amount, agreement=None, **kwargs):
        return self.Vend._sell(
            agreement or self.agreement, Decimal(str(amount)), self.cash, **kwargs
        )

    def _run_crashing(self, command, *where, expected=Crash):
        """Run a command in a process that dies at these places; check that it did.

        Not with ``assertRaises``: it would roll back what was committed before.
        """
        self.head_end.crash_at = list(where)
        try:
            self._run(command)
        except expected:
            self.assertFalse(self.head_end.crash_at)
        else:
            self.fail("The process did not die.")

    def _run(self, commands):
        """Run one round of commands as their job would, with real commits in it."""
        for command in commands:
            self.env.cr.flush()
            with self.enter_registry_test_mode(), self.registry.cursor() as cr:
                env = self.env(cr=cr, user=self.env.ref("base.user_root"))
                env["amr.command"].browse(command.id)._execute()

    def _run_until_settled(self, vend, rounds=8):
        """Run the order's command until nothing is left to do."""
        for _round in range(rounds):
            command = vend.command_id
            if not command or command._is_settled() or vend.state != "crediting":
                return
            self._run(command)

    def _available(self, account=None):
        return (account or self.account).wallet_ids.available

    def assertLedgerEqual(self):
        """Promise I1, of the whole database."""
        self.assertFalse(self.env["amr.wallet"]._get_ledger_differences())

    def assertCredited(self, vend, times=1):
        """The order came to its good end, and the meter has it once."""
        self.assertEqual(vend.state, "credited", vend.reason)
        self.assertEqual(vend.bill_move_id.payment_state, "paid")
        numbers = [credit["purchase_no"] for credit in self.device.state.credits]
        self.assertEqual(numbers.count(vend.purchase_no), times)
        self.assertLedgerEqual()
