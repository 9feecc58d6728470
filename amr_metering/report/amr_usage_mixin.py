from odoo import fields, models

from ..tools import KnownFloat
from .usage_sql import BETWEEN_SQL, MEASURED_SQL, SHOWN_SQL


class AmrUsageMixin(models.AbstractModel):
    """What reports on consumption have in common; one row is one installation.

    A replaced meter and its successor are two rows: both segments count.
    """

    _name = "amr.usage.mixin"
    _inherit = "amr.report.mixin"
    _description = "Consumption report"
    _auto = False
    _log_access = False
    _order = "community_id, building_id, room_id, utility_id, meter_id, id"
    _rec_name = "meter_id"
    _depends = {
        "amr.installation": [
            "date_from",
            "date_to",
            "end_index",
            "factor",
            "meter_id",
            "point_id",
            "start_index",
        ],
        "amr.meter": ["model_id"],
        "amr.metering.point": ["building_id", "kind", "room_id", "utility_id"],
        "amr.reading": ["index", "quality", "read_at", "superseded_by_id"],
        "amr.agreement": ["account_id", "date_from", "date_to", "point_id"],
        "amr.community": ["tz"],
    }

    meter_id = fields.Many2one("amr.meter", readonly=True)
    installation_id = fields.Many2one("amr.installation", readonly=True)
    point_id = fields.Many2one("amr.metering.point", "Metering point", readonly=True)
    point_kind = fields.Selection(
        [("normal", "Normal"), ("public", "Public"), ("master", "Master")],
        "Kind",
        readonly=True,
    )
    room_id = fields.Many2one("amr.room", readonly=True)
    building_id = fields.Many2one("amr.building", readonly=True)
    community_id = fields.Many2one("amr.community", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    utility_id = fields.Many2one("amr.utility", readonly=True)
    account_id = fields.Many2one("amr.account", "Customer account", readonly=True)
    uom_name = fields.Char(related="utility_id.uom_name", string="Unit")
    factor = fields.Float(readonly=True, digits=(16, 6), aggregator=None)
    usage = KnownFloat(
        "Consumption",
        digits="AMR Consumption",
        readonly=True,
        help="Difference of the indexes times the factor, in the utility's unit. Empty "
        "when the meter was not read: unknown, not zero.",
    )

    def init(self):
        result = super().init()
        if self._name == "amr.usage.mixin":
            for function in (BETWEEN_SQL, SHOWN_SQL, MEASURED_SQL):
                self.env.cr.execute(function)
        return result
