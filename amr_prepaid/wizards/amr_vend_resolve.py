from odoo import fields, models
from odoo.exceptions import AccessError


class AmrVendResolve(models.TransientModel):
    """What a person decides about an order that stopped."""

    _name = "amr.vend.resolve"
    _description = "Decide about a prepaid order"

    vend_id = fields.Many2one("amr.vend", "Order", required=True, readonly=True)
    vend_reason = fields.Char(related="vend_id.reason", string="What happened")
    purchase_no = fields.Integer(related="vend_id.purchase_no")
    meter_purchase_no = fields.Integer(
        related="vend_id.meter_id.purchase_no", string="Number the meter last said"
    )
    credit_read_at = fields.Datetime(related="vend_id.meter_id.credit_read_at")
    decision = fields.Selection(
        [
            ("retry", "Ask the meter, and send again if it has not been credited"),
            (
                "series",
                "The meter counted on without us: accept its number and send again",
            ),
            ("credited", "The meter has the credit: invoice it"),
            ("cancel", "Give up: the money stays in the wallet"),
        ],
        required=True,
        default="retry",
    )
    reason = fields.Char("How you know, or why")

    def action_apply(self):
        """Do what was decided; all but a retry is for administrators.

        :raises AccessError: not his to decide
        """
        self.ensure_one()
        if self.decision == "retry":
            self.vend_id.action_retry()
            return
        if not self.env.user.has_group("amr_base.group_community_admin"):
            raise AccessError(
                self.env._("Only an administrator settles an order by hand.")
            )
        self.vend_id.check_access("read")
        vend = self.vend_id.sudo()
        if self.decision == "series":
            vend._accept_meter_number(self.reason)
        elif self.decision == "credited":
            vend._mark_credited(self.reason or "")
        else:
            vend._check_reason(self.reason)
            vend._cancel(self.reason)
