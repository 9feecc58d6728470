from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..headend.protocols import models as meter_models
from ..headend.protocols import registry
from ..headend.protocols.base import ProtocolError

#: Every protocol that meters speak: a new one is a new file of the registry.
PROTOCOLS = {
    name: registry.get(name)
    for name in sorted(registry.names())
    if registry.get(name).for_meters
}


class AmrMeterModel(models.Model):
    _inherit = "amr.meter.model"

    protocol = fields.Selection(
        selection_add=[(name, one.title) for name, one in PROTOCOLS.items()],
        ondelete={name: "set default" for name in PROTOCOLS},
    )
    profile = fields.Selection(
        selection="_selection_profile",
        string="Make",
        help="How meters of this make differ: the registers of a Modbus meter, the "
        "options of a water, gas or heat meter. Each is one file beside the protocol.",
    )
    profile_choices = fields.Json(compute="_compute_profile_choices")
    has_local_address = fields.Boolean(compute="_compute_profile_choices")

    @api.model
    def _selection_profile(self):
        """Return the makes of all protocols; the protocol decides which are offered."""
        language = self.env.lang or "en_US"
        return [
            (
                f"{folder}/{name}",
                meter_models.title(folder, name, language),
            )
            for folder in sorted(
                {one.models_folder for one in PROTOCOLS.values()} - {""}
            )
            for name in meter_models.names(folder)
        ]

    @api.depends("protocol")
    def _compute_profile_choices(self):
        for model in self:
            protocol = PROTOCOLS.get(model.protocol)
            folder = protocol.models_folder if protocol else ""
            model.profile_choices = [
                f"{folder}/{name}" for name in (protocol.models() if protocol else ())
            ]
            model.has_local_address = bool(protocol and protocol.local_address)

    @api.onchange("protocol")
    def _onchange_protocol(self):
        """Offer what fits the protocol: addresses it can carry, a make of its own."""
        protocol = PROTOCOLS.get(self.protocol)
        rules = {one.address_rule for one in PROTOCOLS.values()}
        default = self.default_get(["address_rule"])["address_rule"]
        if self.address_rule in rules | {default, False}:
            self.address_rule = protocol.address_rule if protocol else default
        if self.profile not in (self.profile_choices or []):
            self.profile = False

    @api.constrains("protocol", "profile", "utility_id")
    def _check_profile(self):
        for model in self:
            if model.profile and model.profile not in (model.profile_choices or []):
                raise ValidationError(
                    self.env._(
                        "The make of model %(model)s belongs to another protocol than "
                        "%(protocol)s.",
                        model=model.name,
                        protocol=model._get_protocol_title(),
                    )
                )
            if model.protocol not in PROTOCOLS:
                continue
            if PROTOCOLS[model.protocol].needs_model and not model.profile:
                raise ValidationError(
                    self.env._(
                        "Choose the make of model %(model)s: what the registers of a "
                        "%(protocol)s meter mean depends on it.",
                        model=model.name,
                        protocol=model._get_protocol_title(),
                    )
                )
            model._check_unit()

    def _check_unit(self):
        """Check that the meters count in the unit that their utility is kept in.

        :raises ValidationError: a heat meter in GJ where kWh are billed, for one
        """
        try:
            self._make_protocol()
        except ProtocolError as error:
            raise ValidationError(
                self.env._(
                    "Meters of model %(model)s cannot be read as %(utility)s in "
                    "%(unit)s: %(error)s",
                    model=self.name,
                    utility=self.utility_id.name,
                    unit=self._get_index_unit(),
                    error=error,
                )
            ) from error

    def _get_protocol_title(self):
        return dict(self._fields["protocol"]._description_selection(self.env))[
            self.protocol
        ]

    def _get_index_unit(self):
        """Return the unit of the utility in the protocols' words: kWh, m³ or GJ."""
        units = {
            self.env.ref("uom.product_uom_kwh", raise_if_not_found=False): "kWh",
            self.env.ref("uom.product_uom_cubic_meter", raise_if_not_found=False): "m³",
        }
        return units.get(self.utility_id.uom_id) or self.utility_id.uom_name

    def _make_protocol(self):
        """Return the protocol object with the options of make and utility.

        :raises ProtocolError: it does not know them
        """
        protocol = registry.get(self.protocol)
        if self.profile:
            protocol = protocol.of_model(self.profile.partition("/")[2])
        return protocol.of_utility(self.utility_id.code, self._get_index_unit())

    def _get_protocol(self):
        """Return the protocol object that speaks to meters of this model.

        :raises UserError: the model is read by eye, or its make is not known
        """
        self.ensure_one()
        if self.protocol not in PROTOCOLS:
            raise UserError(
                self.env._("Meters of model %s have no remote protocol.", self.name)
            )
        try:
            return self._make_protocol()
        except ProtocolError as error:
            raise UserError(
                self.env._(
                    "Meters of model %(model)s cannot be read: %(error)s",
                    model=self.name,
                    error=error,
                )
            ) from error
