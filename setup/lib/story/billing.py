"""Steps 5 and 6: the month is billed, and paid in cash."""

from decimal import Decimal

from runtime import wait_until

from .people import CENT, PATIENCE, People, expect, money


class BillingSteps(People):
    """Bills are made, looked at and paid at the desk."""

    def bill_community(self):
        """Bill the last month; a second run of the same month makes nothing."""
        self._accept_the_leak()
        released = self._release_bills()
        run = self.run_billing()
        expect(run["error_count"] == 0, f"not billed: {self._billing_errors(run)}")
        expect(run["move_count"] >= len(released), f"{released} were not billed again")
        segments = self.check_bills()
        again = self.run_billing()
        expect(
            (again["move_count"], again["charge_count"]) == (0, 0),
            f"billed twice: {again}",
        )
        new = f"{run['move_count']} new bills over {run['amount_total']:.2f} yuan"
        if released:
            new = f"{', '.join(released)} credited and billed again: {new}"
        return f"{new}; {segments}; the second run made nothing"

    def _accept_the_leak(self):
        """Take for true what the burst pipe let through; until then it is held back.

        Its meter has no closing index before that, and its account no bill.
        """
        admin = self.operator("community_admin")
        domain = [("kind", "=", "high"), ("state", "=", "open")]
        for exception in admin.find("amr.exception", domain, ["id"]):
            admin.press("amr.exception", exception["id"], "action_accept")

    def run_billing(self):
        """Let the administrator bill the month; return the run when it is done."""
        admin = self.operator("community_admin")
        run_id = admin.create(
            "amr.billing.run",
            {
                "community_id": self.community["id"],
                "date_from": self.month.isoformat(),
            },
        )
        admin.press("amr.billing.run", run_id, "action_start")
        fields = [
            "state",
            "move_count",
            "charge_count",
            "error_count",
            "amount_total",
            "line_ids",
        ]

        def done():
            run = admin.read("amr.billing.run", run_id, fields)
            return run["state"] == "done" and run

        return wait_until(done, PATIENCE, "the billing run")

    def _billing_errors(self, run):
        lines = self.operator("community_admin").find(
            "amr.billing.run.line",
            [("id", "in", run["line_ids"]), ("state", "=", "error")],
            ["error"],
        )
        return "; ".join(line["error"] for line in lines)

    def _release_bills(self):
        """Credit a bill, as was wrong, of whoever has to pay next and owes nothing.

        Played for the first time there is a month to bill. Later there is not: the
        bills of the resident, and of somebody who pays in cash, are credited when they
        are paid, and their consumption is billed again.

        :return: names of the credited bills
        """
        resident = ("amr_account_id", "=", self._account("resident")["id"])
        released = []
        for whose in (resident, (resident[0], "!=", resident[2])):
            bills = self.operator("community_admin").find(
                "account.move",
                [
                    whose,
                    ("amr_run_id.community_id", "=", self.community["id"]),
                    ("amr_run_id.date_from", "=", self.month.isoformat()),
                    ("move_type", "=", "out_invoice"),
                    ("state", "=", "posted"),
                ],
                ["name", "payment_state"],
                order="id desc",
            )
            if bills and not any(one["payment_state"] == "not_paid" for one in bills):
                self._release_bill(bills[0])
                released.append(bills[0]["name"])
        return released

    def _release_bill(self, bill):
        """Credit a bill whose consumption is to be billed again."""
        admin = self.operator("community_admin")
        wizard = admin.create(
            "account.move.reversal",
            {"journal_id": self._journal("sale"), "amr_release": True},
            context={"active_model": "account.move", "active_ids": [bill["id"]]},
        )
        action = admin.press("account.move.reversal", wizard, "refund_moves")
        if admin.read("account.move", action["res_id"], ["state"])["state"] == "draft":
            admin.press("account.move", action["res_id"], "action_post")

    def check_bills(self):
        """See that the month's bills are all there, add up and explain themselves."""
        admin = self.operator("community_admin")
        charges = admin.find(
            "amr.charge",
            [
                ("community_id", "=", self.community["id"]),
                ("period", "=", self.month.isoformat()),
                ("released", "=", False),
            ],
            [
                "agreement_id",
                "kind",
                "start_index",
                "end_index",
                "factor",
                "consumption",
                "unit_price",
                "quantity",
                "amount",
                "explanation",
                "move_id",
            ],
        )
        energy = [charge for charge in charges if charge["kind"] == "energy"]
        expect(energy, "there are no charges")
        for charge in energy:
            self._check_charge(charge)
        bills = self._check_totals(admin, charges)
        prices = {}
        for charge in energy:
            prices.setdefault(charge["agreement_id"][0], set()).add(
                charge["unit_price"]
            )
        expect(
            all(len(both) == 2 for both in prices.values()),
            "the price change does not show on every meter's bill",
        )
        agreements = admin.count(
            "amr.agreement",
            [
                ("community_id", "=", self.community["id"]),
                ("payment_mode", "=", "postpaid"),
            ],
        )
        expect(
            len(prices) == agreements,
            f"{len(prices)} of {agreements} meters are billed",
        )
        return (
            f"{len(energy)} price segments of {len(prices)} meters on {bills} bills, "
            "each with indexes, factor, consumption and price"
        )

    @staticmethod
    def _check_charge(charge):
        used = Decimal(str(charge["end_index"])) - Decimal(str(charge["start_index"]))
        used *= Decimal(str(charge["factor"]))
        expect(
            abs(used - Decimal(str(charge["consumption"]))) < Decimal("0.001"),
            f"indexes and consumption of {charge['explanation']} differ",
        )
        amount = Decimal(str(charge["quantity"])) * Decimal(str(charge["unit_price"]))
        expect(
            abs(amount - money(charge["amount"])) <= CENT,
            f"price and amount of {charge['explanation']} differ",
        )
        expect(charge["move_id"], f"not on a bill: {charge['explanation']}")

    @staticmethod
    def _check_totals(admin, charges):
        by_bill = {}
        for charge in charges:
            if charge["move_id"]:
                by_bill.setdefault(charge["move_id"][0], []).append(charge)
        moves = admin.find(
            "account.move",
            [("id", "in", list(by_bill))],
            ["name", "state", "amount_total", "invoice_line_ids"],
        )
        for move in moves:
            own = by_bill[move["id"]]
            expect(move["state"] == "posted", f"{move['name']} is not posted")
            expect(
                len(move["invoice_line_ids"]) == len(own),
                f"{move['name']} has lines that are no charges",
            )
            total = sum(money(charge["amount"]) for charge in own)
            expect(
                total == money(move["amount_total"]),
                f"{move['name']} is {move['amount_total']}, its charges {total}",
            )
        return len(moves)

    def _account(self, role):
        """Return the customer account of one of the residents who may log in."""
        login = self.stack.credentials()[role]["login"]
        admin = self.operator("admin")
        user = admin.one("res.users", [("login", "=", login)], ["partner_id"])
        return admin.one(
            "amr.account", [("partner_id", "=", user["partner_id"][0])], ["name"]
        )

    def _journal(self, kind):
        return self.operator("admin").one(
            "account.journal", [("type", "=", kind)], ["name"], order="sequence, id"
        )["id"]

    def take_cash(self):
        """Take the newest unpaid bill's amount in cash at the front desk."""
        clerk = self.operator("clerk")
        bill = clerk.one(
            "account.move",
            [
                ("amr_account_id", "not in", [self._account("resident")["id"]]),
                ("amr_community_id", "=", self.community["id"]),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "=", "not_paid"),
            ],
            ["name", "amount_residual", "partner_id"],
            order="invoice_date desc, id desc",
        )
        context = {"active_model": "account.move", "active_ids": [bill["id"]]}
        wizard = clerk.create(
            "account.payment.register",
            {"journal_id": self._journal("cash")},
            context=context,
        )
        clerk.press(
            "account.payment.register", wizard, "action_create_payments", context
        )
        after = clerk.read(
            "account.move", bill["id"], ["payment_state", "amount_residual"]
        )
        expect(after["payment_state"] == "paid", f"{bill['name']}: {after}")
        expect(after["amount_residual"] == 0, f"{bill['name']} is not reconciled")
        return (
            f"{bill['partner_id'][1]} paid {bill['name']}, "
            f"{bill['amount_residual']:.2f} yuan, in cash: paid and reconciled"
        )
