from odoo import api, fields, models
from odoo.tools import SQL

from .amr_meter_alarm import EFFECTIVE_SQL

# values against what holds for their meters, and what is open already
COMPARE_SQL = """
    WITH given AS (
        SELECT DISTINCT ON (meter_id, kind) *
          FROM unnest(%(meters)s::int[], %(kinds)s::text[], %(values)s::numeric[])
               v(meter_id, kind, value)
         ORDER BY meter_id, kind,
                  CASE WHEN kind = 'remaining' THEN value ELSE -value END
    ), watched AS (
        SELECT * FROM (%(effective)s) e
         WHERE e.meter_id = ANY(%(meters)s)
    )
    SELECT g.meter_id, g.kind, g.value, COALESCE(w.limit_value, 0) AS limit_value,
           w.limit_id, a.id AS alarm_id,
           COALESCE(CASE WHEN g.kind = 'remaining' THEN g.value < w.limit_value
                         ELSE g.value > COALESCE(w.limit_value, 0)
                              AND w.meter_id IS NOT NULL END, false) AS beyond
      FROM given g
      LEFT JOIN watched w ON w.meter_id = g.meter_id AND w.kind = g.kind
      LEFT JOIN amr_alarm a ON a.meter_id = g.meter_id AND a.kind = g.kind
           AND a.state <> 'closed'
"""

BEGIN_SQL = """
    INSERT INTO amr_alarm (meter_id, community_id, company_id, kind, value, last_value,
                           limit_value, limit_id, began_at, state,
                           create_uid, create_date, write_uid, write_date)
    SELECT m.id, m.community_id, m.company_id, b.kind, b.value, b.value, b.limit_value,
           b.limit_id, %(now)s, 'open', %(user)s, %(now)s, %(user)s, %(now)s
      FROM unnest(%(meters)s::int[], %(kinds)s::text[], %(values)s::numeric[],
                  %(limits)s::numeric[], %(sets)s::int[])
           b(meter_id, kind, value, limit_value, limit_id)
      JOIN amr_meter m ON m.id = b.meter_id
    ON CONFLICT (meter_id, kind) WHERE state <> 'closed' DO NOTHING
    RETURNING id
"""


class AmrAlarm(models.Model):
    """Alarm (报警): a meter is beyond one of its limits, from … to …

    It begins and ends by what is measured; people acknowledge it. There is one
    running alarm a meter and kind, however often the meter is read meanwhile.
    """

    _name = "amr.alarm"
    _inherit = "amr.evidence.mixin"
    _description = "Alarm"
    _order = "began_at desc, id desc"
    _evidence = frozenset(
        {
            "meter_id",
            "community_id",
            "company_id",
            "kind",
            "value",
            "last_value",
            "limit_value",
            "limit_id",
            "began_at",
            "ended_at",
            "state",
            "acknowledged_by_id",
            "acknowledged_at",
            "told",
        }
    )

    meter_id = fields.Many2one(
        "amr.meter", required=True, readonly=True, index=True, ondelete="cascade"
    )
    point_id = fields.Many2one(related="meter_id.point_id", string="Metering point")
    utility_id = fields.Many2one(related="meter_id.utility_id")
    community_id = fields.Many2one("amr.community", readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    kind = fields.Selection(
        [
            ("voltage", "Voltage (V)"),
            ("current", "Current (A)"),
            ("neutral", "Neutral and phase current differ (A)"),
            ("day", "Use of a day"),
            ("month", "Use of the month"),
            ("night", "Use of a night"),
            ("remaining", "Remaining"),
            ("usage", "Unusual use"),
        ],
        required=True,
        readonly=True,
    )
    value = fields.Float(
        digits="AMR Consumption",
        readonly=True,
        aggregator=None,
        help="What was measured when the alarm began.",
    )
    last_value = fields.Float(
        "Last value", digits="AMR Consumption", readonly=True, aggregator=None
    )
    limit_value = fields.Float(
        "Limit value", digits="AMR Consumption", readonly=True, aggregator=None
    )
    limit_id = fields.Many2one(
        "amr.alarm.limit", "Set of limits", readonly=True, ondelete="set null"
    )
    began_at = fields.Datetime("Began", required=True, readonly=True)
    ended_at = fields.Datetime("Ended at", readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("acknowledged", "Acknowledged"), ("closed", "Closed")],
        required=True,
        readonly=True,
        default="open",
        index=True,
    )
    acknowledged_by_id = fields.Many2one("res.users", "Acknowledged by", readonly=True)
    acknowledged_at = fields.Datetime(readonly=True)
    note = fields.Text(help="What was found or done about it.")
    told = fields.Char(readonly=True, help="Who was told when it began.")

    _one_running = models.UniqueIndex(
        "(meter_id, kind) WHERE state <> 'closed'",
        "This meter has a running alarm of this kind already.",
    )

    @api.depends("kind", "meter_id.number")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for alarm in self:
            alarm.display_name = f"{alarm.meter_id.number} {kinds.get(alarm.kind, '')}"

    # === Evaluation === #

    @api.model
    def _check_limits(self, values, may_end=True):
        """Begin, go on with and end alarms by values just measured.

        :param values: tuples ``(meter_id, kind, value)``, value a Decimal in volts,
            amperes or the utility's unit; of several of one kind the worst counts
        :param bool may_end: False when a value only says that a limit is passed, such
            as a day's use while the day is not over
        :return: the alarms that began
        """
        values = [row for row in values if row[2] is not None]
        if not values:
            return self.browse()
        self = self.sudo()
        self.env.flush_all()
        meters, kinds, numbers = (list(part) for part in zip(*values, strict=True))
        rows = self.env.execute_query_dict(
            SQL(
                COMPARE_SQL,
                meters=meters,
                kinds=kinds,
                values=numbers,
                effective=SQL(EFFECTIVE_SQL),
            )
        )
        running = [row for row in rows if row["alarm_id"]]
        self._go_on([row for row in running if row["beyond"]])
        if may_end:
            self.browse(row["alarm_id"] for row in running if not row["beyond"])._end()
        begun = self._begin(
            [row for row in rows if row["beyond"] and not row["alarm_id"]]
        )
        begun._tell()
        return begun

    @api.model
    def _begin(self, rows):
        """Write down new alarms, unless another process just did."""
        if not rows:
            return self.browse()
        columns = {
            name: [row[key] for row in rows]
            for name, key in (
                ("meters", "meter_id"),
                ("kinds", "kind"),
                ("values", "value"),
                ("limits", "limit_value"),
                ("sets", "limit_id"),
            )
        }
        begun = self.env.execute_query(
            SQL(BEGIN_SQL, now=fields.Datetime.now(), user=self.env.uid, **columns)
        )
        alarms = self.browse(row[0] for row in begun)
        meters = alarms.meter_id
        meters.invalidate_recordset(["alarm_ids", "open_alarm_count"], flush=False)
        meters._notify_status()
        return alarms

    @api.model
    def _go_on(self, rows):
        """Keep the last value of alarms that are still beyond their limit."""
        if rows:
            self.env.execute_query(
                SQL(
                    "UPDATE amr_alarm a SET last_value = v.value "
                    "FROM unnest(%s::int[], %s::numeric[]) v(id, value) "
                    "WHERE a.id = v.id AND a.last_value <> v.value RETURNING a.id",
                    [row["alarm_id"] for row in rows],
                    [row["value"] for row in rows],
                )
            )
            self.invalidate_model(["last_value"])

    def _end(self):
        """The values are normal again."""
        if self:
            self.write({"state": "closed", "ended_at": fields.Datetime.now()})
            self.meter_id._notify_status()

    # === People === #

    def action_acknowledge(self):
        """Ask for a note, then take note of these alarms."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Acknowledge alarms"),
            "res_model": "amr.alarm.acknowledge",
            "view_mode": "form",
            "target": "new",
            "context": {"default_alarm_ids": [fields.Command.set(self.ids)]},
        }

    def _acknowledge(self, note):
        """Say who has seen these alarms, and what he found.

        :param str note: added to what was written before
        """
        self.check_access("write")
        now = fields.Datetime.now()
        for alarm in self.sudo():
            vals = {"note": "\n".join(filter(None, (alarm.note, note)))}
            if alarm.state == "open":
                vals |= {
                    "state": "acknowledged",
                    "acknowledged_by_id": self.env.uid,
                    "acknowledged_at": now,
                }
            alarm.write(vals)
        self.sudo().meter_id._notify_status()

    def action_open_meter(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "amr.meter",
            "res_id": self.meter_id.id,
            "view_mode": "form",
        }
