"""Steps 8 and 9: energy is recharged, and a relay switched."""

import time
from decimal import Decimal
from functools import cached_property

from .people import CREDIT_CARD, PATIENCE, People, expect, money

RECHARGE = 50
# What a prepaid household may use up while a step is watching its meter.
USED_MEANWHILE = Decimal("0.50")


class PrepaidSteps(People):
    """Money becomes energy on a meter, and a relay does as told."""

    def recharge(self):
        """Recharge online twice, the second time with a lost acknowledgement."""
        first = self.recharge_once()
        address = self.prepaid_meter["address"]
        with self.meters.fault(address, drop_replies=1, only="credit"):
            second = self.recharge_once()
        return f"{first}; with the acknowledgement lost: {second}"

    @cached_property
    def prepaid_meter(self):
        """Return the prepaid resident's meter, with its agreement."""
        admin = self.operator("admin")
        agreement = admin.one(
            "amr.agreement",
            [
                ("account_id", "=", self._account("prepaid_resident")["id"]),
                ("payment_mode", "=", "prepaid"),
            ],
            ["meter_id"],
        )
        meter = admin.read("amr.meter", agreement["meter_id"][0], ["address"])
        return {**meter, "agreement": agreement["id"]}

    def recharge_once(self):
        """Buy credit in the portal and see it on the meter; return what was seen."""
        before = self.meters.ask(self.prepaid_meter["address"])
        with self.resident("prepaid_resident") as resident:
            vend_id = self.order_recharge(resident)
            states = self.watch_recharge(resident)
        vend = self.check_recharge(vend_id, before)
        after = self.meters.ask(self.prepaid_meter["address"])
        return (
            f"{vend['name']} {' → '.join(states)}: no. {vend['purchase_no']}, "
            f"{vend['quantity']:.0f} kWh, the meter's balance "
            f"{before['balance']} → {after['balance']}"
        )

    def order_recharge(self, resident):
        """Choose an amount and pay it; return the order's id."""
        page = resident.page
        self.choose_recharge(resident)
        vend_id = int(page.url.rpartition("/")[2].partition("?")[0])
        page.fill("#customer_input", CREDIT_CARD)
        page.click("button[name=o_payment_submit_button]:enabled")
        return vend_id

    def choose_recharge(self, resident):
        """Choose an amount, see what it buys, and go on to the payment."""
        page = resident.page
        resident.go(f"/my/energy/recharge/{self.prepaid_meter['agreement']}")
        page.click(f"label[for=amr_preset_{RECHARGE}]")
        page.wait_for_function(
            "() => document.querySelector('.o_amr_quote').textContent.trim()"
        )
        page.click(".o_amr_recharge button[type=submit]:enabled")
        page.wait_for_url("**/my/energy/vend/*")

    def vend_state(self, vend_id):
        return self.operator("admin").read("amr.vend", vend_id, ["state"])["state"]

    def watch_recharge(self, resident):
        """Watch the order's page until the meter has the credit; return its states."""
        seen = ["paid"]
        order = resident.page.locator(".o_amr_vend:not(:has(#customer_input))")
        end = time.monotonic() + PATIENCE
        while seen[-1] != "credited":
            expect(time.monotonic() < end, f"the order went {' → '.join(seen)} only")
            order.first.wait_for(state="attached")
            state = order.first.get_attribute("data-state")
            if state != seen[-1]:
                seen.append(state)
        return seen

    def check_recharge(self, vend_id, before):
        """See that an order reached its meter exactly once, and the books know.

        :param dict before: what the meter said before the order
        """
        admin = self.operator("admin")
        vend = admin.read(
            "amr.vend",
            vend_id,
            [
                "name",
                "state",
                "quantity",
                "purchase_no",
                "payment_id",
                "bill_move_id",
                "account_id",
            ],
        )
        expect(vend["state"] == "credited", f"{vend['name']} is {vend['state']}")
        expect(vend["payment_id"] and vend["bill_move_id"], "the books do not know")
        after = self.meters.ask(self.prepaid_meter["address"])
        bought = Decimal(str(vend["quantity"]))
        risen = after["balance"] - before["balance"]
        expect(
            bought - USED_MEANWHILE <= risen <= bought,
            f"{bought} kWh bought, the meter's balance rose by {risen}",
        )
        number = before["purchase_no"] + 1
        expect(
            vend["purchase_no"] == after["purchase_no"] == number,
            f"purchase number {vend['purchase_no']}, the meter is at "
            f"{after['purchase_no']}, was at {before['purchase_no']}",
        )
        booked = [c for c in after["credits"] if c["purchase_no"] == number]
        expect(
            len(booked) == 1, f"the meter booked number {number} {len(booked)} times"
        )
        bill = admin.read("account.move", vend["bill_move_id"][0], ["payment_state"])
        expect(
            bill["payment_state"] == "paid", "the energy is not paid from the wallet"
        )
        self.check_wallets()
        return vend

    def check_wallets(self):
        """See that the prepaid liability equals the sum of the wallets (promise I1)."""
        admin = self.operator("admin")
        company = admin.one("res.company", [], ["amr_prepaid_account_id"])
        account = company["amr_prepaid_account_id"][0]
        lines = admin.find(
            "account.move.line",
            [("account_id", "=", account), ("parent_state", "=", "posted")],
            ["balance"],
        )
        liability = -sum((money(line["balance"]) for line in lines), Decimal(0))
        wallets = admin.find("amr.wallet", [], ["balance"])
        total = sum((money(wallet["balance"]) for wallet in wallets), Decimal(0))
        expect(liability == total, f"liability {liability}, wallets {total}")

    def switch_relay(self):
        """Open a meter's relay, close it again, and read its state back."""
        admin = self.operator("community_admin")
        meter = admin.one(
            "amr.meter",
            [
                ("community_id", "=", self.community["id"]),
                ("model_id.protocol", "=", "dlt645-2007"),
                ("prepaid", "=", False),
            ],
            ["address", "number"],
            order="number",
        )
        for button, state in (
            ("action_open_relay", "open"),
            ("action_close_relay", "closed"),
        ):
            self._switch(admin, meter, button)
            self._expect_relay(admin, meter, state)
        self._switch(admin, meter, "action_relay_state")
        self._expect_relay(admin, meter, "closed")
        return f"meter {meter['number']} opened and closed again, read back: closed"

    def _switch(self, admin, meter, button):
        admin.press("amr.meter", meter["id"], button)
        self._wait_for_command(admin, [("meter_id", "=", meter["id"])], button)

    def _expect_relay(self, admin, meter, state):
        shown = self.meters.ask(meter["address"])["relay"]
        known = admin.read("amr.meter", meter["id"], ["relay_state"])["relay_state"]
        expect(shown == known == state, f"relay is {shown}, Odoo says {known}")
