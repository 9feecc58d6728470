from odoo import api, fields, models


class AmrReadScopeConcentrator(models.AbstractModel):
    """Scopes of the KTAMR manual: a concentrator, a collector (4.2.3)."""

    _inherit = "amr.read.scope.mixin"  # pylint: disable=consider-merging-classes-inherited

    scope = fields.Selection(
        selection_add=[
            ("concentrator", "Concentrator"),
            ("collector", "Collector"),
        ],
        ondelete={"concentrator": "cascade", "collector": "cascade"},
    )
    concentrator_id = fields.Many2one("amr.concentrator", index="btree_not_null")
    collector_id = fields.Many2one("amr.collector", index="btree_not_null")

    @api.depends("concentrator_id", "collector_id")
    def _compute_community_id(self):
        return super()._compute_community_id()

    def _get_scope_community(self):
        if self.scope == "concentrator":
            return self.concentrator_id.community_id
        if self.scope == "collector":
            return self.collector_id.community_id
        return super()._get_scope_community()

    def _get_scope_domain(self):
        if self.scope == "concentrator":
            return [("concentrator_id", "=", self.concentrator_id.id)]
        if self.scope == "collector":
            return [("collector_id", "=", self.collector_id.id)]
        return super()._get_scope_domain()

    @api.model
    def _get_scope_fields(self):
        names = super()._get_scope_fields()
        names["one"] += ["concentrator_id", "collector_id"]
        return names
