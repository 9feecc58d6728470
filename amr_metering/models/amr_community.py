from odoo import fields, models


class AmrCommunity(models.Model):
    _inherit = "amr.community"

    meter_count = fields.Integer(compute="_compute_meter_counts")
    open_exception_count = fields.Integer(compute="_compute_meter_counts")
    new_meter_count = fields.Integer(compute="_compute_meter_counts")
    read_plan_count = fields.Integer(compute="_compute_meter_counts")

    def _compute_meter_counts(self):
        domain = [("community_id", "in", self.ids)]
        meters = dict(
            self.env["amr.meter"]._read_group(domain, ["community_id"], ["__count"])
        )
        exceptions = dict(
            self.env["amr.exception"]._read_group(
                [*domain, ("state", "=", "open")], ["community_id"], ["__count"]
            )
        )
        plans = dict(
            self.env["amr.read.plan"]._read_group(domain, ["community_id"], ["__count"])
        )
        unread = [*domain, ("latest_at", "=", False), ("point_id", "!=", False)]
        new = dict(
            self.env["amr.meter"]._read_group(unread, ["community_id"], ["__count"])
        )
        for community in self:
            community.new_meter_count = new.get(community, 0)
            community.read_plan_count = plans.get(community, 0)
            community.meter_count = meters.get(community, 0)
            community.open_exception_count = exceptions.get(community, 0)

    def _get_blocking_children(self):
        return [
            *super()._get_blocking_children(),
            (
                self.env._("metering points"),
                self.env["amr.metering.point"].search([("community_id", "=", self.id)]),
            ),
        ]

    def action_read(self):
        """Read every installed meter of the community now."""
        self.ensure_one()
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.id}
        )
        return task.action_start()

    def action_read_new(self):
        """Read the meters that were never read: opening indexes are proved so."""
        self.ensure_one()
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.id, "never_read": True}
        )
        return task.action_start()

    def action_make_books(self):
        """Make route books of the whole community, one for each line number."""
        self.ensure_one()
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.id}
        )
        return task.action_make_books()

    def action_open_read_plans(self):
        """Show the community's read plans; a first one is suggested."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_read_plan_action"
        )
        suggested = self.env["amr.read.plan"]._suggest(self)
        action["context"] = {
            f"default_{name}": value for name, value in suggested.items()
        }
        action["domain"] = [("community_id", "=", self.id)]
        return action

    def action_open_meters(self):
        return self._open_related("amr.meter", self.env._("Meters"))

    def action_open_exceptions(self):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_exception_action"
        )
        action["domain"] = [("community_id", "=", self.id)]
        return action
