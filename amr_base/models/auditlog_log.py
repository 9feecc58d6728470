from ast import literal_eval

from odoo import api, fields, models
from odoo.exceptions import AccessError

OPERATIONS = [
    ("create", "Record added"),
    ("write", "Record changed"),
    ("unlink", "Record deleted"),
    ("export_data", "Exported"),
    ("password", "Password set"),
    ("read", "Read"),
    ("purge", "Log purged"),
]
MAX_CHANGES = 12


class AuditlogLog(models.Model):
    """Operation log (操作日志): who did what, when, to which record.

    Nobody corrects or removes an entry by hand; :class:`AmrLogPurge` removes entries
    by condition and stays behind as evidence (remote prepaid manual 4.6.3).
    """

    _inherit = "auditlog.log"

    operation = fields.Selection(
        OPERATIONS, "What was done", compute="_compute_operation"
    )
    changes = fields.Text(compute="_compute_changes")
    amr_note = fields.Char("Remark", readonly=True)
    amr_company_ids = fields.Many2many(
        "res.company",
        "amr_auditlog_log_company_rel",
        "log_id",
        "company_id",
        string="Companies",
        readonly=True,
        help="Whose records it was done to; empty: what companies share.",
    )

    @api.depends("method")
    def _compute_operation(self):
        known = dict(OPERATIONS)
        for log in self:
            log.operation = log.method if log.method in known else False

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if "amr_company_ids" not in vals:
                self._complete(vals)
        return super().create(vals_list)

    @api.model
    def _complete(self, vals):
        """Add whose records an entry is about, and words to an export's."""
        model = self.env["ir.model"].sudo().browse(vals.get("model_id"))
        if model.model not in self.env:
            return
        rule = self.env["auditlog.rule"]
        ids = literal_eval(vals.get("res_ids") or "[]") or [vals.get("res_id")]
        records = self.env[model.model].sudo().browse(filter(None, ids)).exists()
        companies = rule._get_companies(records)
        vals["amr_company_ids"] = [fields.Command.set(companies.ids)]
        if vals.get("method") == "export_data":
            vals.update(name=model.name[:64], amr_note=rule._get_row_count(len(ids)))

    @api.depends("line_ids", "amr_note")
    @api.depends_context("lang")
    def _compute_changes(self):
        for log in self:
            parts = [
                f"{line.amr_label}: {line.old_value_text or '–'} → "
                f"{line.new_value_text or '–'}"
                for line in log.line_ids[:MAX_CHANGES]
            ]
            parts += ["…"] * (len(log.line_ids) > MAX_CHANGES)
            log.changes = log.amr_note or "; ".join(parts)

    def write(self, vals):
        self._refuse_by_hand()
        return super().write(vals)

    def unlink(self):
        self._refuse_by_hand()
        self.env["amr.log.purge"]._note_system_purge(self)
        return super().unlink()

    def _refuse_by_hand(self):
        """:raises AccessError: unless the system itself does it"""
        if not self.env.su:
            raise AccessError(
                self.env._(
                    "Entries of the operation log stay as they are. Purge old ones by "
                    "condition; the purge is logged."
                )
            )
