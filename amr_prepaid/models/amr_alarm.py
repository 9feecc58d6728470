from odoo import api, models
from odoo.tools import SQL


class AmrAlarm(models.Model):
    """What is left on prepaid meters, as they last said (DH6200V3 manual, 2.2)."""

    _inherit = "amr.alarm"

    @api.model
    def _get_values(self):
        return [*super()._get_values(), *self._get_remaining()]

    @api.model
    def _get_remaining(self):
        """Return the credit of installed prepaid meters in the utility's unit."""
        return self.env.execute_query(
            SQL(
                """
                SELECT m.id, 'remaining', m.credit_balance * m.factor
                  FROM amr_meter m JOIN amr_meter_model k ON k.id = m.model_id
                 WHERE m.active AND m.point_id IS NOT NULL AND k.prepaid
                   AND m.credit_read_at IS NOT NULL
                """
            )
        )
