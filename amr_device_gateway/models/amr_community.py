from odoo import models


class AmrCommunity(models.Model):
    _inherit = "amr.community"

    def _get_blocking_children(self):
        links = self.env["amr.link"].with_context(active_test=False)
        return [
            *super()._get_blocking_children(),
            (
                self.env._("device links"),
                links.search([("community_id", "=", self.id)]),
            ),
        ]
