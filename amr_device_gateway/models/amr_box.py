from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AmrBox(models.Model):
    """How the meters of a box are reached (remote prepaid manual, appendix 1.2)."""

    _inherit = "amr.box"

    link_id = fields.Many2one(
        "amr.link",
        "Device link",
        index="btree_not_null",
        ondelete="restrict",
        domain="[('community_id', '=', community_id)]",
        help="RS-485: the local line or serial server that the box is wired to. "
        "Remote: the DTU in the box. Its meters are reached through it.",
    )

    @api.constrains("link_id", "channel", "baud_rate", "building_id")
    def _check_link(self):
        """A box is wired to one line of the same community and speed."""
        for box in self.filtered("link_id"):
            link = box.link_id
            if link.community_id != box.community_id:
                raise ValidationError(
                    self.env._(
                        "Box %(box)s and link %(link)s are in different communities.",
                        box=box.display_name,
                        link=link.display_name,
                    )
                )
            if link.is_outgoing != (box.channel == "rs485"):
                raise ValidationError(
                    self.env._(
                        "Box %(box)s is reached by %(channel)s, but %(link)s is a "
                        "%(kind)s: RS-485 needs a local line or a serial server, "
                        "remote a device that logs in.",
                        box=box.display_name,
                        channel=box._get_label("channel"),
                        link=link.display_name,
                        kind=link._get_label("kind"),
                    )
                )
            if box.channel == "rs485" and box.baud_rate != link.baud:
                raise ValidationError(
                    self.env._(
                        "Box %(box)s speaks at %(own)s baud, the line of %(link)s at "
                        "%(other)s: both must be the same.",
                        box=box.display_name,
                        own=box.baud_rate,
                        link=link.display_name,
                        other=link.baud,
                    )
                )

    def _get_label(self, name):
        return dict(self._fields[name]._description_selection(self.env))[self[name]]

    def write(self, vals):
        """Meters follow their box to another link, unless they had one of their own."""
        if "link_id" not in vals:
            return super().write(vals)
        before = {box: box.link_id for box in self}
        result = super().write(vals)
        for box, link in before.items():
            box.meter_ids.filtered(
                lambda meter, link=link: meter.link_id == link
            ).link_id = box.link_id
        return result
