from odoo import api, fields, models


class AmrReadScopeMixin(models.AbstractModel):
    _inherit = "amr.read.scope.mixin"

    scope = fields.Selection(
        selection_add=[("link", "Device link")], ondelete={"link": "cascade"}
    )
    link_id = fields.Many2one("amr.link", "Device link", index="btree_not_null")

    @api.depends("link_id")
    def _compute_community_id(self):
        return super()._compute_community_id()

    def _get_scope_community(self):
        if self.scope == "link":
            return self.link_id.community_id
        return super()._get_scope_community()

    def _get_scope_domain(self):
        if self.scope == "link":
            return [("link_id", "=", self.link_id.id)]
        return super()._get_scope_domain()

    @api.model
    def _get_scope_fields(self):
        names = super()._get_scope_fields()
        names["one"].append("link_id")
        return names
