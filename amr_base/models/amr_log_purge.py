from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL


class AmrLogPurge(models.Model):
    """Purge of the operation log by condition; it is its own, lasting evidence."""

    _name = "amr.log.purge"
    _inherit = "amr.evidence.mixin"
    _description = "Purge of the operation log"
    _order = "id desc"
    _rec_name = "reason"
    _evidence = frozenset(
        {"state", "purged_by_id", "purged_at", "purged_count", "company_id"}
    )

    date_before = fields.Date(
        "Entries before", help="Entries of this day and later ones stay."
    )
    model_id = fields.Many2one(
        "ir.model",
        "Of records",
        ondelete="set null",
        domain="[('model', '=like', 'amr.%')]",
        help="Empty: of every kind.",
    )
    user_id = fields.Many2one("res.users", "Done by", help="Empty: by whoever it was.")
    reason = fields.Char(required=True)
    matching_count = fields.Integer("Entries found", compute="_compute_matching_count")
    state = fields.Selection(
        [("draft", "Preview"), ("done", "Purged")], default="draft", readonly=True
    )
    purged_count = fields.Integer("Entries removed", readonly=True)
    purged_by_id = fields.Many2one("res.users", "Purged by", readonly=True)
    purged_at = fields.Datetime(readonly=True)
    company_id = fields.Many2one(
        "res.company", readonly=True, default=lambda self: self.env.company
    )

    def _get_domain(self):
        """Return the entries that are meant, as a domain.

        What another company has a part in is not this company's to remove.
        """
        self.ensure_one()
        others = [("id", "not in", self.env.companies.ids)]
        domain = fields.Domain("create_date", "<", self.date_before)
        domain &= ~fields.Domain("amr_company_ids", "any!", others)
        if self.model_id:
            domain &= fields.Domain("model_id", "=", self.model_id.id)
        if self.user_id:
            domain &= fields.Domain("user_id", "=", self.user_id.id)
        return domain

    @api.depends("date_before", "model_id", "user_id")
    def _compute_matching_count(self):
        for purge in self:
            purge.matching_count = (
                self.env["auditlog.log"].search_count(purge._get_domain())
                if purge.date_before
                else 0
            )

    def action_purge(self):
        """Remove the entries found and keep who did it, when, and how many."""
        self.ensure_one()
        if not self.env.user.has_group("amr_base.group_manager"):
            raise AccessError(
                self.env._("Only a system administrator purges the operation log.")
            )
        if self.state == "done" or not self.date_before:
            raise UserError(
                self.env._("Say before which day entries are to go; each purge once.")
            )
        # the user's own rights decide which entries he finds
        query = self.env["auditlog.log"]._search(self._get_domain())
        self.env.cr.execute(
            SQL("DELETE FROM auditlog_log WHERE id IN %s", query.subselect())
        )
        self._note_done(self.env.cr.rowcount)
        self.env.invalidate_all()

    def _note_done(self, count):
        self.sudo().write(
            {
                "state": "done",
                "purged_count": count,
                "purged_by_id": self.env.uid,
                "purged_at": fields.Datetime.now(),
            }
        )
        self.env["auditlog.log"].sudo().create(
            {
                "model_id": self.env["ir.model"]._get_id(self._name),
                "res_id": self.id,
                "name": self.reason[:64],
                "method": "purge",
                "user_id": self.env.uid,
                "log_type": "fast",
            }
        )

    @api.model
    def _note_system_purge(self, logs):
        """The system removes entries, as a schedule: that is a purge like another."""
        if logs:
            newest = max(logs.mapped("create_date"))
            purge = self.sudo().create(
                {"reason": self.env._("Scheduled"), "date_before": newest}
            )
            purge._note_done(len(logs))

    def write(self, vals):
        if not self.env.su and "done" in self.mapped("state"):
            self._refuse()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_done(self):
        if "done" in self.mapped("state"):
            self._refuse()

    def _refuse(self):
        raise AccessError(
            self.env._("A purge of the operation log is evidence: it stays as it is.")
        )
