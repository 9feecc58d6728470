from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    amr_prepaid_account_id = fields.Many2one(
        related="company_id.amr_prepaid_account_id", readonly=False
    )
    amr_prepaid_journal_id = fields.Many2one(
        related="company_id.amr_prepaid_journal_id", readonly=False
    )
    amr_prepaid_min_amount = fields.Float(
        "Smallest payment",
        digits=(12, 2),
        default=1,
        config_parameter="amr_prepaid.min_amount",
        help="In the company's currency.",
    )
    amr_prepaid_max_amount = fields.Float(
        "Largest payment",
        digits=(12, 2),
        default=10000,
        config_parameter="amr_prepaid.max_amount",
        help="In the company's currency; a guard against typing errors.",
    )

    def action_setup_amr_prepaid(self):
        self.company_id._setup_amr_prepaid()
        return {"type": "ir.actions.client", "tag": "soft_reload"}
