from odoo import api, fields, models
from odoo.exceptions import ValidationError


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
    line_ids = fields.One2many("amr.tariff.line", "version_id")
    surcharge_ids = fields.One2many("amr.tariff.surcharge", "version_id")
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

    @api.depends("tariff_id.name", "date_from")
    def _compute_display_name(self):
        for version in self:
            version.display_name = f"{version.tariff_id.name} {version.date_from}"

    @api.constrains("method", "line_ids")
    def _check_lines(self):
        for version in self:
            if version.method != "flat" and not version.line_ids:
                raise ValidationError(
                    self.env._(
                        "Tariff version %(name)s has no prices: add a line for every "
                        "rate or step.",
                        name=version.display_name,
                    )
                )
            if version.method == "step" and min(
                version.line_ids.mapped("quantity_from")
            ):
                raise ValidationError(
                    self.env._(
                        "The first step of tariff version %(name)s must begin at 0.",
                        name=version.display_name,
                    )
                )
