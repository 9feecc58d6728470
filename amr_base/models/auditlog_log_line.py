from odoo import models


class AuditlogLogLine(models.Model):
    _inherit = "auditlog.log.line"

    def write(self, vals):
        self.env["auditlog.log"]._refuse_by_hand()
        return super().write(vals)

    def unlink(self):
        self.env["auditlog.log"]._refuse_by_hand()
        return super().unlink()
