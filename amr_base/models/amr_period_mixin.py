from odoo import api, models


class AmrPeriodMixin(models.AbstractModel):
    _name = "amr.period.mixin"
    _description = "Record that holds from … to … and excludes others meanwhile"

    @api.model_create_multi
    def create(self, vals_list):
        # the end of the earlier one must reach the database before the later one
        # begins, or the exclusion constraint sees both
        self.flush_model()
        return super().create(vals_list)
