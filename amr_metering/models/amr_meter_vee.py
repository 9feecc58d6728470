from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

from .reading_sql import VERDICT_COLUMNS
from .vee_kinds import ABOUT_USE

RECENT_READINGS = 40
USAGE_DAYS = 30
DIAGNOSIS_DAYS = 60

FACTOR_SQL = f"""
    INSERT INTO amr_reading_verdict ({VERDICT_COLUMNS})
    SELECT e.rule_id, e.kind, e.severity, m.id, NULL, 'total',
           clock_timestamp() AT TIME ZONE 'UTC', c.before, m.factor, NULL, NULL,
           m.community_id, m.building_id, m.point_id, m.utility_id, m.company_id,
           now() AT TIME ZONE 'UTC'
      FROM unnest(%(meters)s::int[], %(before)s::numeric[]) c(meter_id, before)
      JOIN amr_meter m ON m.id = c.meter_id AND m.latest_at IS NOT NULL
           AND m.factor <> c.before
      JOIN amr_vee_effective e ON e.kind = 'factor' AND e.utility_id = m.utility_id
           AND e.community_id IS NOT DISTINCT FROM m.community_id
           AND e.company_id = m.company_id
    ON CONFLICT DO NOTHING
    RETURNING id
"""


class AmrMeter(models.Model):
    """What validation found on a meter, and what that may come from."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    verdict_ids = fields.One2many(
        "amr.reading.verdict", "meter_id", "Findings", readonly=True
    )
    recent_reading_ids = fields.Many2many(
        "amr.reading", compute="_compute_recent_reading_ids", string="Last readings"
    )
    recent_usage = fields.Html(
        "Consumption by day", compute="_compute_recent_usage", sanitize=False
    )
    diagnosis = fields.Html(
        "Likely causes", compute="_compute_diagnosis", sanitize=False
    )
    usage_anomaly = fields.Boolean(
        "Abnormal use",
        compute="_compute_usage_anomaly",
        search="_search_usage_anomaly",
        help="An exception about its use is open.",
    )

    # === Abnormal use === #

    def _get_anomaly_domain(self):
        return [
            ("state", "=", "open"),
            ("kind", "in", ABOUT_USE),
            ("meter_id", "!=", False),
        ]

    def _compute_usage_anomaly(self):
        groups = self.env["amr.exception"]._read_group(
            [*self._get_anomaly_domain(), ("meter_id", "in", self.ids)], ["meter_id"]
        )
        odd = self.browse(meter.id for (meter,) in groups)
        for meter in self:
            meter.usage_anomaly = meter in odd

    @api.model
    def _search_usage_anomaly(self, operator, value):
        if operator != "in":
            return NotImplemented
        found = self.env["amr.exception"]._search(self._get_anomaly_domain())
        odd = fields.Domain("id", "in", found.subselect("meter_id"))
        return fields.Domain.OR(odd if one else ~odd for one in value)

    # === A factor that changes under way === #

    def write(self, vals):
        ratios = {"ratio_percent", "voltage_ratio", "current_ratio"} & vals.keys()
        before = {meter.id: meter.factor for meter in self} if ratios else {}
        result = super().write(vals)
        if before:
            self._note_factor_change(before)
        return result

    def _note_factor_change(self, before):
        """Raise the meters in use whose factor is another now.

        :param dict before: ``{meter_id: factor}`` as it was
        """
        self.env.flush_all()
        self.env["amr.vee.rule"]._load_effective(SQL("m.id = ANY(%s)", list(before)))
        rows = self.env.execute_query(
            SQL(
                FACTOR_SQL,
                meters=list(before),
                before=[dec(factor, 6) for factor in before.values()],
            )
        )
        verdicts = self.env["amr.reading.verdict"].sudo()
        verdicts.browse(row[0] for row in rows)._raise()

    # === Diagnosis === #

    def _compute_recent_reading_ids(self):
        for meter in self:
            meter.recent_reading_ids = self.env["amr.reading"].search(
                [("meter_id", "=", meter.id)], limit=RECENT_READINGS
            )

    def _compute_recent_usage(self):
        for meter in self:
            meter.recent_usage = meter._render_recent_usage()

    def _render_recent_usage(self):
        """Return the use of the last days as a table with bars."""
        community = self.community_id
        if not community:
            return False
        today = community._local_date(fields.Datetime.now())
        usage = self._daily_usage(today - timedelta(days=USAGE_DAYS), today)[self.id]
        most = max((abs(value) for _day, value in usage), default=0) or 1
        rows = Markup().join(
            Markup(
                '<tr><td>%s</td><td class="text-end">%s</td><td class="w-50">'
                '<div class="progress"><div class="progress-bar%s" style="width:%d%%">'
                "</div></div></td></tr>"
            )
            % (day, value, " bg-danger" if value < 0 else "", abs(value) * 100 / most)
            for day, value in reversed(usage)
        )
        return Markup('<table class="table table-sm">%s</table>') % rows

    def _compute_diagnosis(self):
        since = fields.Datetime.now() - timedelta(days=DIAGNOSIS_DAYS)
        for meter in self:
            found = meter.verdict_ids.filtered(lambda v: v.found_at >= since)
            causes = meter._get_causes(set(found.mapped("kind")))
            meter.diagnosis = (
                Markup("<ul>%s</ul>")
                % Markup().join(Markup("<li>%s</li>") % cause for cause in causes)
                if causes
                else self.env._(
                    "Nothing was found on this meter in the last %s days.",
                    DIAGNOSIS_DAYS,
                )
            )

    def _get_causes(self, kinds):
        """Put into words what a set of findings may come from, the likeliest first.

        :param set kinds: kinds of findings on this meter
        """
        causes = self._get_combined_causes(kinds)
        single = self._get_single_causes()
        return causes + [single[kind] for kind in single if kind in kinds]

    def _get_combined_causes(self, kinds):
        causes = []
        if "negative" in kinds and "high" in kinds | self._get_kinds_of_history("high"):
            causes.append(
                self.env._(
                    "Too high once and too low after: most likely one misread or "
                    "mistyped index. Put the wrong one aside."
                )
            )
        if {"factor"} & kinds and {"high", "low", "spike", "sum"} & kinds:
            causes.append(
                self.env._(
                    "The factor changed and the use with it: check the ratios of the "
                    "transformers against the name plate."
                )
            )
        if "static" in kinds and "sum" in kinds | self._get_kinds_of_master():
            causes.append(
                self.env._(
                    "It stands still while its master meter measures more than the "
                    "sub-meters: suspect theft or a bypass and visit the site."
                )
            )
        if "missing" in kinds and self._count_silent_neighbours():
            causes.append(
                self.env._(
                    "%s other meters of the building are silent too: look at the "
                    "concentrator or its line first.",
                    self._count_silent_neighbours(),
                )
            )
        return causes

    def _get_kinds_of_history(self, kind):
        return {kind} & set(self.verdict_ids.mapped("kind"))

    def _get_kinds_of_master(self):
        master = self.point_id.parent_id.meter_id
        return set(master.sudo().verdict_ids.mapped("kind"))

    def _count_silent_neighbours(self):
        return self.env["amr.exception"].search_count(
            [
                ("kind", "=", "missing"),
                ("state", "=", "open"),
                ("building_id", "=", self.building_id.id),
                ("building_id", "!=", False),
                ("meter_id", "!=", self.id),
            ]
        )

    def _get_single_causes(self):
        return {
            "negative": self.env._(
                "The index fell: a misread or mistyped index, a meter that was "
                "replaced without being entered, or two meters mixed up."
            ),
            "rollover": self.env._(
                "It may have gone through zero, but then it used far more than ever: "
                "read it again, and check the number of digits of its model."
            ),
            "high": self.env._(
                "More than normal: a leak, a new load, a misread digit, or limits of "
                "the tariff that are too narrow."
            ),
            "spike": self.env._(
                "A day unlike its past: a burst pipe, a heater left on, or a reading "
                "of the wrong meter."
            ),
            "low": self.env._(
                "Less than normal: an empty flat, a meter that measures too little, or "
                "a bypass."
            ),
            "static": self.env._(
                "It stands still: an empty flat, a closed valve, a stopped meter, or a "
                "bypass. Visit the site."
            ),
            "sum": self.env._(
                "Master and sub-meters differ: losses, theft, a wrong factor, a "
                "sub-meter that is not listed, or freezes of different times."
            ),
            "vacant": self.env._(
                "Used without an agreement: somebody moved in unnoticed, building "
                "work, or a leak."
            ),
            "factor": self.env._(
                "The factor was changed while in use: enter a reading at the time of "
                "the change."
            ),
            "future": self.env._("The clock of the meter is ahead: set it."),
            "skew": self.env._("The clock of the meter is off: set it."),
            "missing": self.env._(
                "No freezes come in: the meter, its line or its concentrator is off."
            ),
            "conflict": self.env._(
                "Two values at one time: two meters with one address, or one typed "
                "index."
            ),
        }

    def action_diagnose(self):
        """Open the findings, readings and use of this meter on one screen."""
        self.ensure_one()
        view = self.env.ref("amr_metering.amr_meter_view_form_diagnosis")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Diagnosis"),
            "res_model": "amr.meter",
            "res_id": self.id,
            "view_mode": "form",
            "views": [(view.id, "form")],
        }
