from odoo import models


class AmrTariff(models.Model):
    _inherit = "amr.tariff"

    def _is_used(self):
        used = self.env["amr.agreement"].sudo()
        return (
            super()._is_used()
            or used.search_count([("tariff_id", "=", self.id)], limit=1) > 0
        )
