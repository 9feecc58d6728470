import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrMeterModel(models.Model):
    """Instrument type: what all meters of one make have in common."""

    _name = "amr.meter.model"
    _description = "Meter model"
    _order = "utility_id, name"

    name = fields.Char(required=True)
    manufacturer = fields.Char()
    utility_id = fields.Many2one("amr.utility", required=True, ondelete="restrict")
    protocol = fields.Selection(
        [("manual", "Read by eye")], required=True, default="manual"
    )
    address_rule = fields.Char(
        "Address pattern",
        default="[0-9]{1,14}",
        required=True,
        help="Regular expression that a whole address must match, such as "
        "10[0-9]{10} for twelve digits beginning with 10.",
    )
    number_rule = fields.Char(
        "Number pattern",
        help="Regular expression that a whole meter number must match, such as "
        "[0-9]{8} for eight digits; empty: any number.",
    )
    unique_tail = fields.Integer(
        "Unique last digits",
        help="So many last digits of a number must be unique among all meters in use: "
        "8 for meters that are vended by card (IC-card manual 3); 0: no such rule.",
    )
    digits = fields.Integer(
        "Integer digits",
        default=6,
        required=True,
        help="Digits before the decimal point of the register; it rolls over after.",
    )
    decimals = fields.Integer(default=2, required=True)
    phase = fields.Selection(
        [
            ("single", "Single-phase"),
            ("three_direct", "Three-phase, direct"),
            ("three_ct", "Three-phase, by transformers"),
        ]
    )
    prepaid = fields.Boolean(help="The meter keeps a balance and cuts by itself.")
    has_relay = fields.Boolean("Relay or valve")
    max_current = fields.Float("Maximum current (A)", digits=(6, 2))
    meter_count = fields.Integer(compute="_compute_meter_count")
    active = fields.Boolean(default=True)

    _digits_sane = models.Constraint(
        "CHECK (digits BETWEEN 1 AND 12 AND decimals BETWEEN 0 AND 3)",
        "A register has 1 to 12 integer digits and 0 to 3 decimals.",
    )
    _tail_positive = models.Constraint(
        "CHECK (unique_tail >= 0)", "The number of last digits may not be negative."
    )

    def _compute_meter_count(self):
        counts = dict(
            self.env["amr.meter"]._read_group(
                [("model_id", "in", self.ids)], ["model_id"], ["__count"]
            )
        )
        for model in self:
            model.meter_count = counts.get(model, 0)

    @api.constrains("utility_id")
    def _check_utility_kept(self):
        """Check that no meter of the model hangs where something else is measured."""
        installations = self.env["amr.installation"].sudo()
        installations = installations.with_context(active_test=False)
        for model in self:
            wrong = [
                ("meter_id.model_id", "=", model.id),
                ("point_id.utility_id", "!=", model.utility_id.id),
            ]
            if installations.search_count(wrong, limit=1):
                raise ValidationError(
                    self.env._(
                        "Meters of model %(model)s are installed and do not measure "
                        "%(utility)s: make another model instead.",
                        model=model.name,
                        utility=model.utility_id.name,
                    )
                )

    @api.constrains("address_rule", "number_rule")
    def _check_patterns(self):
        for model in self:
            for rule in filter(None, (model.address_rule, model.number_rule)):
                model._check_pattern(rule)

    def _check_pattern(self, rule):
        try:
            re.compile(rule)
        except re.error as error:
            raise ValidationError(
                self.env._(
                    "Pattern “%(rule)s” is not a valid regular expression: %(error)s",
                    rule=rule,
                    error=error,
                )
            ) from error
