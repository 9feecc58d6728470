from odoo import api, fields, models

from odoo.addons.amr_base.tools import dec

from ..models.amr_meter_rates import RATE_LABELS, RATES


class AmrRatesMixin(models.AbstractModel):
    """The index of every rate of a meter beside that of its total, at one moment.

    For lines with a metering point, its meter and a tariff that begins then.
    """

    _name = "amr.rates.mixin"
    _description = "Indexes of the rates"

    rates = fields.Char(
        compute="_compute_rates",
        store=True,
        help="The rates that are read at this meter.",
    )
    for rate, label in RATE_LABELS:
        vars()[rate] = fields.Float(
            label,
            digits="AMR Index",
            compute="_compute_indexes",
            store=True,
            readonly=False,
        )
    del rate, label
    rates_apart = fields.Boolean(
        "Total is not the sum",
        help="Tick it when the rates of this meter really do not add up to its total.",
    )

    @api.depends("point_id", "tariff_id")
    def _compute_rates(self):
        for line in self:
            line.rates = " ".join(line._get_asked_rates())

    @api.depends("point_id")
    def _compute_indexes(self):
        for line in self:
            asked = line._get_asked_rates()
            for rate in RATES:
                line[rate] = asked.get(rate, 0)

    def _get_asked_rates(self):
        """Return what is asked for, with what was read last."""
        if not self.meter_id:
            return {}
        running = self.point_id.agreement_ids.sorted("date_from")[-1:].tariff_id
        return self.meter_id._get_asked_rates(running | self.tariff_id)

    def _get_rates(self):
        """Return ``{register: Decimal index}`` that was typed."""
        return {rate: dec(self[rate]) for rate in self._get_asked_rates()}

    @api.model
    def _format_indexes(self, index, rates):
        """Return indexes for people: that of the total and, in brackets, the rates."""
        labels = dict(self.env["amr.reading"]._get_labels("register"))
        parts = ", ".join(f"{labels[rate]} {value}" for rate, value in rates.items())
        return f"{index} ({parts})" if parts else str(index)
