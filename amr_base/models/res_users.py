from odoo import api, fields, models

SCOPE_FIELDS = {"amr_district_ids", "amr_community_ids"}


class ResUsers(models.Model):
    _inherit = "res.users"

    amr_district_ids = fields.Many2many(
        "amr.district",
        "amr_district_res_users_rel",
        string="Districts in scope",
        groups="base.group_erp_manager,amr_base.group_manager",
        help="The operator sees every community of these districts.",
    )
    amr_community_ids = fields.Many2many(
        "amr.community",
        "amr_community_res_users_rel",
        string="Communities in scope",
        groups="base.group_erp_manager,amr_base.group_manager",
    )
    amr_scope_community_ids = fields.Many2many(
        "amr.community",
        compute="_compute_amr_scope_community_ids",
        compute_sudo=True,
        string="Effective communities",
        help="What record rules let this operator see.",
    )

    @api.depends("amr_district_ids.community_ids", "amr_community_ids")
    def _compute_amr_scope_community_ids(self):
        for user in self:
            user.amr_scope_community_ids = (
                user.amr_community_ids
                | user.amr_district_ids.with_context(active_test=False).community_ids
            )

    def write(self, vals):
        result = super().write(vals)
        if SCOPE_FIELDS & vals.keys():
            self.env.registry.clear_cache()
        return result
