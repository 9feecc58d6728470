from odoo import api, models


class AmrPricedMixin(models.AbstractModel):
    """Part of a tariff version: stays as it is once a bill stands on the version."""

    _name = "amr.priced.mixin"
    _description = "Price that a bill may stand on"

    # fields that no bill depends on
    _free = frozenset()

    @api.model_create_multi
    def create(self, vals_list):
        parts = super().create(vals_list)
        parts.version_id._check_not_billed()
        return parts

    def write(self, vals):
        if vals.keys() - self._free:
            self.version_id._check_not_billed()
        result = super().write(vals)
        if "version_id" in vals:
            self.version_id._check_not_billed()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billed(self):
        self.version_id._check_not_billed()
