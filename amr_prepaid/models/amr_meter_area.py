from odoo import fields, models


class AmrMeter(models.Model):
    """The area code (局号) of the site joins the key of a meter's credit.

    IC-card manual 1.3: it marks the property that sells, joins the encryption, is
    secret and never changes. Whether a meter was keyed with it is a fact of its
    commissioning, so the meter says it: meters from before go on without.
    """

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    area_keyed = fields.Boolean(
        "Keyed for the area code",
        copy=False,
        help="The area code of its site joins the key of its credit: it refuses what "
        "another site sells. Set by itself for a prepaid meter that is installed for "
        "the first time, at a site that has an area code, and entered within a week.",
    )

    def _get_area_obstacle(self):
        """Return why no credit can be made for this meter's area, or an empty text."""
        community = self.sudo().community_id
        if not self.area_keyed or community.area_code:
            return ""
        return self.env._(
            "Meter %(meter)s is keyed for the area code of its site, but %(site)s has "
            "none: enter the area code at the community.",
            meter=self.number,
            site=community.name,
        )
