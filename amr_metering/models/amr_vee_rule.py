from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

from .vee_kinds import FINDINGS, HOLDABLE, SEVERITIES

# Hours lie in partitions of a month: their past is no further away than this.
MOST_DAYS_OF_HOURS = 31

# The most specific rule of a kind decides for a meter, also when it is switched off.
EFFECTIVE_SQL = """
    CREATE TEMPORARY TABLE IF NOT EXISTS amr_vee_effective (
        place integer, community_id integer, utility_id integer, company_id integer,
        kind varchar, rule_id integer, severity varchar, limit_value numeric,
        days integer, least numeric
    ) ON COMMIT DROP;
    TRUNCATE amr_vee_effective;
    WITH place AS (
        SELECT row_number() OVER () AS place, p.*
          FROM (SELECT DISTINCT community_id, utility_id, company_id
                  FROM amr_meter m WHERE %(meters)s) p
    ), decided AS (
        SELECT DISTINCT ON (p.place, r.kind)
               p.*, r.kind, r.id, r.severity, r.limit_value, r.days, r.least, r.active
          FROM place p
          JOIN amr_vee_rule r
            ON (r.company_id IS NULL OR r.company_id = p.company_id)
           AND (r.community_id IS NULL OR r.community_id = p.community_id)
           AND (r.utility_id IS NULL OR r.utility_id = p.utility_id)
         ORDER BY p.place, r.kind, r.community_id IS NULL, r.utility_id IS NULL,
                  r.company_id IS NULL, r.id
    )
    INSERT INTO amr_vee_effective
    SELECT place, community_id, utility_id, company_id, kind, id, severity,
           limit_value, days, least
      FROM decided WHERE active
"""


class AmrVeeRule(models.Model):
    """Validation rule: what is odd about a reading, and what then happens.

    For each meter and kind the most specific rule decides: of its community before
    that of all, of its utility before that of all. A rule that is switched off
    switches its kind off where it is the most specific.
    """

    _name = "amr.vee.rule"
    _inherit = "mail.thread"
    _description = "Validation rule"
    _order = "kind, community_id, utility_id, id"

    kind = fields.Selection(FINDINGS, "Finding", required=True, index=True)
    utility_id = fields.Many2one("amr.utility", help="Empty: all utilities.")
    community_id = fields.Many2one(
        "amr.community", index=True, ondelete="cascade", help="Empty: all communities."
    )
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_company_id",
        store=True,
        readonly=False,
        help="Empty: all companies.",
    )
    active = fields.Boolean("Switched on", default=True, tracking=True)
    severity = fields.Selection(
        SEVERITIES,
        "What happens",
        required=True,
        default="exception",
        tracking=True,
        help="Hold back: the reading is not used before somebody accepts it.",
    )
    limit_value = fields.Float("Limit", digits=(16, 3), tracking=True)
    days = fields.Integer(tracking=True)
    least = fields.Float("From (units)", digits="AMR Consumption", tracking=True)
    meaning = fields.Char(compute="_compute_meaning")

    _once = models.UniqueIndex(
        "(kind, COALESCE(utility_id, 0), COALESCE(community_id, 0), "
        "COALESCE(company_id, 0))",
        "There is a rule of this kind for this utility and community already.",
    )
    _sane = models.Constraint(
        "CHECK (limit_value >= 0 AND limit_value < 1e9 AND least >= 0 AND least < 1e9 "
        "AND days BETWEEN 0 AND 730)",
        "The limit and the least use must be numbers from 0 on, the days at most 730.",
    )

    @api.depends("community_id")
    def _compute_company_id(self):
        for rule in self.filtered("community_id"):
            rule.company_id = rule.community_id.company_id

    @api.depends("kind", "limit_value", "days", "least")
    @api.depends_context("lang")
    def _compute_meaning(self):
        for rule in self:
            rule.meaning = rule._explain() if rule.kind else False

    def _explain(self):
        """Say in one sentence what this rule finds."""
        texts = {
            "future": self.env._(
                "The time is more than %(limit)s minutes in the future."
            ),
            "conflict": self.env._("Another index is known for the very same time."),
            "duplicate": self.env._("The same reading came in again; it counts once."),
            "negative": self.env._("The index is lower than before."),
            "rollover": self.env._(
                "The register went through zero, but the use would be more than "
                "%(limit)s times the meter's own average."
            ),
            "high": self.env._("More than the tariff's normal use of a month."),
            "low": self.env._("Less than the tariff's normal use of a month."),
            "skew": self.env._(
                "A freeze is stamped more than %(limit)s minutes off midnight in the "
                "community's time."
            ),
            "late": self.env._(
                "It came in more than %(days)s days after a newer reading."
            ),
            "spike": self.env._(
                "A day's use is over %(limit)s times the average of the %(days)s days "
                "before, and at least %(least)s units more."
            ),
            "hour_spike": self.env._(
                "An hour's use is over %(limit)s times the average of the %(days)s "
                "days before, and at least %(least)s units more; a meter without a "
                "past is taken for one that uses %(least)s units an hour."
            ),
            "static": self.env._(
                "Nothing was measured for %(days)s days although somebody lives there."
            ),
            "missing": self.env._(
                "A remote meter has had no freeze for %(days)s days."
            ),
            "sum": self.env._(
                "In %(days)s days a master meter differs from its sub-meters by more "
                "than %(limit)s %% and %(least)s units."
            ),
            "factor": self.env._("The factor of a meter in use was changed."),
            "vacant": self.env._(
                "At least %(least)s units in a month where no agreement is in force."
            ),
            "test": self.env._(
                "Energy used before the first agreement (tests); it is not charged."
            ),
        }
        return texts[self.kind] % {
            "limit": f"{dec(self.limit_value).normalize():f}",
            "days": self.days,
            "least": f"{dec(self.least).normalize():f}",
        }

    @api.depends("kind", "community_id", "utility_id")
    @api.depends_context("lang")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for rule in self:
            parts = kinds.get(rule.kind), rule.community_id.name, rule.utility_id.name
            rule.display_name = " / ".join(filter(None, parts))

    @api.constrains("kind", "severity", "active")
    def _check_severity(self):
        for rule in self:
            if rule.kind == "conflict" and not (
                rule.active and rule.severity == "suspect"
            ):
                raise ValidationError(
                    self.env._(
                        "Of two values at one time only one can count: this rule "
                        "always holds the second back."
                    )
                )
            if rule.severity == "suspect" and rule.kind not in HOLDABLE:
                raise ValidationError(
                    self.env._(
                        "“%s” says nothing against the index itself: it can be raised "
                        "or noted, not held back.",
                        rule.display_name,
                    )
                )

    @api.constrains("kind", "days", "limit_value", "least")
    def _check_parameters(self):
        for rule in self.filtered(
            lambda rule: (
                rule.kind in ("static", "missing", "sum", "spike", "hour_spike")
            )
        ):
            if rule.days < 1:
                raise ValidationError(
                    self.env._("“%s” needs one day at least.", rule.display_name)
                )
            if rule.kind == "hour_spike" and rule.days > MOST_DAYS_OF_HOURS:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s” looks back %(days)s days at most.",
                        rule=rule.display_name,
                        days=MOST_DAYS_OF_HOURS,
                    )
                )
            if rule.kind == "hour_spike" and not (
                dec(rule.limit_value) > 0 and dec(rule.least) > 0
            ):
                raise ValidationError(
                    self.env._(
                        "“%s” needs a limit and units above 0, or it would hold back "
                        "every hour of a new meter.",
                        rule.display_name,
                    )
                )

    @api.model
    def _load_effective(self, meters):
        """Fill ``amr_vee_effective``: what holds for which community and utility.

        :param SQL meters: condition on ``amr_meter m``
        """
        self.env["amr.vee.rule"].flush_model()
        self.env.cr.execute(SQL(EFFECTIVE_SQL, meters=meters))
