from odoo import api, models


class AmrInstallation(models.Model):
    _inherit = "amr.installation"

    @api.model_create_multi
    def create(self, vals_list):
        """Override: a meter that is new here gets its key at this site.

        One that was elsewhere before keeps the key it has until it is keyed anew.
        """
        installations = super().create(vals_list)
        installations._get_new_at_site().meter_id.area_keyed = True
        return installations

    def _get_new_at_site(self):
        """Return the first installations of prepaid meters at sites with area codes."""
        return self.sudo().filtered(
            lambda one: (
                one.meter_id.model_id.prepaid
                and one.community_id.area_code
                and one.meter_id.installation_ids == one
            )
        )
