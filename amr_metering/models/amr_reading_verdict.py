from odoo import api, fields, models

from odoo.addons.amr_base.tools import dec

from .vee_kinds import FINDINGS, SEVERITIES


class AmrReadingVerdict(models.Model):
    """Verdict: what one rule found on one reading, or on one meter at a time.

    Written by validation only and never changed, so that everybody can see later why
    a reading was held back or a meter was looked at. The reason is put into words
    from the figures, in the reader's language.
    """

    _name = "amr.reading.verdict"
    _inherit = "amr.evidence.mixin"
    _description = "Verdict of validation"
    _order = "found_at desc, id desc"
    _rec_name = "reason"
    _log_access = False
    _evidence = frozenset(
        {"kind", "severity", "meter_id", "reading_id", "exception_id"}
    )

    kind = fields.Selection(FINDINGS, "Finding", required=True, readonly=True)
    severity = fields.Selection(
        SEVERITIES, "What happened", required=True, readonly=True
    )
    rule_id = fields.Many2one("amr.vee.rule", readonly=True, ondelete="set null")
    meter_id = fields.Many2one(
        "amr.meter", required=True, readonly=True, ondelete="restrict"
    )
    reading_id = fields.Many2one("amr.reading", readonly=True, index="btree_not_null")
    hourly = fields.Boolean(
        "About an hour",
        readonly=True,
        help="Of the interval store: the index of this meter, register and time.",
    )
    register = fields.Char(default="total", required=True, readonly=True)
    exception_id = fields.Many2one(
        "amr.exception", readonly=True, index="btree_not_null", ondelete="set null"
    )
    community_id = fields.Many2one("amr.community", readonly=True, index=True)
    building_id = fields.Many2one("amr.building", readonly=True)
    point_id = fields.Many2one("amr.metering.point", readonly=True)
    utility_id = fields.Many2one("amr.utility", readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    at = fields.Datetime("Found for", required=True, readonly=True)
    found_at = fields.Datetime("Found", required=True, readonly=True)
    before_index = fields.Float(digits="AMR Index", readonly=True, aggregator=None)
    index = fields.Float(digits="AMR Index", readonly=True, aggregator=None)
    usage = fields.Float(
        "Consumption",
        digits="AMR Consumption",
        readonly=True,
        aggregator=None,
        help="In the unit of the utility, factor applied.",
    )
    limit_value = fields.Float(
        "Compared with", digits="AMR Consumption", readonly=True, aggregator=None
    )
    uom_name = fields.Char(related="meter_id.uom_name")
    reason = fields.Char(compute="_compute_reason")

    _once = models.UniqueIndex(
        "(meter_id, kind, at, register, COALESCE(reading_id, 0), "
        "(CASE WHEN hourly THEN index ELSE -1 END))",
        "This was found already.",
    )

    @api.depends("kind", "usage", "limit_value", "index", "before_index", "at")
    @api.depends_context("lang")
    def _compute_reason(self):
        texts = self._get_texts()
        for verdict in self:
            verdict.reason = verdict._describe(texts)

    def _describe(self, texts):
        """Put the finding into one sentence that says what to do."""
        return texts[self.kind] % self._get_values() if self.kind else False

    def _get_texts(self):
        return self._get_texts_of_readings() | self._get_texts_of_days()

    def _get_values(self):
        community = self.community_id or self.meter_id.community_id
        local = fields.Datetime.context_timestamp(
            self.with_context(tz=community.tz or "UTC"), self.at
        )
        return {
            "meter": self.meter_id.number,
            "at": local.strftime("%Y-%m-%d %H:%M"),
            "day": local.strftime("%Y-%m-%d"),
            "before": dec(self.before_index),
            "index": dec(self.index),
            "usage": f"{dec(self.usage).normalize():f}",
            "limit": f"{dec(self.limit_value).normalize():f}",
            "unit": self.uom_name or "",
        }

    def _get_texts_of_readings(self):
        return {
            "future": self.env._(
                "Meter %(meter)s: index %(index)s is stamped %(at)s, in the future; "
                "check the clock of the meter."
            ),
            "conflict": self.env._(
                "Meter %(meter)s: index %(index)s differs from what was read for the "
                "same time, %(at)s; accept the right one."
            ),
            "duplicate": self.env._(
                "Meter %(meter)s: index %(index)s of %(at)s came in more than once; "
                "it counts once."
            ),
            "negative": self.env._(
                "Meter %(meter)s: index %(index)s does not fit its neighbour "
                "(%(before)s before, so %(usage)s %(unit)s); it went backwards, was "
                "misread, or the meter was replaced."
            ),
            "rollover": self.env._(
                "Meter %(meter)s: from %(before)s to %(index)s it may have gone "
                "through zero, but %(usage)s %(unit)s is far more than it ever uses; "
                "read it again."
            ),
            "high": self.env._(
                "Meter %(meter)s: %(usage)s %(unit)s up to %(at)s is more than the "
                "tariff's normal use (%(limit)s); look for a leak or a wrong reading."
            ),
            "low": self.env._(
                "Meter %(meter)s: %(usage)s %(unit)s up to %(at)s is less than the "
                "tariff's normal use (%(limit)s); look whether it measures."
            ),
            "skew": self.env._(
                "Meter %(meter)s: its freeze is stamped %(at)s, not midnight; set the "
                "clock of the meter."
            ),
            "hour_spike": self.env._(
                "Meter %(meter)s: %(usage)s %(unit)s up to %(at)s, against %(limit)s "
                "by its own average; look for a wrong reading, a leak or a new load."
            ),
            "late": self.env._(
                "Meter %(meter)s: the reading of %(at)s came in long after newer ones."
            ),
        }

    def _get_texts_of_days(self):
        return {
            "spike": self.env._(
                "Meter %(meter)s: %(usage)s %(unit)s on %(day)s, against %(limit)s on "
                "an average day; look for a leak, a fault or a new load."
            ),
            "static": self.env._(
                "Meter %(meter)s has stood at %(index)s since %(day)s although "
                "somebody lives there; visit the site: the meter may have stopped or "
                "be bypassed."
            ),
            "missing": self.env._(
                "Meter %(meter)s has had no usable freeze since %(day)s; decide on its "
                "readings that are held back, read it again or look at its connection."
            ),
            "sum": self.env._(
                "Master meter %(meter)s measured %(usage)s %(unit)s, its sub-meters "
                "%(limit)s; look for losses, theft, a wrong factor or a sub-meter "
                "that is not listed."
            ),
            "factor": self.env._(
                "Meter %(meter)s: the factor was changed from %(before)s to %(index)s "
                "while the meter is in use; check what is billed since its last "
                "reading."
            ),
            "vacant": self.env._(
                "Meter %(meter)s: %(usage)s %(unit)s since %(day)s although no "
                "agreement is in force; find out who uses it."
            ),
            "test": self.env._(
                "Meter %(meter)s: %(usage)s %(unit)s were used before the agreement of "
                "%(day)s began (tests); they are not charged."
            ),
        }

    def _raise(self):
        """Open or extend the exceptions of these verdicts.

        :return: the exceptions
        """
        raised = self.filtered(lambda verdict: verdict.severity != "note")
        texts = self._get_texts()
        findings = []
        for verdicts in raised._group_hours():
            verdict = verdicts[0]
            reason = verdict._describe(texts)
            if len(verdicts) > 1:
                reason = self.env._(
                    "%(reason)s (%(count)s hours of that day are like this.)",
                    reason=reason,
                    count=len(verdicts),
                )
            findings.append(
                {
                    "kind": verdict.kind,
                    "reason": reason,
                    "meter": verdict.meter_id,
                    "reading": verdict.reading_id,
                    "hourly": verdict.hourly,
                    "community": verdict.community_id,
                    "found_at": verdict.at,
                    "verdict": verdicts,
                }
            )
        return self.env["amr.exception"].sudo()._raise_all(findings)

    def _group_hours(self):
        """Return verdicts to tell of together: hours of one meter, kind and day."""
        groups = {}
        for verdict in self:
            key = verdict
            if verdict.hourly:
                community = verdict.community_id
                day = community._local_date(verdict.at) if community else verdict.at
                key = verdict.meter_id, verdict.kind, day
            groups.setdefault(key, self.browse())
            groups[key] += verdict
        return [verdicts.sorted("at") for verdicts in groups.values()]
