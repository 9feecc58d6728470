from odoo import api, fields, models

# A meter that hung longer when it was entered comes from a running site (import).
NEW_DAYS = 7


class AmrInstallation(models.Model):
    _inherit = "amr.installation"

    @api.model_create_multi
    def create(self, vals_list):
        """Override: a meter that is new here gets its key at this site.

        One that was elsewhere before keeps the key it has until it is keyed anew; so
        does one that hung here long before it was entered.
        """
        installations = super().create(vals_list)
        installations._get_new_at_site().meter_id.area_keyed = True
        return installations

    def _get_new_at_site(self):
        """Return the first installations of prepaid meters at sites with area codes."""
        since = fields.Datetime.subtract(fields.Datetime.now(), days=NEW_DAYS)
        return self.sudo().filtered(
            lambda one: (
                one.date_from > since
                and one.meter_id.model_id.prepaid
                and one.community_id.area_code
                and one.meter_id.installation_ids == one
            )
        )
