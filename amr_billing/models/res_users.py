from odoo import models


class ResUsers(models.Model):
    _inherit = "res.users"

    def _is_amr_scoped(self):
        """Whether record rules hold this user to the communities in his scope."""
        self.ensure_one()
        return (
            self.has_group("amr_base.group_reader")
            or self.has_group("amr_base.group_clerk")
        ) and not (
            self.has_group("amr_base.group_manager")
            or self.has_group("account.group_account_manager")
        )
