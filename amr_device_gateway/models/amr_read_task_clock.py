import dataclasses
from datetime import timedelta

from odoo import models

from ..tools import MAX_ADJUSTMENT


class AmrReadTaskClock(models.Model):
    """A freeze was taken when the meter's clock said midnight, right or wrong."""

    _inherit = "amr.read.task"  # pylint: disable=consider-merging-classes-inherited

    def _prepare_request(self, meter):
        """Stamp the freeze of a meter whose clock is off with the true time.

        The door then finds it off midnight and says so; a few minutes are let pass.
        """
        request = super()._prepare_request(meter)
        if not request.frozen_on or abs(meter.clock_drift) <= MAX_ADJUSTMENT:
            return request
        true = request.read_at - timedelta(seconds=meter.clock_drift)
        return dataclasses.replace(request, read_at=true)
