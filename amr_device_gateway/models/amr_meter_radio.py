import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools import local_time
from ..tools.clock import stamp

IMEI, EUI = re.compile(r"\d{15}"), re.compile(r"[0-9a-f]{16}")


class AmrMeterRadio(models.Model):
    """How a meter reports by itself, through a platform (DH6200V3 manual 2.2)."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited
    _evidence = frozenset({"uplink_at", "radio_route"})

    nb_collector = fields.Boolean(
        "NB collector",
        tracking=True,
        help="The collector reports by NB-IoT; its uplinks name the collector number.",
    )
    radio_id = fields.Char(
        "Radio device number",
        copy=False,
        tracking=True,
        help="What the meter's own module is called by its platform: the 15 digits of "
        "an IMEI (NB-IoT) or the 16 hexadecimal digits of a devEUI (LoRaWAN).",
    )
    collector_no = fields.Char("Collector number", tracking=True)
    collector_port = fields.Char(
        "Collector port", help="Port of the collector that the meter is connected to."
    )
    read_item = fields.Char(
        "Read item", help="What the collector reads, when one port carries several."
    )
    uplink_at = fields.Datetime(
        "Last uplink",
        readonly=True,
        copy=False,
        help="When it last reported by itself.",
    )

    radio_route = fields.Json(
        readonly=True,
        copy=False,
        help="How the network server told to answer it: its application, port, and the "
        "head-end that heard it.",
    )
    takes_downlinks = fields.Boolean(
        "Switched by radio",
        compute="_compute_takes_downlinks",
        help="A LoRaWAN meter that has reported through ChirpStack: its valve is "
        "switched after its next report.",
    )

    _radio_unique = models.UniqueIndex(
        "(company_id, radio_id) WHERE active AND radio_id IS NOT NULL",
        "An active meter with this radio device number exists already.",
    )
    _collector_place_unique = models.UniqueIndex(
        "(company_id, collector_no, collector_port, COALESCE(read_item, ''))"
        " WHERE active AND collector_no IS NOT NULL AND collector_port IS NOT NULL",
        "An active meter at this port of the collector exists already.",
    )

    @api.depends("radio_id", "radio_route", "link_id", "protocol")
    def _compute_takes_downlinks(self):
        for meter in self:
            meter.takes_downlinks = (
                bool(EUI.fullmatch(meter.radio_id or "") and meter.radio_route)
                and not meter.link_id
                and meter.protocol != "manual"
            )

    @api.depends("takes_downlinks")
    def _compute_is_commanded(self):
        result = super()._compute_is_commanded()
        for meter in self.filtered("takes_downlinks"):
            meter.is_commanded = True
        return result

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._clean_radio(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._clean_radio(vals))

    @api.model
    def _clean_radio(self, vals):
        """Return values with the numbers as platforms write them; empty is none."""
        names = vals.keys() & {
            "radio_id",
            "collector_no",
            "collector_port",
            "read_item",
        }
        if not names:
            return vals
        cleaned = {name: (vals[name] or "").strip() or False for name in names}
        if cleaned.get("radio_id"):
            cleaned["radio_id"] = re.sub(r"[\s:-]", "", cleaned["radio_id"]).lower()
        return {**vals, **cleaned}

    @api.constrains("radio_id")
    def _check_radio_id(self):
        for meter in self.filtered("radio_id"):
            known = IMEI.fullmatch(meter.radio_id) or EUI.fullmatch(meter.radio_id)
            if not known:
                raise ValidationError(
                    self.env._(
                        "“%s” is no radio device number: enter the 15 digits of an "
                        "IMEI or the 16 hexadecimal digits of a devEUI.",
                        meter.radio_id,
                    )
                )

    @api.constrains("nb_collector", "collector_no")
    def _check_collector(self):
        for meter in self:
            if meter.nb_collector and not meter.collector_no:
                raise ValidationError(
                    self.env._(
                        "Meter %s is read by an NB collector: enter the collector's "
                        "number.",
                        meter.number,
                    )
                )

    def _has_remote_address(self, address):
        """Return whether a frame's address is this meter's; leading zeros do not count.

        :param str address: digits of the frame, or None
        """
        digits = (address or "").lstrip("0")
        return bool(digits) and self._get_remote_address().lstrip("0") == digits

    def _note_route(self, application, port, headend):
        """Keep how a device is answered, as its newest uplink told it."""
        route = {"application": application, "port": port, "headend": headend}
        for meter in self:
            if application and port and meter.radio_route != route:
                meter.radio_route = route

    def _note_uplink(self, at, clock=None):
        """Keep when these meters last reported by themselves, and how their clock is.

        :param datetime at: naive UTC, of the platform
        :param datetime clock: what the meter's own clock showed, None when not told
        """
        for meter in self:
            if not meter.uplink_at or meter.uplink_at < at:
                meter.uplink_at = at
            if clock:
                true = local_time(stamp(at), meter._get_clock_tz())
                meter._note_clock(round((clock - true).total_seconds()), at)
