from odoo import api, fields, models


class AmrLinkConcentrator(models.Model):
    """The concentrators that are reached over a link."""

    _inherit = "amr.link"  # pylint: disable=consider-merging-classes-inherited

    concentrator_ids = fields.One2many("amr.concentrator", "link_id")
    concentrator_count = fields.Integer(
        "Concentrators", compute="_compute_concentrator_count"
    )

    def _compute_concentrator_count(self):
        counts = dict(
            self.env["amr.concentrator"]._read_group(
                [("link_id", "in", self.ids)], ["link_id"], ["__count"]
            )
        )
        for link in self:
            link.concentrator_count = counts.get(link, 0)

    def _on_link_up(self):
        """Compare the lists that nobody has looked at, or that reports wait for."""
        result = super()._on_link_up()
        self.concentrator_ids.filtered(
            lambda one: (
                (not one.compared_at and one.meter_ids) or one.sudo().awaiting_ids
            )
        )._compare_unasked()
        return result

    @api.model
    def _get_error_text(self, error):
        return {
            "not_held": self.env._("The concentrator holds no value of the meter."),
            "stale": self.env._(
                "What the concentrator holds of the meter is too old: it did not "
                "answer the concentrator."
            ),
            "clock_ahead": self.env._(
                "The concentrator's clock is ahead: set it, its times cannot be "
                "trusted."
            ),
        }.get(error) or super()._get_error_text(error)
