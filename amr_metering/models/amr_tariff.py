from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrTariff(models.Model):
    _inherit = "amr.tariff"

    def _is_used(self):
        used = self.env["amr.agreement"].sudo()
        return (
            super()._is_used()
            or used.search_count([("tariff_id", "=", self.id)], limit=1) > 0
        )

    def _get_priced_rates(self):
        """Return the rates that versions in force today or later price."""
        today = fields.Date.context_today(self)
        versions = self.version_ids.filtered(
            lambda v: v.method == "tou" and (not v.date_to or v.date_to > today)
        )
        return set(versions.line_ids.mapped("register")) - {"total"}

    @api.constrains("utility_id")
    def _check_utility_kept(self):
        """What was agreed was agreed for one utility."""
        agreements = self.env["amr.agreement"].sudo()
        for tariff in self:
            wrong = [
                ("tariff_id", "=", tariff.id),
                ("point_id.utility_id", "!=", tariff.utility_id.id),
            ]
            if agreements.search_count(wrong, limit=1):
                raise ValidationError(
                    self.env._(
                        "Tariff %(tariff)s is agreed where something else than "
                        "%(utility)s is measured: make another tariff instead.",
                        tariff=tariff.name,
                        utility=tariff.utility_id.name,
                    )
                )
