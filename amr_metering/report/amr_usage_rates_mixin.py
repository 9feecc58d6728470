from odoo import models

from ..models.amr_meter_rates import RATE_LABELS, RATES
from ..tools import KnownFloat


class AmrUsageRatesMixin(models.AbstractModel):
    """Consumption of each rate (尖峰平谷) beside that of the total.

    Between the readings that are shown for the total, so that the rates add up to it;
    unknown when a rate was not read together with the total.
    """

    _name = "amr.usage.rates.mixin"
    _inherit = "amr.report.mixin"
    _description = "Consumption by rate"

    _report_optional = RATES
    for rate, label in RATE_LABELS:
        vars()[rate] = KnownFloat(label, digits="AMR Consumption", readonly=True)
    del rate, label
