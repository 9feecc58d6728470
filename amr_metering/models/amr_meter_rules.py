import re

from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL


class AmrMeter(models.Model):
    """What the models of several vendors ask of a meter's number, and of its place."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    @api.constrains("number", "model_id")
    def _check_number(self):
        for meter in self.filtered("model_id.number_rule"):
            if not re.fullmatch(meter.model_id.number_rule, meter.number):
                raise ValidationError(
                    self.env._(
                        "Meter number “%(number)s” does not follow the pattern "
                        "%(rule)s of model %(model)s.",
                        number=meter.number,
                        rule=meter.model_id.number_rule,
                        model=meter.model_id.name,
                    )
                )
        self.filtered("model_id.unique_tail")._check_tail()

    def _check_tail(self):
        """Refuse a number whose last digits another meter in use ends with."""
        if not self:
            return
        self.flush_model(["number", "active", "model_id", "company_id"])
        self.model_id.flush_recordset(["unique_tail"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.number, o.number, k.unique_tail
                  FROM amr_meter m
                  JOIN amr_meter_model k ON k.id = m.model_id
                  JOIN amr_meter o ON o.id <> m.id AND o.active
                   AND o.company_id = m.company_id
                   AND right(o.number, k.unique_tail) = right(m.number, k.unique_tail)
                 WHERE m.id = ANY(%s) AND m.active LIMIT 1
                """,
                list(self.ids),
            )
        )
        for number, other, tail in rows:
            raise ValidationError(
                self.env._(
                    "The last %(tail)s digits of meter number %(number)s are those of "
                    "meter %(other)s: they must be unique.",
                    tail=tail,
                    number=number,
                    other=other,
                )
            )

    @api.constrains("model_id", "company_id")
    def _check_utility(self):
        """A model for another utility would change what was measured so far."""
        self.sudo().installation_ids._check_fit()

    @api.constrains("box_id", "line_id", "community_id")
    def _check_place(self):
        for meter in self.filtered("community_id"):
            for place in (meter.box_id, meter.line_id):
                if place and place.community_id != meter.community_id:
                    raise ValidationError(
                        self.env._(
                            "Meter %(meter)s measures in %(community)s, but "
                            "%(place)s is in %(other)s.",
                            meter=meter.number,
                            community=meter.community_id.display_name,
                            place=place.display_name,
                            other=place.community_id.display_name,
                        )
                    )
        self.box_id._check_capacity()
