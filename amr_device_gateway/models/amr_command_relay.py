from datetime import timedelta

from odoo import fields, models

from ..tools import gateway_settings

RELAY_KINDS = ("relay_open", "relay_close", "relay_state")
WANTED = {"relay_open": "open", "relay_close": "closed"}
# A water valve turns for seconds after it has said yes (CJ/T 188 meters: 12 s).
VALVE_SECONDS = 15


class AmrCommandRelay(models.Model):
    """Relay and valve: open (cut the supply), close (restore it), ask for the state."""

    _inherit = "amr.command"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[
            ("relay_open", "Disconnect"),
            ("relay_close", "Reconnect"),
            ("relay_state", "Read relay"),
        ],
        ondelete={kind: "cascade" for kind in RELAY_KINDS},
    )

    def _conflicts(self):
        if self.kind not in RELAY_KINDS:
            return super()._conflicts()
        return RELAY_KINDS

    def _changes_something(self):
        return self.kind != "relay_state" and super()._changes_something()

    def _request_frames(self):
        if self.kind not in RELAY_KINDS:
            return super()._request_frames()
        if self.kind == "relay_state":
            return []
        settings = gateway_settings()
        now = fields.Datetime.context_timestamp(
            self.with_context(tz=self.community_id.tz or "Asia/Shanghai"),
            fields.Datetime.now(),
        )
        frame = self._protocol().relay(
            self._address(),
            self.kind == "relay_close",
            now=now.replace(tzinfo=None),  # a meter's clock shows local time
            password=settings.relay_password,
            operator=settings.relay_operator,
        )
        return [frame]

    def _verify_frames(self):
        if self.kind not in RELAY_KINDS:
            return super()._verify_frames()
        frames = self._protocol().relay_state(self._address())
        return [frames] if isinstance(frames, bytes) else list(frames)

    def _judge(self, verification):
        if self.kind not in RELAY_KINDS:
            return super()._judge(verification)
        state = self._relay_state_from(verification)
        if not state:
            return "unknown"
        self.meter_id.relay_state = state
        if WANTED.get(self.kind, state) == state:
            return "done"
        return "unknown" if self._is_turning() else "not_done"

    def _relay_state_from(self, verification):
        """Return what the device says of its relay: open, closed or None."""
        protocol = self._protocol()
        for item in verification:
            if item.decoded and not item.problem:
                state = protocol.relay_from(item.decoded)
                if state:
                    return state
        return None

    def _is_turning(self):
        """Return whether a valve may still be on its way."""
        if self.meter_id.model_id.protocol != "cjt188" or not self.sent_at:
            return False
        return fields.Datetime.now() < self.sent_at + timedelta(seconds=VALVE_SECONDS)

    def _done_text(self):
        if self.kind not in RELAY_KINDS:
            return super()._done_text()
        states = dict(
            self.meter_id._fields["relay_state"]._description_selection(self.env)
        )
        return self.env._("The meter says: %s.", states.get(self.meter_id.relay_state))
