import logging

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec

from ..rating import (
    ImplausibleRollOver,
    InvalidPrice,
    MissingPrice,
    MissingReading,
    NegativeConsumption,
    OverlappingPrices,
)
from .charge_text import local_time, plain

_logger = logging.getLogger(__name__)


class AmrBillingRunLine(models.Model):
    """Why an account was not billed: one clear sentence each."""

    _inherit = "amr.billing.run.line"  # pylint: disable=consider-merging-classes-inherited

    def _raise_rating_exception(self, agreement, error, reason):
        """Negative consumption is somebody's work, not only this run's."""
        if isinstance(error, NegativeConsumption):
            self.env["amr.exception"]._raise_exception(
                "negative",
                reason,
                meter=self.env["amr.meter"].browse(error.meter),
                community=agreement.community_id,
            )

    def _describe(self, agreement, error):
        """One clear sentence why an agreement cannot be billed."""
        community = agreement.community_id
        name = agreement.point_id.name
        if isinstance(error, NegativeConsumption):
            return self._describe_fall(community, name, error)
        if isinstance(error, MissingReading):
            return self._describe_missing(agreement, error)
        if isinstance(error, MissingPrice):
            return self.env._(
                "%(point)s: tariff %(tariff)s has no price for %(register)s on %(at)s.",
                point=name,
                tariff=agreement.tariff_id.name,
                register=error.register,
                at=local_time(self.env, community, error.at),
            )
        if isinstance(error, InvalidPrice | OverlappingPrices):
            return self.env._(
                "%(point)s: the prices of tariff %(tariff)s contradict each other.",
                point=name,
                tariff=agreement.tariff_id.name,
            )
        return self.env._(
            "%(point)s: no meter was installed in the time to be billed.", point=name
        )

    def _describe_fall(self, community, name, error):
        values = {
            "point": name,
            "meter": self.env["amr.meter"].browse(error.meter).number,
            "before": plain(error.start.index),
            "after": plain(error.end.index),
            "start": local_time(self.env, community, error.start.at),
            "end": local_time(self.env, community, error.end.at),
        }
        if self._was_billed_by_estimate(error):
            return self.env._(
                "%(point)s: meter %(meter)s was billed by estimate up to %(before)s "
                "(%(start)s), but stands at %(after)s (%(end)s). Credit that bill and "
                "bill it again.",
                **values,
            )
        if isinstance(error, ImplausibleRollOver):
            return self.env._(
                "%(point)s: the index of meter %(meter)s fell from %(before)s "
                "(%(start)s) to %(after)s (%(end)s), and it cannot have rolled over. "
                "Correct the reading, or end the installation if the meter was "
                "replaced.",
                **values,
            )
        return self.env._(
            "%(point)s: the index of meter %(meter)s fell from %(before)s "
            "(%(start)s) to %(after)s (%(end)s).",
            **values,
        )

    def _was_billed_by_estimate(self, error):
        """Whether the higher index is the end of an estimated charge that stands."""
        charges = self.env["amr.charge"].search(
            [
                ("meter_id", "=", error.meter),
                ("end_at", "=", error.start.at),
                ("kind", "=", "energy"),
                ("released", "=", False),
                ("estimated", "=", True),
            ]
        )
        return any(dec(charge.end_index) == error.start.index for charge in charges)

    def _describe_missing(self, agreement, error):
        values = {
            "point": agreement.point_id.name,
            "meter": self.env["amr.meter"].browse(error.meter).number,
            "register": error.register,
            "at": local_time(self.env, agreement.community_id, error.at),
            "hours": agreement.company_id.amr_closing_tolerance,
        }
        end = agreement.community_id._local_midnight(self.run_id.date_to)
        if error.at >= min(end, agreement.date_to or end):
            return self.env._(
                "%(point)s: no closing reading of meter %(meter)s (%(register)s) at "
                "%(at)s, nor one within %(hours)s hours. Read it, or resolve its "
                "suspect reading, and try again.",
                **values,
            )
        return self.env._(
            "%(point)s: no opening reading of meter %(meter)s (%(register)s) at "
            "%(at)s, nor one within %(hours)s hours.",
            **values,
        )

    def _describe_failure(self, error):
        """What else went wrong while the bill was made."""
        if isinstance(error, UserError):
            return str(error)
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        if constraint == "amr_charge_billed_once":
            return self.env._("This consumption was billed by another run meanwhile.")
        _logger.exception("Account %s could not be billed", self.account_id.number)
        return self.env._(
            "The bill could not be made, the other accounts went on (%s). Ask your "
            "administrator, whose log has the details, and try again.",
            str(error).strip().partition("\n")[0] or type(error).__name__,
        )
