from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

# What a bill was worked out with.
PRICING_FIELDS = {
    "tariff_id",
    "date_from",
    "method",
    "price",
    "step_period",
    "household_included",
    "household_quantity",
    "min_charge",
}


class AmrTariffVersion(models.Model):
    """Prices of a tariff from one day up to, and not including, another."""

    _name = "amr.tariff.version"
    _inherit = "amr.period.mixin"
    _description = "Tariff version"
    _order = "tariff_id, date_from desc"

    tariff_id = fields.Many2one(
        "amr.tariff", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="tariff_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="tariff_id.currency_id")
    uom_name = fields.Char(related="tariff_id.uom_name")
    date_from = fields.Date(
        "Valid from", required=True, default=fields.Date.context_today
    )
    date_to = fields.Date(
        "Valid to", help="First day on which the version no longer holds; empty: open."
    )
    method = fields.Selection(
        [("flat", "Flat"), ("tou", "Time of use"), ("step", "Stepped")],
        required=True,
        default="flat",
    )
    price = fields.Float(
        "Unit price", digits="AMR Unit Price", help="Per unit, tax included."
    )
    timetable_id = fields.Many2one(
        "amr.timetable",
        "Time table",
        ondelete="restrict",
        help="Which rate holds at which local time; its rates are those to be priced.",
    )
    step_period = fields.Selection(
        [("month", "Month"), ("year", "Calendar year")],
        "Steps count over",
        required=True,
        default="month",
        help="A bill over several months has the steps of so many months. Steps of a "
        "year begin again on 1 January.",
    )
    household_included = fields.Integer(
        "Persons included",
        help="Households up to this size have the steps as they are.",
    )
    household_quantity = fields.Float(
        "More for each further person",
        digits="AMR Consumption",
        help="Every step ends later by this much, per month or year as the steps "
        "count; the size of the household is told by the account.",
    )
    line_ids = fields.One2many("amr.tariff.line", "version_id", copy=True)
    surcharge_ids = fields.One2many("amr.tariff.surcharge", "version_id", copy=True)
    min_charge = fields.Monetary(
        "Minimum charge", help="Least amount of one bill for this agreement."
    )
    normal_min = fields.Float(
        "Normal use from",
        digits="AMR Consumption",
        help="A month's consumption below is listed as abnormal.",
    )
    normal_max = fields.Float(
        "Normal use to",
        digits="AMR Consumption",
        help="A month's consumption above is listed as abnormal; 0: no limit.",
    )

    _no_overlap = models.Constraint(
        "EXCLUDE USING gist (tariff_id WITH =, "
        "daterange(date_from, date_to, '[)') WITH &&)",
        "Two versions of a tariff may not be valid on the same day: end the earlier "
        "one on the day the later one begins.",
    )
    _price_positive = models.Constraint(
        "CHECK (price >= 0)", "A unit price may not be negative."
    )
    _dates_ordered = models.Constraint(
        "CHECK (date_to IS NULL OR date_to > date_from)",
        "A tariff version must end after it begins.",
    )
    _limits_positive = models.Constraint(
        "CHECK (min_charge >= 0 AND normal_min >= 0 AND normal_max >= 0)",
        "Minimum charge and limits of normal use may not be negative.",
    )
    _limits_ordered = models.Constraint(
        "CHECK (normal_max = 0 OR normal_min <= normal_max)",
        "Normal use must end above where it begins; 0 as its end means no limit.",
    )

    _household_positive = models.Constraint(
        "CHECK (household_included >= 0 AND household_quantity >= 0)",
        "Persons included and what further ones add may not be negative.",
    )

    @api.depends("tariff_id.name", "date_from")
    def _compute_display_name(self):
        for version in self:
            version.display_name = f"{version.tariff_id.name} {version.date_from}"

    @api.constrains("method", "line_ids", "timetable_id")
    def _check_lines(self):
        for version in self.filtered(lambda version: version.method != "flat"):
            problem = version._get_incompleteness()
            if problem:
                raise ValidationError(problem)

    def _get_incompleteness(self):
        """Return a sentence that says which prices are missing, or nothing."""
        self.ensure_one()
        if not self.line_ids:
            return self.env._(
                "Tariff version %(name)s has no prices: add a line for every rate or "
                "step.",
                name=self.display_name,
            )
        if self.method == "step" and min(self.line_ids.mapped("quantity_from")):
            return self.env._(
                "The first step of tariff version %(name)s must begin at 0.",
                name=self.display_name,
            )
        if self.method == "tou" and self.timetable_id:
            table = set(self.timetable_id.line_ids.mapped("register"))
            priced = set(self.line_ids.mapped("register"))
            if table != priced:
                labels = dict(
                    self.line_ids._fields["register"]._description_selection(self.env)
                )
                return self.env._(
                    "Tariff version %(name)s and its time table differ in %(rates)s: "
                    "price every rate of the table, and no other.",
                    name=self.display_name,
                    rates=", ".join(sorted(labels[rate] for rate in table ^ priced)),
                )
        return None

    # === What was billed stays === #

    def _get_billed_ends(self):
        """Return the day up to which each version was billed (hook).

        :return: ``{version id: first day that no bill stands on}``, used ones only
        """
        return {}

    def _check_not_billed(self):
        """:raises UserError: a bill stands on one of these versions"""
        billed = self.browse(self._get_billed_ends())
        if billed:
            raise UserError(
                self.env._(
                    "%s was billed, so its prices stay as they are. End it, and add a "
                    "version that begins on that day.",
                    billed[0].display_name,
                )
            )

    def write(self, vals):
        if PRICING_FIELDS & vals.keys():
            self._check_not_billed()
        if vals.get("date_to"):
            self._check_end(fields.Date.to_date(vals["date_to"]))
        lines_follow = self.with_context(amr_lines_follow=True)
        return super(AmrTariffVersion, lines_follow).write(vals)

    def _check_end(self, day):
        for version_id, end in self._get_billed_ends().items():
            if day < end:
                raise UserError(
                    self.env._(
                        "%(version)s was billed up to %(end)s: it cannot end on "
                        "%(day)s.",
                        version=self.browse(version_id).display_name,
                        end=end,
                        day=day,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billed(self):
        self._check_not_billed()
