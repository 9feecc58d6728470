from odoo import models

# data item 070102FF of a credit frame, as its bytes are on the line (+33H each)
CREDIT_ITEM = "32 35 34 3A"


class AmrCommand(models.Model):
    """Refusals of commands from before they were counted (``refusals``).

    What is kept of a command tells them, too: each frame that left, and the answer to
    it. The meter's own number, asked for anew, stands for the read-back of the time.
    """

    _inherit = "amr.command"  # pylint: disable=consider-merging-classes-inherited

    def _get_refusals(self):
        """Return how many frames of this credit can do nothing any more."""
        self.ensure_one()
        if self.refusals or not self._was_refused():
            return self.refusals
        return self.tries if self._is_refusal_confirmed() else 0

    def _was_refused_unread(self):
        """Return whether only the meter's own number is missing to call it refused."""
        self.ensure_one()
        if self.refusals or not self._was_refused():
            return False
        return not self._is_refusal_confirmed()

    def _is_refusal_confirmed(self):
        """Return whether the meter said lately that it is at the number before."""
        meter = self.meter_id
        number = self.payload["purchase_no"]
        return meter._is_credit_fresh() and meter.purchase_no == number - 1

    def _was_refused(self):
        """Return whether the meter itself refused each frame that left."""
        if not self.tries or (self.state, self.outcome) != ("failed", "not_done"):
            return False
        frames = self.frame_ids.sorted("id")
        answers = [
            self._get_kept_answer(answer)
            for frame, answer in zip(frames, frames[1:], strict=False)
            if frame.direction == "out" and CREDIT_ITEM in (frame.data or "")
        ]
        return answers == ["refused"] * self.tries

    def _get_kept_answer(self, frame):
        """Return what a kept frame says to a credit; None when it is no answer."""
        data = frame.data or ""
        if frame.direction != "in" or not data or "*" in data:
            return None
        protocol = self._protocol()
        return protocol.credit_from(protocol.decode(bytes.fromhex(data)))
