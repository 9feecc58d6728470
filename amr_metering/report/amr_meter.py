from odoo import models

from ..models.amr_meter_rates import RATES

LATEST_RATES = tuple(f"latest_{rate}" for rate in RATES)


class AmrMeter(models.Model):
    """Current data report (当前数据报表, S4 2.2): what each meter said last."""

    _name = "amr.meter"
    _inherit = ["amr.meter", "amr.report.mixin"]
    _report_columns = (
        "community_id",
        "building_id",
        "room_id",
        "account_id",
        "number",
        "address",
        "utility_id",
        "factor",
        "latest_index",
        *LATEST_RATES,
        "uom_name",
        "latest_at",
        "state",
        "relay_state",
    )
    _report_optional = LATEST_RATES

    def action_open_hours(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_interval_usage_action"
        )
        action["context"] = {
            "search_default_meter_id": self.id,
            "search_default_last_days": 1,
            "search_default_total": 1,
        }
        return action
