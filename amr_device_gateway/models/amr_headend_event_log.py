from datetime import datetime

from odoo import models

from ..headend.protocols.measured import named
from ..tools import utc_of

#: Events of annex B of Q/GDW 376.1 that carry what the meter measured then.
EVENTS = {
    "ERC9": "current",
    "ERC10": "voltage",
    "ERC12": "clock",
    "ERC24": "voltage",
    "ERC25": "current",
    "ERC26": "overload",
}


class AmrHeadendEventLog(models.Model):
    """Events of meters, as their concentrator tells them, go into the event log."""

    _inherit = "amr.headend.event"  # pylint: disable=consider-merging-classes-inherited

    def _raise_alarms(self, concentrator, decoded):
        result = super()._raise_alarms(concentrator, decoded)
        number, rows = 1, []
        while code := decoded.value(f"event.{number}.code"):
            row = self._get_log_row(concentrator, decoded, code, f"event.{number}.")
            rows += [row] if row else []
            number += 1
        if rows:
            self.env["amr.snapshot"].sudo()._ingest(rows)
        return result

    def _get_log_row(self, concentrator, decoded, code, prefix):
        """Return the row of an event for the log; None without meter or time."""
        if code not in EVENTS or decoded.value(f"{prefix}state") == "ended":
            return None
        point = int(decoded.value(f"{prefix}point") or 0)
        meter = concentrator.meter_ids.filtered(
            lambda one: point and one.measuring_point == point
        )
        try:
            moment = datetime.strptime(
                decoded.value(f"{prefix}time") or "", "%Y-%m-%d %H:%M"
            )
        except ValueError:
            return None
        if len(meter) != 1:
            return None
        return {
            "meter_id": meter.id,
            "read_at": utc_of(moment, concentrator.community_id.tz),
            "event": EVENTS[code],
            **named(decoded.values, prefix),
        }
