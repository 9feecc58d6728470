import logging

from psycopg2 import OperationalError

from odoo import api, models
from odoo.exceptions import UserError

from .amr_headend_event import EventError

_logger = logging.getLogger(__name__)

PLATFORMS = ("nbiot", "lora")


class AmrHeadendEventUplink(models.Model):
    """Uplinks that come by way of a platform: no link, the device's number decides."""

    _inherit = "amr.headend.event"

    def action_retry(self):
        """Take uplinks in again that were not usable: the archive is right now."""
        self.check_access("read")
        refused = self.sudo().filtered(
            lambda event: (
                event.state == "rejected" and (event.body or {}).get("type") == "uplink"
            )
        )
        if not refused:
            raise UserError(
                self.env._("Choose uplinks that were not usable; the others are in.")
            )
        for event in refused.sorted("id"):
            event._retry()

    def _retry(self):
        """Take one uplink in again; ensure_one from the caller."""
        self.write({"state": "done", "error": False})
        return self._take_in(self.body)

    def _process_uplink(self):
        kind, _colon, device = self.link.partition(":")
        if kind not in PLATFORMS:
            return super()._process_uplink()
        return self._process_platform_uplink(device)

    def _process_platform_uplink(self, device):
        """Take the readings of a frame that a platform handed over.

        A device that nobody entered speaks for no meter of the archive: its reading
        waits under its own address, and is reported, as the door does it.

        :param str device: IMEI, devEUI or collector number
        :raises EventError: the frame is not usable, or not of this device's meter
        """
        meters = self._get_device_meters(device)
        protocol, decoded = self._decode_platform_frame(meters)
        meter = meters.filtered(lambda one: one._has_remote_address(decoded.address))
        if not meter and self._is_foreign(device, meters, decoded.address):
            return
        at = self._get_at().replace(microsecond=0)
        rows = self._prepare_push_rows(protocol, decoded, at)
        whose = {"meter_id": meter.id} if meter else {"address": decoded.address}
        door = self.env["amr.reading"]
        if meter:
            door = door.with_company(meter.company_id)
        door._ingest([{**row, **whose} for row in rows])
        if meter:
            self._try_note_report(meter.sudo(), protocol, decoded, at)

    def _try_note_report(self, meter, protocol, decoded, at):
        """Keep what a report tells beside its index; that one stays in any case."""
        try:
            with self.env.cr.savepoint():
                self._note_report(meter, protocol, decoded, at)
        except OperationalError:
            raise  # somebody else writes the same rows: the delivery is repeated
        except Exception as error:
            _logger.exception("What %s reports beside its index", meter.number)
            self.env["amr.exception"]._raise_exception(
                "device",
                self.env._(
                    "The index of this report was taken, but not what it says of valve "
                    "and clock: %s",
                    error,
                ),
                meter=meter,
            )

    def _note_report(self, meter, protocol, decoded, at):
        """Keep what a report tells beside its index: time, clock, way back, valve."""
        meter._note_uplink(at, protocol.clock_from([decoded]))
        body = self.body
        meter._note_route(body.get("application"), body.get("port"), self.headend)
        frame = bytes.fromhex(self.frame)
        self.env["amr.command"]._hear(meter, protocol, decoded, at, frame)

    def _process_downlink(self):
        """Keep what the network server tells of a downlink."""
        device = self.link.partition(":")[2]
        body = self.body
        self.env["amr.command"]._note_receipt(
            device, body.get("item"), body.get("outcome"), self._get_at()
        )

    @api.model
    def _get_device_meters(self, device):
        """Return the meters that report by this device.

        :param str device: IMEI, devEUI or number of an NB collector
        :raises EventError: meters of several companies claim it
        """
        meters = self.env["amr.meter"].search(
            [
                "|",
                ("radio_id", "=", device),
                "&",
                ("nb_collector", "=", True),
                ("collector_no", "=ilike", device.replace("_", r"\_")),
            ]
        )
        if len(meters.company_id) > 1:
            raise EventError(f"The device {device} is entered in several companies.")
        return meters

    def _decode_platform_frame(self, meters):
        """Return protocol and decoded form of the frame, as the meter's model reads it.

        :param meters: those it can be of
        :raises EventError: no frame of a known protocol, or a wrong one
        """
        protocol, decoded = self._decode_frame()
        model = meters.filtered(
            lambda meter: meter._has_remote_address(decoded.address)
        ).model_id[:1]
        if model:
            protocol, decoded = self._decode_as(model, protocol)
        return protocol, decoded

    def _is_foreign(self, device, meters, address):
        """Return whether a frame carries the address of a meter it does not belong to.

        Then it is kept, not used, and an exception asks somebody to look.

        :param meters: meters of the device; none: nobody entered it
        """
        claimed = self.env["amr.meter"].search(self._address_domain(address))
        if not meters and not claimed:
            return False  # neither is known: the door keeps it
        reason = self.env._(
            "Device %(device)s reports for meter %(address)s, but is not entered "
            "there: enter its number in the meter's form, or find out whose it is.",
            device=device,
            address=address or "?",
        )
        for meter in claimed or meters[:1]:
            self.env["amr.exception"]._raise_exception("device", reason, meter=meter)
        self._reject(reason)
        return True

    @api.model
    def _prepare_push_rows(self, protocol, decoded, at):
        """Return rows for the door; none for a heartbeat, a status or a freeze."""
        indexes = protocol.index_from(decoded)
        if not indexes or protocol.is_frozen(decoded):
            return []
        return [
            {
                "register": register,
                "read_at": at,
                "kind": "spot",
                "source": "push",
                "index": index,
            }
            for register, index in indexes.items()
        ]
