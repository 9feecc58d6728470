from odoo import api, fields, models
from odoo.exceptions import UserError


class AmrLinkClock(models.Model):
    """The clocks behind a link."""

    _inherit = "amr.link"  # pylint: disable=consider-merging-classes-inherited

    clock_off_count = fields.Integer("Clocks off", compute="_compute_clock_off_count")

    @api.depends("meter_ids.clock_off")
    def _compute_clock_off_count(self):
        counts = dict(
            self.env["amr.meter"]._read_group(
                [("link_id", "in", self.ids), ("clock_off", "=", True)],
                ["link_id"],
                ["__count"],
            )
        )
        for link in self:
            link.clock_off_count = counts.get(link, 0)

    def action_read_clocks(self):
        """Ask all meters behind these links what time they have."""
        return self._get_clock_meters().action_read_clock()

    def action_set_clocks(self):
        """Set the clocks behind these links that are wrong."""
        return self._get_clock_meters().action_set_clock()

    def _get_clock_meters(self):
        meters = self.meter_ids.filtered("is_remote")
        if not meters:
            raise UserError(self.env._("There is no remote meter on this link."))
        return meters

    def action_view_clocks_off(self):
        """Show the meters whose clock is off."""
        self.ensure_one()
        action = self.action_view_meters()
        action["domain"] = [("link_id", "=", self.id), ("clock_off", "=", True)]
        return action
