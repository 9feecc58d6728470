from odoo import api, models


class AmrDashboard(models.AbstractModel):
    """What to do next: for who works here already, and for who begins."""

    _inherit = "amr.dashboard"

    @api.model
    def _get_todo(self, scope):
        """Return what waits for somebody: ``text``, ``count``, ``icon``, ``action``.

        Only what the user has a right to see, and only when there is some.
        """
        items = []
        for text, icon, model, domain in self._get_todo_domains():
            if not self.env[model].has_access("read"):
                continue
            domain = [*scope, *domain]
            count = self.env[model].search_count(domain)
            if count:
                action = self._prepare_action(text, model, domain)
                items.append(
                    {"text": text, "icon": icon, "count": count, "action": action}
                )
        return items

    @api.model
    def _get_todo_domains(self):
        """Return what may wait: sentence, icon, model and domain; addons add theirs."""
        installed = ("point_id", "!=", False)
        return [
            (
                self.env._("Alarms that nobody has acknowledged"),
                "fa-bell",
                "amr.alarm",
                [("state", "=", "open")],
            ),
            (
                self.env._("Exceptions that wait for more than three days"),
                "fa-exclamation-triangle",
                "amr.exception",
                [("state", "!=", "resolved"), ("create_date", "<", self._late())],
            ),
            (
                self.env._("Meters that do not answer"),
                "fa-chain-broken",
                "amr.meter",
                [("state", "=", "comm_fault"), installed],
            ),
            (
                self.env._("Installed meters that were never read"),
                "fa-circle-o",
                "amr.meter",
                [("state", "=", "not_enabled"), installed],
            ),
            (
                self.env._("Read tasks under way"),
                "fa-refresh",
                "amr.read.task",
                [("state", "=", "running")],
            ),
        ]

    @api.model
    def _get_guide(self):
        """Return the steps that a new company still has before it, or nothing.

        Once there are readings the company lives, and the guide is gone.
        """
        if self.env["amr.reading"].search_count([], limit=1):
            return []
        return [
            {
                "title": title,
                "text": text,
                "done": bool(self.env[model].search_count(domain, limit=1)),
                "action": action,
            }
            for title, text, model, domain, action in self._get_guide_steps()
            if self.env[model].has_access("create")
        ]

    @api.model
    def _get_guide_steps(self):
        return [
            (
                self.env._("Communities and buildings"),
                self.env._("Districts, communities, buildings with their codes."),
                "amr.building",
                [],
                "amr_base.amr_community_action",
            ),
            (
                self.env._("Rooms"),
                self.env._("Made by floors and rooms a floor, all at once."),
                "amr.room",
                [],
                "amr_base.amr_room_action",
            ),
            (
                self.env._("Tariffs"),
                self.env._("What a unit costs, and from when."),
                "amr.tariff",
                [],
                "amr_base.amr_tariff_action",
            ),
            (
                self.env._("Meter models"),
                self.env._("Protocol, digits and address pattern of each make."),
                "amr.meter.model",
                [],
                "amr_metering.amr_meter_model_action",
            ),
            (
                self.env._("Meters"),
                self.env._("Each at its metering point, with its opening index."),
                "amr.meter",
                [("point_id", "!=", False)],
                "amr_metering.amr_meter_action",
            ),
            (
                self.env._("Customers and agreements"),
                self.env._("Who pays for which metering point at which tariff."),
                "amr.agreement",
                [],
                "amr_metering.amr_agreement_action",
            ),
            (
                self.env._("First reading"),
                self.env._("Read a community: its meters become enabled."),
                "amr.reading",
                [],
                "amr_metering.amr_read_task_action",
            ),
        ]
