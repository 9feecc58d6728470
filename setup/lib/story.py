"""One month in the life of the demo estate, played through the doors people use.

Each step does what a person or a device would do and looks at what became of it; it
returns what it saw as a sentence, and raises :class:`StepError` when something did not
happen. The steps look at differences, so the story can be played again and again on
the same database.
"""

import io
import time
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from unicodedata import normalize
from zoneinfo import ZoneInfo

from doors import PHONE, Operator, SimulatedMeters, Visitor, chromium
from runtime import SetupError, wait_until

COMMUNITY = "10371"
PATIENCE = 120
CENT = Decimal("0.01")
RECHARGE = 50
# What a prepaid household may use up while a step is watching its meter.
USED_MEANWHILE = Decimal("0.50")
CREDIT_CARD = "4242 4242 4242 4242"


class StepError(SetupError):
    """A step of the story did not happen."""


def expect(condition, sentence):
    if not condition:
        raise StepError(sentence)


def money(value):
    return Decimal(str(value)).quantize(CENT)


def month_before(day):
    """Return the first day of the month before a day."""
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return day.replace(year=year, month=month, day=1)


class Story:
    """The story's people and devices, and what they do.

    :param stack: the running demo_stack.Stack
    :param browser: Playwright's browser, for the residents
    """

    def __init__(self, stack, browser):
        self.stack = stack
        self.browser = browser
        self.meters = SimulatedMeters(stack.simulator_url)
        self._operators = {}

    def operator(self, role):
        """Return the operator of a role, logged in once."""
        if role not in self._operators:
            one = self.stack.credentials()[role]
            self._operators[role] = Operator(
                self.stack.url, self.stack.database, one["login"], one["password"]
            )
        return self._operators[role]

    def resident(self, role, viewport=PHONE):
        """Return a resident's browser, logged in."""
        one = self.stack.credentials()[role]
        return Visitor(
            self.browser, self.stack.url, one["login"], one["password"], viewport
        )

    @cached_property
    def community(self):
        return self.operator("admin").one(
            "amr.community", [("full_code", "=", COMMUNITY)], ["name", "tz"]
        )

    @cached_property
    def today(self):
        """Return the day it is in the community."""
        return datetime.now(ZoneInfo(self.community["tz"])).date()

    @cached_property
    def month(self):
        """Return the first day of the last month that the meters' freezes cover."""
        newest = self.operator("admin").one(
            "amr.reading", [("kind", "=", "daily")], ["read_at"], order="read_at desc"
        )
        read_at = datetime.fromisoformat(newest["read_at"] + "+00:00")
        return month_before(read_at.astimezone(ZoneInfo(self.community["tz"])).date())

    # --- 1: the estate ---------------------------------------------------------------

    def check_estate(self):
        admin = self.operator("admin")
        company = admin.one(
            "res.company", [], ["name", "chart_template", "currency_id", "country_code"]
        )
        expect(company["chart_template"] == "cn", "the chart of accounts is not cn")
        expect(company["currency_id"][1] == "CNY", "the currency is not CNY")
        expect(self.community["tz"] == "Asia/Shanghai", "not in Asia/Shanghai")
        codes = {c["full_code"] for c in admin.find("amr.community", [], ["full_code"])}
        expect({"10371", "10372"} <= codes, f"communities are {codes}")
        rooms = admin.count("amr.room", [])
        by_protocol = {
            name: admin.count("amr.meter", [("model_id.protocol", "=", name)])
            for name in ("dlt645-2007", "cjt188")
        }
        prepaid = admin.count("amr.meter", [("prepaid", "=", True)])
        expect(all(by_protocol.values()) and prepaid, "meters are missing")
        owner = max(
            admin.find("amr.account", [], ["name", "room_ids"]),
            key=lambda account: len(account["room_ids"]),
        )
        expect(len(owner["room_ids"]) == 3, "nobody owns three rooms")
        changes = admin.find(
            "amr.tariff.version",
            [("date_from", "!=", False), ("date_to", "=", False)],
            ["date_from"],
        )
        expect(
            len(changes) >= 2 and all(c["date_from"][-2:] != "01" for c in changes),
            "no price changes in the middle of a month",
        )
        readings = admin.count("amr.reading", [("kind", "=", "daily")])
        leaks = admin.count("amr.exception", [("kind", "=", "high")])
        debtors = len(self._overdue_bills(admin))
        expect(leaks and debtors, f"{leaks} leaks, {debtors} overdue bills")
        return (
            f"{company['name']}, {company['currency_id'][1]}, {rooms} rooms, "
            f"{by_protocol['dlt645-2007']} electricity and {by_protocol['cjt188']} "
            f"water meters ({prepaid} prepaid), {owner['name']} with three rooms, "
            f"{readings} daily readings, {leaks} leak, {debtors} overdue bills"
        )

    def _overdue_bills(self, operator):
        return operator.find(
            "account.move",
            [
                ("amr_account_id", "!=", False),
                ("state", "=", "posted"),
                ("payment_state", "=", "not_paid"),
                ("move_type", "=", "out_invoice"),
                ("invoice_date_due", "<", self.today.isoformat()),
            ],
            ["name"],
        )

    # --- 2: devices come online ------------------------------------------------------

    def check_links(self):
        """See both DTUs online; one loses its connection and comes back by itself."""
        links = self.wait_for_links()
        terminal = links[0]["terminal"]
        before = self.meters.ask_dtu(terminal)["connects"]
        self.meters.tell_dtu(terminal, disconnect=True)
        wait_until(
            lambda: (
                self.meters.ask_dtu(terminal)["connects"] > before
                and self._link(terminal)["online_since"] != links[0]["online_since"]
            ),
            PATIENCE,
            f"DTU {terminal} after its connection was lost",
        )
        links = self.wait_for_links()
        seen = ", ".join(f"{one['terminal']} from {one['peer']}" for one in links)
        return f"{seen} online; {terminal} came back after a lost connection"

    def wait_for_links(self):
        """Wait until all links in service are online; return them."""
        domain = [("state", "=", "active"), ("kind", "=", "dtu")]
        fields = ["terminal", "peer", "online", "online_since"]
        admin = self.operator("admin")

        def all_online():
            links = admin.find("amr.link", domain, fields, order="terminal")
            return len(links) >= 2 and all(one["online"] for one in links) and links

        return wait_until(all_online, PATIENCE, "the DTUs in Odoo")

    def _link(self, terminal):
        return self.operator("admin").one(
            "amr.link", [("terminal", "=", terminal)], ["online", "online_since"]
        )

    # --- 3: reading ------------------------------------------------------------------

    def read_community(self):
        """Read all meters by the reader's button, watching the progress."""
        task_id = self.start_reading()
        seen = self.watch_reading(task_id)
        counts = self.check_reading(task_id)
        expect(len(seen) > 2, f"no live progress was seen: {seen}")
        return (
            f"{counts['done']} of {counts['total']} meters read "
            f"(seen at {', '.join(map(str, seen[:6]))} …), {counts['missing']} silent "
            f"with an open exception: {counts['silent']}"
        )

    def start_reading(self):
        """Press "Read" on the community; return the read task's id."""
        action = self.operator("reader").press(
            "amr.community", self.community["id"], "action_read"
        )
        return action["res_id"]

    def reading(self, task_id):
        return self.operator("reader").read(
            "amr.read.task",
            task_id,
            ["name", "state", "total_count", "done_count", "missing_count"],
        )

    def watch_reading(self, task_id):
        """Wait until a read task is done; return the numbers of meters seen read."""
        seen = []

        def finished():
            task = self.reading(task_id)
            if task["done_count"] not in seen:
                seen.append(task["done_count"])
            return task["state"] == "done"

        wait_until(finished, PATIENCE, "the read task")
        return seen

    def check_reading(self, task_id):
        """See that each meter of a done task was read once, or is an open exception."""
        reader = self.operator("reader")
        lines = reader.find(
            "amr.read.task.line",
            [("task_id", "=", task_id)],
            ["meter_id", "state", "reading_id", "index", "tries"],
        )
        done = [line for line in lines if line["state"] == "done"]
        missing = [line for line in lines if line["state"] == "missing"]
        expect(len(done) + len(missing) == len(lines), "lines are neither")
        self._check_once(reader, task_id, done)
        for line in done[:: max(len(done) // 8, 1)]:
            self._check_index(reader, line)
        silent = [self._check_silent(reader, line) for line in missing]
        expect(len(silent) == 1, f"{len(silent)} meters are missing, one is silent")
        return {
            "total": len(lines),
            "done": len(done),
            "missing": len(missing),
            "silent": ", ".join(silent),
        }

    def _check_once(self, reader, task_id, lines):
        """See that the task brought one reading for each of its meters, no more."""
        task = reader.read("amr.read.task", task_id, ["started_at"])
        readings = reader.find(
            "amr.reading",
            [
                ("meter_id", "in", [line["meter_id"][0] for line in lines]),
                ("register", "=", "total"),
                ("kind", "=", "spot"),
                ("read_at", ">=", task["started_at"]),
            ],
            ["meter_id"],
        )
        meters = {one["meter_id"][0] for one in readings}
        expect(
            len(readings) == len(lines) == len(meters),
            f"{len(readings)} readings of {len(meters)} meters for {len(lines)} lines",
        )

    def _check_index(self, reader, line):
        """See that a reading is what the meter shows, or showed a moment ago."""
        meter = reader.read("amr.meter", line["meter_id"][0], ["address"])
        shown = self.meters.ask(meter["address"])["index"]
        behind = shown - money(line["index"])
        expect(
            0 <= behind < 1,
            f"meter {meter['address']} shows {shown}, {line['index']} was read",
        )

    def _check_silent(self, reader, line):
        meter = reader.read("amr.meter", line["meter_id"][0], ["address", "state"])
        expect(
            self.meters.ask(meter["address"])["silent"],
            f"meter {meter['address']} is missing although it answers",
        )
        expect(line["tries"] == 3, f"given up after {line['tries']} tries")
        exceptions = reader.count(
            "amr.exception",
            [
                ("kind", "=", "missing"),
                ("state", "=", "open"),
                ("meter_id", "=", line["meter_id"][0]),
            ],
        )
        expect(exceptions == 1, f"{exceptions} exceptions for {meter['address']}")
        return meter["address"]

    # --- 4: a concentrator -----------------------------------------------------------

    def read_concentrator(self):
        """Compare a concentrator's list with ours, then read its meters by frames."""
        one = self.wait_for_concentrator()
        admin = self.operator("admin")
        admin.press("amr.concentrator", one["id"], "action_archive_compare")
        command = self._wait_for_command(
            admin, [("concentrator_id", "=", one["id"])], "the comparison of lists"
        )
        after = admin.read("amr.concentrator", one["id"], ["difference_count"])
        expect(after["difference_count"] == 0, f"the lists differ: {command}")
        frames = admin.count("amr.command.frame", [("command_id", "=", command["id"])])
        action = self.operator("reader").press(
            "amr.concentrator", one["id"], "action_read_meters"
        )
        self.watch_reading(action["res_id"])
        read = self._check_concentrator(action["res_id"])
        return (
            f"{one['terminal']} knows its {one['meter_count']} meters as we do "
            f"({frames} frames), {read} of them read through it"
        )

    def wait_for_concentrator(self):
        """Wait until the concentrator has logged in; return it."""
        fields = ["terminal", "online", "meter_count"]

        def online():
            found = self.operator("admin").one("amr.concentrator", [], fields)
            return found["online"] and found

        return wait_until(online, PATIENCE, "the concentrator in Odoo")

    def _check_concentrator(self, task_id):
        """See that each meter of the concentrator was read; return how many."""
        reader = self.operator("reader")
        lines = reader.find(
            "amr.read.task.line",
            [("task_id", "=", task_id)],
            ["meter_id", "state", "index"],
        )
        expect(lines, "nothing was read through the concentrator")
        for line in lines:
            expect(line["state"] == "done", f"not read: {line['meter_id'][1]}")
            self._check_index(reader, line)
        return len(lines)

    def _wait_for_command(self, operator, domain, what):
        """Wait until the newest command of a domain is over; return it, done."""

        def final():
            command = operator.one(
                "amr.command", domain, ["state", "result"], order="id desc"
            )
            return command["state"] in ("done", "failed", "expired") and command

        command = wait_until(final, PATIENCE, what)
        expect(command["state"] == "done", f"{what}: {command['result']}")
        return command

    # --- 5: billing ------------------------------------------------------------------

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

    # --- 6: cash ---------------------------------------------------------------------

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

    # --- 7: the portal ---------------------------------------------------------------

    def use_portal(self):
        """Look at balance, usage and bill as a resident, and pay the bill online."""
        with self.resident("resident") as resident:
            resident.go("/my/energy")
            balance = resident.text(".o_amr_account .o_amr_figure")
            resident.page.click(
                ".o_amr_account a.btn-light[href^='/my/energy/account/']"
            )
            resident.wait("svg.o_amr_chart")
            bars = resident.page.locator("svg.o_amr_chart rect.o_amr_bar").count()
            expect(bars > 20, f"the usage charts have {bars} bars")
            bill = self._unpaid_bill()
            pdf = self._download_bill(resident, bill)
            self.pay_bill(resident, bill)
        return (
            f"owed {balance}, {bars} bars of usage, {bill['name']} as PDF "
            f"({len(pdf) // 1024} kB), paid online: "
            f"{self._payment_state(bill)}"
        )

    def _unpaid_bill(self):
        return self.operator("admin").one(
            "account.move",
            [
                ("amr_account_id", "=", self._account("resident")["id"]),
                ("payment_state", "=", "not_paid"),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
            ],
            ["name", "amount_residual"],
            order="id desc",
        )

    def _payment_state(self, bill):
        admin = self.operator("admin")
        return admin.read("account.move", bill["id"], ["payment_state"])[
            "payment_state"
        ]

    def _download_bill(self, resident, bill):
        from pypdf import PdfReader

        pdf = resident.download(
            f"/my/invoices/{bill['id']}?report_type=pdf&download=true"
        )
        expect(pdf.startswith(b"%PDF"), "the bill is not a PDF")
        pages = PdfReader(io.BytesIO(pdf)).pages
        # digits are drawn in a font without a text; the Chinese in look-alike radicals
        text = normalize("NFKC", "".join(page.extract_text() for page in pages))
        for word in (self._account("resident")["name"], self.community["name"]):
            expect(word in text, f"{word} is not on the PDF of {bill['name']}")
        return pdf

    def pay_bill(self, resident, bill):
        """Pay a bill with the demo provider, as the resident sees it."""
        page = resident.page
        resident.go(f"/my/invoices/{bill['id']}?payment=True")
        page.fill("#pay_with.show #customer_input", CREDIT_CARD)
        page.click("#pay_with.show button[name=o_payment_submit_button]:enabled")
        resident.text("[name=invoice_paid_badge]")
        wait_until(
            lambda: self._payment_state(bill) == "paid", PATIENCE, "the online payment"
        )

    # --- 8: prepaid ------------------------------------------------------------------

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

    # --- 9: the relay ----------------------------------------------------------------

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


STEPS = (
    ("the estate, its people, tariffs and history", Story.check_estate),
    ("DTUs register and are seen online", Story.check_links),
    ("the reader reads the community", Story.read_community),
    ("the reader reads through a concentrator", Story.read_concentrator),
    ("last month is billed", Story.bill_community),
    ("the front desk takes cash", Story.take_cash),
    ("a resident looks at his bill and pays it online", Story.use_portal),
    ("a resident recharges his prepaid meter", Story.recharge),
    ("a relay is opened and closed", Story.switch_relay),
)


def play(stack, say):
    """Play all steps; a step that fails does not keep the others from being tried.

    :return: exit status, 0 when every step happened
    """
    failed = 0
    with chromium() as browser:
        story = Story(stack, browser)
        for number, (title, step) in enumerate(STEPS, 1):
            started = time.monotonic()
            try:
                seen = f"ok: {step(story)}"
            except Exception as error:  # whatever it is, the step did not happen
                failed += 1
                seen = f"FAILED: {type(error).__name__}: {error}"
            took = time.monotonic() - started
            say(f"{number}/{len(STEPS)} {title} ({took:.0f} s) … {seen}")
    say("The story happened." if not failed else f"{failed} steps did not happen.")
    return 1 if failed else 0
