"""Lists of readings that were handed over: all through the one door."""

from odoo import fields

from odoo.addons.amr_base.tools import dec

from .base import TOMORROW, Plan, RowError, SheetImporter, utc


class ReadingImporter(SheetImporter):
    sheet = "readings"
    model = "amr.reading"

    def prepare(self, rows):
        company = [("company_id", "=", self.company.id)]
        self.earliest, __ = self.env["amr.refused.reading"]._get_bounds()
        self.found = {}
        for key in ("number", "address"):
            names = {str(row.values[key]) for row in rows if key in row.values}
            meters = self.env["amr.meter"].search(
                [*company, (key, "in", list(names)), ("point_id", "!=", False)]
            )
            self.found[key] = {meter[key]: meter for meter in meters}

    def work(self, rows):
        """Ingest all rows at once; opening indexes go to the installation instead."""
        self.prepare(rows)
        self.check_right_to_read()
        taken, deliveries = [], []
        for row in rows:
            try:
                meter = self._find_meter(row.values)
                if self._is_opening(row.values):
                    self._set_opening(row, meter)
                    continue
                deliveries.append(self._prepare_row(row, meter))
                taken.append(row)
            except RowError as error:
                self.report.refuse(row, error)
        self._ingest(taken, deliveries)

    def check_right_to_read(self):
        self.env["amr.read.task"].check_access("create")  # who may bring readings in

    def _find_meter(self, values):
        by_number = self.found["number"].get(values.get("number"))
        by_address = self.found["address"].get(values.get("address"))
        if "number" in values and "address" in values and by_number != by_address:
            raise RowError(
                self.env._("Number and address are not those of one meter."), "address"
            )
        meter = by_number or by_address
        if not meter:
            raise RowError(
                self.env._("No installed meter in your scope has this number."),
                "address" if "address" in values else "number",
            )
        return meter

    @staticmethod
    def _is_opening(values):
        return values.get("kind") == "opening" and (
            values.get("register", "total") == "total"
        )

    def _prepare_row(self, row, meter):
        values = row.values
        kind = values.get("kind", "spot")
        read_at = utc(values["read_at"], meter.community_id.tz)
        if read_at > fields.Datetime.now() + TOMORROW:
            raise RowError(self.env._("This is in the future."), "read_at")
        if read_at < self.earliest:
            raise RowError(self.env._("This is too long ago."), "read_at")
        delivery = {
            "meter_id": meter.id,
            "register": values.get("register", "total"),
            "read_at": read_at,
            "kind": "spot" if kind == "opening" else kind,
            "source": "import",
            "index": values["index"],
        }
        key = tuple(delivery.values())
        self.check_once(row, key, "index")
        return delivery

    def _set_opening(self, row, meter):
        """Take an index as the opening index of the meter's installation (row 17)."""
        installation = meter.installation_ids.filtered(lambda i: not i.date_to)
        vals = {
            "start_index": row.values["index"],
            "date_from": utc(row.values["read_at"], meter.community_id.tz),
        }
        changed = self.changes(installation, vals)
        if not changed:
            self.count(row, "unchanged")
            return
        if installation._was_read():
            raise RowError(
                self.env._(
                    "Meter %s was read: its opening index stays. Use Replace meter.",
                    meter.number,
                ),
                "index",
            )
        if not self.env["amr.installation"].has_access("write"):
            raise RowError(
                self.env._("Only a community administrator sets opening indexes."),
                "kind",
            )
        self.apply_safely([Plan(row, installation, changed)])

    def _ingest(self, rows, deliveries):
        known = self._known(deliveries)
        self.records._ingest(deliveries)
        suspects = self._known(deliveries, suspect=True)
        for row, delivery in zip(rows, deliveries, strict=True):
            key = self._key(delivery)
            self.count(row, "unchanged" if key in known else "new")
            if key in suspects and key not in known:
                self.report.add_fault(
                    "读数",
                    row.number,
                    "示数",
                    self.env._(
                        "Taken, but it does not fit: it waits among the exceptions."
                    ),
                    notice=True,
                )

    @staticmethod
    def _key(delivery):
        return (
            delivery["meter_id"],
            delivery["register"],
            delivery["kind"],
            delivery["read_at"],
            delivery["index"],
        )

    def _known(self, deliveries, suspect=False):
        """Return the keys of those deliveries that are readings now."""
        keys = {self._key(delivery) for delivery in deliveries}
        domain = [
            ("meter_id", "in", list({key[0] for key in keys})),
            ("read_at", "in", list({key[3] for key in keys})),
        ]
        if suspect:
            domain.append(("quality", "=", "suspect"))
        names = ["meter_id", "register", "kind", "read_at", "index"]
        found = self.env["amr.reading"].sudo().search_fetch(domain, names)
        digits = self.env["amr.reading"]._fields["index"].get_digits(self.env)[1]
        return {
            (r.meter_id.id, r.register, r.kind, r.read_at, dec(r.index, digits))
            for r in found
        } & keys
