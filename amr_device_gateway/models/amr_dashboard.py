from odoo import api, models


class AmrDashboard(models.AbstractModel):
    """Concentrators and DTUs that are there (KTAMR manual 2.2)."""

    _inherit = "amr.dashboard"

    @api.model
    def _get_cards(self, scope):
        return [*super()._get_cards(scope), self._get_link_card(scope)]

    @api.model
    def _get_link_card(self, scope):
        """Device links in service by kind: how many, and how many are offline."""
        Link, title = self.env["amr.link"], self.env._("Device links")
        domain = [*scope, ("state", "=", "active")]
        kinds = dict(Link._fields["kind"]._description_selection(self.env))
        groups = Link._read_group(domain, ["kind", "online"], ["__count"])
        names = {True: self.env._("online"), False: self.env._("offline")}
        rows = [
            {
                "label": f"{kinds[kind]} · {names[online]}",
                "count": count,
                "level": "ok" if online else "fault",
                "action": self._prepare_action(
                    kinds[kind],
                    "amr.link",
                    [*domain, ("kind", "=", kind), ("online", "=", online)],
                ),
            }
            for kind, online, count in sorted(groups, reverse=True)
        ]
        return {
            "key": "links",
            "title": title,
            "icon": "fa-sitemap",
            "total": sum(row["count"] for row in rows),
            "action": self._prepare_action(title, "amr.link", domain),
            "rows": rows,
        }

    @api.model
    def _get_todo_domains(self):
        return [
            *super()._get_todo_domains(),
            (
                self.env._("Device links that are offline"),
                "fa-sitemap",
                "amr.link",
                [("state", "=", "active"), ("online", "=", False)],
            ),
        ]
