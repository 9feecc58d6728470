from odoo import api, models
from odoo.exceptions import UserError, ValidationError

#: Kinds of link that a connection goes over.
LINK_KINDS = {
    "kt410_gprs": ("concentrator",),
    "kt410_com": ("serial", "tcp"),
    "gprs": ("dtu",),
    "com": ("serial", "tcp"),
}


class AmrConcentratorLink(models.Model):
    """The link that a concentrator is reached over: its own, or a line it hangs on."""

    _inherit = "amr.concentrator"  # pylint: disable=consider-merging-classes-inherited

    @api.constrains("link_id", "connection", "line_id")
    def _check_link(self):
        for one in self:
            link = one.link_id
            if link and link.kind not in LINK_KINDS[one.connection]:
                raise ValidationError(
                    self.env._(
                        "%(concentrator)s cannot be reached over %(link)s: choose a "
                        "link that fits its connection.",
                        concentrator=one.display_name,
                        link=link.display_name,
                    )
                )
            if link and link.community_id != one.community_id:
                raise ValidationError(
                    self.env._(
                        "%(link)s belongs to another community than %(concentrator)s.",
                        concentrator=one.display_name,
                        link=link.display_name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        concentrators = super().create(vals_list)
        concentrators._own_link()
        return concentrators

    def write(self, vals):
        result = super().write(vals)
        if {"connection", "terminal", "line_id", "active", "name"} & vals.keys():
            self._own_link()
        return result

    def _own_link(self):
        """Keep the link of those that log in by themselves.

        A terminal that logged in before it was entered is taken into service.

        :raises UserError: the terminal address is in service elsewhere
        """
        for one in self.filtered(lambda one: one.connection == "kt410_gprs"):
            Link = self.env["amr.link"].sudo().with_context(active_test=False)
            known = Link.search(
                [("kind", "=", "concentrator"), ("terminal", "=", one.terminal)]
            )
            own = one.sudo().link_id.filtered(lambda link: link.kind == "concentrator")
            if known and known != own and (known.state == "active" or own):
                raise UserError(
                    self.env._(
                        "The terminal address %s is in service already or logged in as "
                        "unknown: archive that device link first.",
                        one.terminal,
                    )
                )
            vals = {
                "name": one.display_name,
                "kind": "concentrator",
                "terminal": one.terminal,
                "community_id": one.community_id.id,
                "building_id": one.building_id.id,
                "state": "active",
                "active": one.active,
            }
            link = own or known
            if link:
                link.write(vals)
            else:
                link = Link.create(vals)
            if one.link_id != link:
                one.sudo().link_id = link
