from odoo import models


class IrCron(models.Model):
    """What our scheduled work writes down is read in the company's language."""

    _inherit = "ir.cron"

    def _callback(self, cron_name, server_action_id):
        action = self.env["ir.actions.server"].browse(server_action_id)
        if (action.model_id.model or "").startswith("amr."):
            self = self.with_context(lang=self.env.company.partner_id.lang)
        return super()._callback(cron_name, server_action_id)
