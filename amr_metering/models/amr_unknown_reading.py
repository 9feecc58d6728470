from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

KEEP_SQL = """
    INSERT INTO amr_unknown_reading (address, register, read_at, kind, source, index,
                                     note, company_id, received_at, state)
    SELECT COALESCE(address, '?'), register, read_at, kind, source, index, note,
           %(company)s, now() AT TIME ZONE 'UTC', 'waiting'
      FROM amr_reading_stage WHERE meter_id IS NULL
    ON CONFLICT DO NOTHING
"""


class AmrUnknownReading(models.Model):
    """Reading of a meter that nobody entered yet (KTAMR manual 6.2).

    It is kept whole, and comes in through the one door once its meter exists.
    """

    _name = "amr.unknown.reading"
    _inherit = "amr.evidence.mixin"
    _description = "Reading of an unknown meter"
    _order = "received_at desc, id desc"
    _rec_name = "address"
    _log_access = False
    _evidence = frozenset({"address", "register", "read_at", "kind", "source", "index"})

    address = fields.Char("Communication address", required=True, readonly=True)
    register = fields.Char(required=True, readonly=True)
    read_at = fields.Datetime("Read at", required=True, readonly=True)
    kind = fields.Selection(
        selection=lambda self: self.env["amr.reading"]._get_labels("kind"),
        required=True,
        readonly=True,
    )
    source = fields.Selection(
        selection=lambda self: self.env["amr.reading"]._get_labels("source"),
        required=True,
        readonly=True,
    )
    index = fields.Float(
        digits="AMR Index", required=True, readonly=True, aggregator=None
    )
    note = fields.Char(readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    received_at = fields.Datetime("Received", required=True, readonly=True)
    state = fields.Selection(
        [("waiting", "Waiting for its meter"), ("taken", "Brought in")],
        required=True,
        readonly=True,
        default="waiting",
    )

    _once = models.UniqueIndex(
        "(company_id, address, register, kind, read_at, index)",
        "This reading is kept already.",
    )

    @api.model
    def _keep(self, rows):
        """Keep the staged rows without a meter, and raise each address once.

        :param list rows: the delivery; its line numbers are in the stage
        :return: how many rows have no meter
        """
        company = self.env.company
        unknown = self.env.execute_query(
            SQL("SELECT line FROM amr_reading_stage WHERE meter_id IS NULL")
        )
        if not unknown:
            return 0
        self.env.cr.execute(KEEP_SQL, {"company": company.id})
        last = {rows[line].get("address") or "?": rows[line] for (line,) in unknown}
        self.env["amr.exception"].sudo()._raise_all(
            [
                {
                    "kind": "unknown",
                    "origin": address,
                    "company": company,
                    "reason": self._describe_unknown(address, row),
                }
                for address, row in last.items()
            ]
        )
        return len(unknown)

    @api.model
    def _describe_unknown(self, address, row):
        return self.env._(
            "No meter has the address %(address)s; it reported %(index)s at "
            "%(read_at)s (UTC). Add the meter, then bring its readings in.",
            address=address,
            index=row["index"],
            read_at=row["read_at"],
        )

    def action_bring_in(self):
        """Take these readings in, now that their meters exist."""
        self.check_access("read")
        waiting = self.filtered(lambda kept: kept.state == "waiting")
        taken = waiting._bring_in()
        missing = sorted(set((waiting - taken).mapped("address")))
        if missing:
            raise UserError(
                self.env._(
                    "There is still no meter with the address %s. Add it with this "
                    "communication address first.",
                    ", ".join(missing[:10]),
                )
            )
        return True

    def _bring_in(self):
        """Ingest what has a meter by now; its exceptions are settled.

        :return: the records taken in
        """
        known = {
            (meter.company_id, meter.address)
            for meter in self.env["amr.meter"]
            .sudo()
            .search([("address", "in", self.mapped("address"))])
        }
        taken = self.filtered(lambda kept: (kept.company_id, kept.address) in known)
        for company, kept in taken.grouped("company_id").items():
            self.env["amr.reading"].with_company(company)._ingest(
                [one._prepare_row() for one in kept.sorted("read_at")]
            )
            kept.sudo().state = "taken"
            self.env["amr.exception"].sudo().search(
                [
                    ("kind", "=", "unknown"),
                    ("state", "=", "open"),
                    ("company_id", "=", company.id),
                    ("origin", "in", kept.mapped("address")),
                ]
            )._settle(self.env._("The meter was added and its readings brought in."))
        return taken

    def _prepare_row(self):
        self.ensure_one()
        return {
            "address": self.address,
            "register": self.register,
            "read_at": self.read_at,
            "kind": self.kind,
            "source": self.source,
            "index": dec(self.index),
            "note": self.note,
        }
