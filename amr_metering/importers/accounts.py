"""Customer accounts and their rooms (KTAMR manual 3.3: one owner, many rooms)."""

from collections import defaultdict

from ..estate_book import Place
from .base import Plan, RowError, SheetImporter, plain

CARD = ("name", "phone", "email", "street", "zip")
OWN = (
    "mobile",
    "sex",
    "id_type",
    "id_number",
    "bank_name",
    "bank_account",
    "household_size",
)
PLACE = ("community", "building", "room")


class AccountImporter(SheetImporter):
    sheet = "accounts"
    model = "amr.account"

    def prepare(self, rows):
        """Rows of one number are one account, each with one of its rooms."""
        company = [("company_id", "=", self.company.id)]
        numbers = {row.values["number"] for row in rows}
        domain = [*company, ("number", "in", list(map(str, numbers)))]
        known = self.records.with_context(active_test=False).search(domain)
        self.known = {account.number: account for account in known}
        self.taken = set(
            self.records.sudo()
            .with_context(active_test=False)
            .search(domain)
            .mapped("number")
        ) - set(self.known)
        self.padded = self.find_padded("number", numbers)
        # customers' cards are read through their accounts, as on screen
        known.partner_id.sudo().mapped("name")
        self.claims = {}
        self.made = set()
        self.groups = defaultdict(list)
        for row in rows:
            self.groups[row.values["number"]].append(row)

    def work(self, rows):
        """Import an account with all its rooms at once: first rows first, then more."""
        self.prepare(rows)
        leaders = [group[0] for group in self.groups.values()]
        followers = [row for group in self.groups.values() for row in group[1:]]
        self.work_rows(leaders)
        self.work_rows(followers)

    def plan(self, row):
        vals = row.values
        number = vals["number"]
        if number in self.taken:
            raise RowError(
                self.env._("Account %s is outside your scope.", number), "number"
            )
        community, __, room = self.places.find(vals)
        self.check_once(row, (number, room.id), "room")
        account = self.known.get(number)
        if not account and isinstance(number, Place) and number in self.padded:
            self.refuse_padded(number, self.padded[number], "number")
        card = {name: str(vals[name]) for name in CARD if vals.get(name)}
        own = {name: vals[name] for name in OWN if name in vals}
        extra = {}
        if room:
            self._check_vacant(room, number)
            if room.sudo().account_id.number != number:
                extra["room"] = room
        if not account:
            extra["card"] = card
            own.update(number=str(number), community_id=community.id)
            return Plan(row, None, own, extra)
        self._check_account(account, row, community, room)
        changed = self.changes(account.partner_id.sudo(), card)
        return Plan(row, account, {**changed, **self.changes(account, own)}, extra)

    def _check_vacant(self, room, number):
        account = room.sudo().account_id
        claimed = self.claims.setdefault(room.id, number)
        if claimed != number:
            raise RowError(
                self.env._("Account %s has this room in another row.", claimed), "room"
            )
        if account and account.number != number:
            raise RowError(
                self.env._(
                    "Room %(room)s belongs to account %(account)s now: use Move out or "
                    "Transfer, at a reading.",
                    room=room.display_name,
                    account=account.display_name,
                ),
                "room",
            )

    def _check_account(self, account, row, community, room):
        first = self.groups[account.number][0]
        for key in row.values.keys() - set(PLACE):
            if row.values[key] != first.values.get(key):
                raise RowError(
                    self.env._(
                        "Row %(row)s says otherwise of account %(number)s.",
                        number=account.number,
                        row=first.number,
                    ),
                    key,
                )
        if not room and community != account.community_id:
            raise RowError(
                self.env._(
                    "Account %(account)s belongs to %(community)s.",
                    account=account.display_name,
                    community=account.community_id.display_name,
                ),
                "community",
            )
        if account.state == "closed" or not account.active:
            raise RowError(
                self.env._("Account %s is closed.", account.display_name), "number"
            )

    def apply(self, plans):
        new = [plan for plan in plans if not plan.record]
        # who may add accounts may add their customers; there is no other right to it
        # nor is there anything to copy from: they are new and belong to no company
        quiet = self.env["res.partner"].sudo()
        quiet = quiet.with_context(
            tracking_disable=True, _partners_skip_fields_sync=True
        )
        partners = quiet.create([dict(plan.extra["card"]) for plan in new])
        vals = [
            {**plain(plan.vals), "partner_id": partner.id}
            for plan, partner in zip(new, partners, strict=True)
        ]
        made = iter(self.make(self.model, vals))
        records = [plan.record or next(made) for plan in plans]
        for plan in plans:
            if plan.record and plan.vals:
                plan.record.write(plain(plan.vals))
        pairs = [
            (plan.extra["room"], account)
            for plan, account in zip(plans, records, strict=True)
            if plan.extra.get("room")
        ]
        if pairs:
            rooms, accounts = zip(*pairs, strict=True)
            rooms = self.env["amr.room"].union(*rooms)
            self.env["auditlog.rule"]._write_each(rooms, "account_id", accounts)
        return records

    def done(self, plan, record):
        self.known[record.number] = record
        if not plan.record:
            self.made.add(record.number)

    def count(self, row, what):
        """A further room of an account that the file makes is new like the account."""
        made = what == "changed" and row.values["number"] in self.made
        return super().count(row, "new" if made else what)
