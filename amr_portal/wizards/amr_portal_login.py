from odoo import api, fields, models


class AmrPortalLogin(models.TransientModel):
    """Give a customer without e-mail a login name and a slip to set his password."""

    _name = "amr.portal.login"
    _description = "Login of a resident"

    account_id = fields.Many2one("amr.account", required=True, readonly=True)
    holder = fields.Char(
        related="account_id.partner_id.name", related_sudo=False, string="Customer"
    )
    login = fields.Char("Login name", required=True)
    known = fields.Boolean(compute="_compute_known")

    @api.depends("account_id")
    def _compute_known(self):
        for wizard in self:
            wizard.known = bool(wizard.account_id._get_portal_user())

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        account = self.env["amr.account"].browse(values.get("account_id"))
        values["login"] = account._get_portal_user().login or account.number
        return values

    def action_print(self):
        """Make the login, and print the slip with the link to set the password."""
        self.ensure_one()
        account = self.account_id
        account._give_login(self.login)
        report = self.env.ref("amr_portal.amr_login_slip_action")
        return report.report_action(account, config=False)
