from odoo import api, fields, models
from odoo.exceptions import AccessError

OPERATIONS = [
    ("create", "Created"),
    ("write", "Changed"),
    ("unlink", "Deleted"),
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

    operation = fields.Selection(OPERATIONS, compute="_compute_operation")
    changes = fields.Text(compute="_compute_changes")

    @api.depends("method")
    def _compute_operation(self):
        known = dict(OPERATIONS)
        for log in self:
            log.operation = log.method if log.method in known else False

    @api.depends("line_ids")
    def _compute_changes(self):
        for log in self:
            parts = [
                f"{line.field_description}: {line.old_value_text or '–'} → "
                f"{line.new_value_text or '–'}"
                for line in log.line_ids[:MAX_CHANGES]
            ]
            log.changes = "; ".join(parts + ["…"] * (len(log.line_ids) > MAX_CHANGES))

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
