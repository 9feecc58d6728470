from odoo import fields, models

from ..headend.protocols import layout


class AmrCommandIdentify(models.Model):
    """Ask a meter for its address and parameters (remote prepaid manual 4.2 to 4.4)."""

    _inherit = "amr.command"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[("identify", "Read address and parameters")],
        ondelete={"identify": "cascade"},
    )

    def _changes_something(self):
        return self.kind != "identify" and super()._changes_something()

    def _request_frames(self):
        if self.kind != "identify":
            return super()._request_frames()
        return []

    def _verify_frames(self):
        if self.kind != "identify":
            return super()._verify_frames()
        frames = self._protocol().identify(self._address())
        if self.meter_id.model_id.prepaid:
            frames += self._protocol().purchase_state(self._address())
        return frames

    def _judge(self, verification):
        """Done when the meter has told anything; what it lacks it says itself."""
        if self.kind != "identify":
            return super()._judge(verification)
        told = [
            item.decoded for item in verification if item.decoded and not item.problem
        ]
        if not told:
            return "unknown"
        address = next((one.address for one in told if one.address), "")
        text = "; ".join(filter(None, map(layout.said, told)))
        self.payload = {"told": f"{address}: {text}"}
        return "done"

    def _done_text(self):
        if self.kind != "identify":
            return super()._done_text()
        return self.env._("The meter says: %s.", (self.payload or {}).get("told"))
