from odoo import fields, models

from ..headend.protocols.measured import measured_from


class AmrCommandMeasure(models.Model):
    """Ask a meter what it measures now, for the event log (S3 七.2).

    One with a neutral transformer tells the current of both wires: where they differ,
    something is supplied past the meter.
    """

    _inherit = "amr.command"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[("measure", "Read measured values")],
        ondelete={"measure": "cascade"},
    )

    def _changes_something(self):
        return self.kind != "measure" and super()._changes_something()

    def _request_frames(self):
        if self.kind != "measure":
            return super()._request_frames()
        return []

    def _verify_frames(self):
        if self.kind != "measure":
            return super()._verify_frames()
        phases = "a" if self.meter_id.model_id.phase == "single" else "abc"
        return self._protocol().read_measured(self._address(), phases)

    def _judge(self, verification):
        """Done when the meter told anything; what it has not it says itself."""
        if self.kind != "measure":
            return super()._judge(verification)
        values = measured_from(
            item.decoded for item in verification if item.decoded and not item.problem
        )
        if not values:
            return "unknown"
        now = fields.Datetime.now()
        row = {"meter_id": self.meter_id.id, "read_at": now, **values}
        snapshots = self.env["amr.snapshot"].sudo()
        snapshots._ingest([row])
        self.payload = {"told": snapshots._describe_values(values)}
        return "done"

    def _done_text(self):
        if self.kind != "measure":
            return super()._done_text()
        return self.env._("The meter measures %s.", (self.payload or {}).get("told"))
