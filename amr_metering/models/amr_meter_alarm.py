from odoo import api, fields, models
from odoo.tools import SQL

from .amr_alarm_limit import LIMITS, check_phones

# the limit that holds: the meter's own, else that of the most specific set
EFFECTIVE_SQL = """
    SELECT m.id AS meter_id, m.community_id, m.company_id, l.id AS limit_id,
           k.kind, k.value AS limit_value
      FROM amr_meter m
      LEFT JOIN amr_metering_point p ON p.id = m.point_id
      LEFT JOIN LATERAL (
        SELECT * FROM amr_alarm_limit s
         WHERE s.active
           AND (s.company_id IS NULL OR s.company_id = m.company_id)
           AND (s.model_id IS NULL OR s.model_id = m.model_id)
           AND (s.community_id IS NULL OR s.community_id = m.community_id)
           AND (s.utility_id IS NULL OR s.utility_id = m.utility_id)
         ORDER BY s.model_id IS NULL, s.community_id IS NULL, s.utility_id IS NULL,
                  s.company_id IS NULL
         LIMIT 1) l ON true
     CROSS JOIN LATERAL (VALUES
        ('voltage', COALESCE(NULLIF(m.alarm_voltage_max, 0), l.voltage_max)),
        ('current', COALESCE(NULLIF(m.alarm_current_max, 0), l.current_max)),
        ('neutral', COALESCE(NULLIF(m.alarm_neutral_max, 0), l.neutral_max)),
        ('day', COALESCE(NULLIF(m.alarm_day_max, 0), l.day_max)),
        ('month', COALESCE(NULLIF(m.alarm_month_max, 0), l.month_max)),
        ('night', COALESCE(NULLIF(m.alarm_night_max, 0), l.night_max)),
        ('remaining', CASE WHEN p.kind IS DISTINCT FROM 'public' THEN
            COALESCE(NULLIF(m.alarm_remaining_min, 0), l.remaining_min) END),
        ('usage', NULL)) k(kind, value)
     WHERE m.active AND (k.value > 0 OR k.kind = 'usage')
       AND CASE m.alarm_mode WHEN 'on' THEN true WHEN 'off' THEN false
                ELSE l.enabled END
"""


class AmrMeter(models.Model):
    """Alarm limits of one meter (DH6200V3 manual, 2.2): what differs from the set."""

    _inherit = "amr.meter"

    alarm_mode = fields.Selection(
        [("default", "As the set of limits"), ("on", "On"), ("off", "Off")],
        "Alarms",
        default="default",
    )
    alarm_voltage_max = fields.Float(
        "Own voltage max. (V)", digits=(8, 2), help="0: as the set of limits."
    )
    alarm_current_max = fields.Float(
        "Own current max. (A)", digits=(8, 2), help="0: as the set of limits."
    )
    alarm_neutral_max = fields.Float(
        "Own neutral difference max. (A)",
        digits=(8, 2),
        help="0: as the set of limits.",
    )
    alarm_day_max = fields.Float(
        "Own use a day max.", digits="AMR Consumption", help="0: as the set of limits."
    )
    alarm_month_max = fields.Float(
        "Own use a month max.",
        digits="AMR Consumption",
        help="0: as the set of limits.",
    )
    alarm_night_max = fields.Float(
        "Own use a night max.",
        digits="AMR Consumption",
        help="0: as the set of limits.",
    )
    alarm_remaining_min = fields.Float(
        "Own remaining min.", digits="AMR Consumption", help="0: as the set of limits."
    )
    alarm_user_ids = fields.Many2many(
        "res.users",
        "amr_meter_alarm_user_rel",
        string="Own users told",
        domain=[("share", "=", False)],
        help="Empty: those of the set of limits.",
    )
    alarm_phones = fields.Char(
        "Own phones told", help="Phone numbers with commas between."
    )
    alarm_limit_id = fields.Many2one(
        "amr.alarm.limit", "Set of limits", compute="_compute_alarm_limits"
    )
    alarm_limits = fields.Char("Limits in force", compute="_compute_alarm_limits")
    alarm_ids = fields.One2many("amr.alarm", "meter_id", "Alarms of the meter")
    open_alarm_count = fields.Integer(compute="_compute_open_alarm_count")

    _alarm_limits_positive = models.Constraint(
        "CHECK (LEAST(alarm_voltage_max, alarm_current_max, alarm_neutral_max,"
        " alarm_day_max, alarm_month_max, alarm_night_max, alarm_remaining_min) >= 0)",
        "A limit may not be negative; 0 means as the set of limits.",
    )

    @api.constrains("alarm_phones")
    def _check_alarm_phones(self):
        for meter in self:
            check_phones(meter, meter.alarm_phones)

    def _effective_limits(self):
        """Return what is watched on these meters.

        :return: ``{meter_id: {kind: (limit, id of the set)}}``
        """
        self.env["amr.alarm.limit"].flush_model()
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                "SELECT meter_id, kind, limit_value, limit_id FROM (%s) e "
                "WHERE meter_id = ANY(%s)",
                SQL(EFFECTIVE_SQL),
                list(self._origin.ids),
            )
        )
        limits = {meter_id: {} for meter_id in self._origin.ids}
        for meter_id, kind, value, limit_id in rows:
            limits[meter_id][kind] = (value, limit_id)
        return limits

    @api.depends(
        "model_id",
        "community_id",
        "alarm_mode",
        *(f"alarm_{name}" for name in LIMITS.values()),
    )
    def _compute_alarm_limits(self):
        effective = self._effective_limits()
        Limit = self.env["amr.alarm.limit"]
        labels = dict(
            self.env["amr.alarm"]._fields["kind"]._description_selection(self.env)
        )
        for meter in self:
            limits = effective.get(meter._origin.id, {})
            meter.alarm_limit_id = Limit.browse(
                next((limit_id for _value, limit_id in limits.values()), False)
            )
            meter.alarm_limits = " · ".join(
                f"{labels[kind]} {limits[kind][0]:g}"
                for kind in LIMITS
                if kind in limits
            ) or self.env._("Alarms are off")

    def _compute_open_alarm_count(self):
        counts = dict(
            self.env["amr.alarm"]._read_group(
                [("meter_id", "in", self.ids), ("state", "!=", "closed")],
                ["meter_id"],
                ["__count"],
            )
        )
        for meter in self:
            meter.open_alarm_count = counts.get(meter, 0)

    def action_open_alarms(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_alarm_action"
        )
        action["domain"] = [("meter_id", "=", self.id)]
        action["context"] = {}
        return action

    def _notify_status(self):
        """Tell open status boards and dashboards that these meters changed."""
        if self:
            message = {"communities": self.sudo().community_id.ids}
            for group in ("amr_base.group_reader", "amr_base.group_clerk"):
                self.env.ref(group)._bus_send("amr_status", message)
