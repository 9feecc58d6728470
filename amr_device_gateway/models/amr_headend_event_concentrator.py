from odoo import models
from odoo.tools.translate import LazyTranslate

from ..headend.protocols import registry
from ..tools import AHEAD, FRESH, utc_of, wrong_time
from .amr_headend_event import DEVICE_SAYS, EventError

_lt = LazyTranslate(__name__)
PROTOCOLS = {name: registry.get(name) for name in ("gdw376", "gdw130")}

#: Events of annex B of Q/GDW 376.1 that somebody has to look at; others are kept only.
ALARMS = {
    "ERC2": _lt("parameters lost"),
    "ERC9": _lt("current circuit fault"),
    "ERC10": _lt("voltage circuit fault"),
    "ERC11": _lt("phase sequence fault"),
    "ERC12": _lt("meter clock deviates"),
    "ERC13": _lt("meter fault"),
    "ERC14": _lt("power off or on"),
    "ERC20": _lt("message authentication failed"),
    "ERC21": _lt("concentrator fault"),
    "ERC24": _lt("voltage over limit"),
    "ERC25": _lt("current over limit"),
    "ERC27": _lt("meter index went down"),
    "ERC28": _lt("meter energy deviates"),
    "ERC29": _lt("meter runs away"),
    "ERC30": _lt("meter stands still"),
    "ERC31": _lt("meter cannot be read"),
    "ERC35": _lt("unknown meter found"),
    "ERC37": _lt("meter cover opened"),
    "ERC38": _lt("meter terminal cover opened"),
    "ERC39": _lt("re-reading failed"),
    "ERC40": _lt("magnetic field"),
}


class AmrHeadendEventConcentrator(models.Model):
    """What concentrators report by themselves: alarms, and values of their meters."""

    _inherit = "amr.headend.event"  # pylint: disable=consider-merging-classes-inherited

    def _process_uplink(self):
        protocol = PROTOCOLS.get(self.body.get("protocol"))
        if not self.link_id or not protocol:
            return super()._process_uplink()
        decoded = self._decode_report(protocol)
        concentrator = self.env["amr.concentrator"].search(
            [("link_id", "=", self.link_id.id), ("terminal", "=", decoded.address)]
        )
        if not concentrator:
            return None  # taken into service as a link only: kept
        concentrator._note_answer()
        self._raise_alarms(concentrator, decoded)
        self._take_values(concentrator, protocol, decoded)
        return None

    def _decode_report(self, protocol):
        """Return the decoded frame; one value that is none does not spoil the others.

        :raises EventError: it is no sound frame
        """
        try:
            decoded = protocol.decode(bytes.fromhex(self.frame or ""))
        except ValueError as error:
            raise EventError("The field frame is not hexadecimal.") from error
        if decoded.error and decoded.error.code not in (*DEVICE_SAYS, "bcd"):
            raise EventError(f"The frame cannot be used: {decoded.error}")
        return decoded

    def _raise_alarms(self, concentrator, decoded):
        """Open an exception for each event that began."""
        number = 1
        while code := decoded.value(f"event.{number}.code"):
            name = f"event.{number}."
            number += 1
            if code not in ALARMS or decoded.value(f"{name}state") == "ended":
                continue
            point = int(decoded.value(f"{name}point") or 0)
            meter = concentrator.meter_ids.filtered(
                lambda one, point=point: point and one.measuring_point == point
            )
            self.env["amr.exception"]._raise_exception(
                "device",
                self.env._(
                    "Concentrator %(concentrator)s reports %(event)s (%(code)s) at "
                    "%(time)s, its time; measuring point %(point)s.",
                    concentrator=concentrator.display_name,
                    event=ALARMS[code],
                    code=code,
                    time=decoded.value(f"{name}time") or "?",
                    point=point or "-",
                ),
                meter=meter,
                community=concentrator.community_id,
            )

    def _take_values(self, concentrator, protocol, decoded):
        """Take the readings of a report through the one door."""
        frozen = protocol.freeze_time_from(decoded)
        if protocol.is_frozen(decoded) and not frozen:
            return
        kind = "spot"
        if frozen:
            names = {item.name.rpartition(".")[2] for item in decoded.values}
            kind = "monthly" if "freeze_month" in names else "daily"
        times = protocol.read_times_from(decoded)
        zone, rows = concentrator.community_id.tz, []
        lost = self.env["amr.meter"]
        for point, indexes in protocol.points_from(decoded).items():
            if not times.get(point):
                continue
            told_at = utc_of(times[point], zone)
            frozen_at = frozen and utc_of(frozen, zone)
            if self._is_told_wrongly(told_at, frozen_at):
                continue
            read_at = frozen_at or told_at
            meter = concentrator.meter_ids.filtered(
                lambda one, point=point: one.measuring_point == point
            )
            if not meter._is_told_by_frame(read_at):
                if meter.utility_id.code == "electricity":
                    lost |= meter
                continue
            rows += [
                {
                    "meter_id": meter.id,
                    "register": register,
                    "read_at": read_at,
                    "kind": kind,
                    "source": "push",
                    "index": index,
                }
                for register, index in indexes.items()
            ]
        if rows:
            self.env["amr.reading"].with_company(concentrator.company_id)._ingest(rows)
        if lost:
            self._keep_for_list(concentrator, lost)

    def _is_told_wrongly(self, told_at, frozen_at):
        """Return whether a value is of a wrong time, by when it came: taken in later,
        an old one is not older, and one of a clock ahead not right.

        :param datetime told_at: when the concentrator says to have read it; naive UTC
        :param datetime frozen_at: of the freeze, or None
        """
        came_at = min(self._get_at(), self.create_date)
        return told_at > self.create_date + AHEAD or bool(
            wrong_time(told_at, frozen_at, came_at - FRESH)
        )
