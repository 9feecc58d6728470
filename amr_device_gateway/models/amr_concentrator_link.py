from odoo import api, models
from odoo.exceptions import UserError, ValidationError

#: Kinds of link that a connection goes over.
LINK_KINDS = {
    "kt410_gprs": ("concentrator",),
    "kt410_com": ("serial", "tcp"),
    "gprs": ("dtu",),
    "com": ("serial", "tcp"),
}
#: The link of a concentrator that logs in by itself follows these.
FOLLOWED = {"connection", "terminal", "line_id", "active", "name"}


class AmrConcentratorLink(models.Model):
    """The link that a concentrator is reached over: its own, or a line it hangs on.

    The link of one that logs in by itself is its own: it moves, is renamed and archived
    with it, and out of service when the concentrator is reached otherwise.
    """

    _inherit = "amr.concentrator"  # pylint: disable=consider-merging-classes-inherited

    @api.constrains("link_id", "connection", "line_id")
    def _check_link(self):
        for one in self.filtered("link_id"):
            link = one.sudo().link_id
            if link.kind not in LINK_KINDS[one.connection]:
                raise ValidationError(
                    self.env._(
                        "%(concentrator)s cannot be reached over %(link)s: choose a "
                        "link that fits its connection.",
                        concentrator=one.display_name,
                        link=link.display_name,
                    )
                )
            if link.kind == "concentrator":
                one._check_own(link)
            elif link.community_id != one.community_id:
                raise ValidationError(
                    self.env._(
                        "%(link)s belongs to another community than %(concentrator)s.",
                        concentrator=one.display_name,
                        link=link.display_name,
                    )
                )

    def _check_own(self, link):
        """Check that nobody takes over the log-in of another concentrator.

        :raises ValidationError: he does
        """
        if link.concentrator_ids - self:
            raise ValidationError(
                self.env._(
                    "This device link is the log-in of another concentrator: one that "
                    "logs in by itself has a link of its own."
                )
            )

    @api.constrains("line_id")
    def _check_meters(self):
        """A concentrator does not leave for another community with meters of this one.

        :raises ValidationError: it would
        """
        for one in self:
            strangers = one.sudo().meter_ids.filtered(
                lambda meter, one=one: (
                    meter.community_id and meter.community_id != one.community_id
                )
            )
            if strangers:
                raise ValidationError(
                    self.env._(
                        "%(count)s meters of %(concentrator)s are in %(community)s: "
                        "take them off the concentrator before it moves to another "
                        "community.",
                        count=len(strangers),
                        concentrator=one.display_name,
                        community=strangers.community_id[:1].display_name,
                    )
                )

    # === Life === #

    @api.model_create_multi
    def create(self, vals_list):
        concentrators = super().create(vals_list)
        concentrators._own_link()
        return concentrators

    def write(self, vals):
        before = {one: one.sudo().link_id for one in self}
        result = super().write(vals)
        if FOLLOWED & vals.keys():
            self._own_link()
        for one, link in before.items():
            one._leave_link(link)
        return result

    def unlink(self):
        """A log-in that no concentrator has any more is out of service."""
        links = self.sudo().link_id
        result = super().unlink()
        for link in links:
            self.browse()._leave_link(link)
        return result

    def _own_link(self):
        """Keep the link of those that log in by themselves.

        A terminal that logged in before it was entered is taken into service, and so is
        the log-in of a concentrator that has been archived.
        """
        for one in self.filtered(lambda one: one.connection == "kt410_gprs"):
            link = one._find_link()
            vals = one._prepare_link()
            if link:
                link.write(vals)
            else:
                link = link.create(vals)
            if one.link_id != link:
                one.sudo().link_id = link

    def _prepare_link(self):
        return {
            "name": self.display_name,
            "kind": "concentrator",
            "terminal": self.terminal,
            "community_id": self.community_id.id,
            "building_id": self.building_id.id,
            "state": "active",
            "active": self.active,
        }

    def _find_link(self):
        """Return the link that logs in with this terminal address, else its own so far.

        :raises UserError: the terminal address is in service elsewhere
        """
        Link = self.env["amr.link"].sudo().with_context(active_test=False)
        known = Link.search(
            [("kind", "=", "concentrator"), ("terminal", "=", self.terminal)]
        )
        own = self.sudo().link_id.filtered(lambda link: link.kind == "concentrator")
        if not known or known == own:
            return Link.browse(own.id)
        others = known.concentrator_ids - self
        is_in_service = known.state == "active" and known.active
        if is_in_service or others.filtered("active"):
            raise UserError(
                self.env._(
                    "The terminal address %s is in service already: archive that "
                    "device link first.",
                    self.terminal,
                )
            )
        others.link_id = False  # archived, and another one has its log-in now
        return known

    def _leave_link(self, link):
        """Take a log-in out of service that this concentrator does not use any more.

        :param link: the link it had before
        """
        link = link.with_context(active_test=False)
        if (
            link.kind == "concentrator"
            and link != self.sudo().link_id
            and not link.concentrator_ids
        ):
            link.active = False
