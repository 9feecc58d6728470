from odoo import api, fields, models
from odoo.tools import SQL


class AmrReadKpi(models.Model):
    _inherit = "amr.read.kpi"

    link_id = fields.Many2one("amr.link", "Device link", readonly=True)

    @api.model
    def _get_groups(self):
        return {**super()._get_groups(), "link_id": SQL("m.link_id")}
