from odoo import fields, models
from odoo.exceptions import UserError

from ..headend.protocols import registry
from ..headend.protocols.base import ProtocolError

# CJ/T 188, field T of the frame: what kind of meter is asked.
CJT188_TYPES = {
    "cold_water": 0x10,
    "hot_water": 0x11,
    "purified_water": 0x12,
    "heat": 0x20,
    "gas": 0x30,
}


class AmrMeterModel(models.Model):
    _inherit = "amr.meter.model"

    protocol = fields.Selection(
        selection_add=[
            ("dlt645-2007", "DL/T 645-2007"),
            ("cjt188", "CJ/T 188-2004"),
        ],
        ondelete={"dlt645-2007": "set default", "cjt188": "set default"},
    )

    def _get_protocol(self):
        """Return the protocol object that speaks to meters of this model.

        :raises UserError: the model is read by eye
        """
        self.ensure_one()
        try:
            return registry.get(self.protocol, **self._get_protocol_options())
        except ProtocolError as error:
            raise UserError(
                self.env._("Meters of model %s have no remote protocol.", self.name)
            ) from error

    def _get_protocol_options(self):
        """Return the protocol's options for this make, hook for vendor profiles."""
        if self.protocol != "cjt188":
            return {}
        return {"meter_type": CJT188_TYPES.get(self.utility_id.code, 0x10)}
