"""Steps 1 and 2: the estate and its links."""

from runtime import wait_until

from .people import PATIENCE, People, expect


class EstateSteps(People):
    """The estate is there, and its devices come online."""

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
