from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

# How old the meter's own word may be when its number is accepted.
FRESH = timedelta(hours=1)


class AmrMeter(models.Model):
    """Accepting a purchase number that is not the one we gave last."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    opening_ids = fields.One2many("amr.meter.opening", "meter_id", "Accepted numbers")

    def _begin_series(self, reason):
        """Begin a new opening series at the number that the meter itself says.

        Orders that never left for the meter come along and get their number in the new
        series; in the old one nothing is open any more, so that no command of it can
        take a credit of the new one for its own (promise I3 holds in each series).

        :param str reason: why the numbers differ
        :raises UserError: one sentence that says what has to be done before
        """
        self.ensure_one()
        stopped = self.vend_ids.filtered(
            lambda vend: vend.purchase_no and vend.state in ("crediting", "exception")
        )
        stopped._lock()
        self._lock_credit()
        last = self._get_last_number_used(stopped)
        self._check_series_may_begin(stopped, last, reason)
        stopped._take_number_back()
        self.credit_series += 1
        self.write({"credit_start_no": self.purchase_no})
        self.sold_purchase_no = self.purchase_no
        self.env["amr.meter.opening"].sudo().create(self._prepare_opening(last, reason))
        self.env.flush_all()
        stopped._resolve_exceptions()
        self.vend_ids.filtered(lambda vend: vend.state == "paid")._start_crediting()

    def _get_last_number_used(self, stopped):
        """Return the last number given that the meter may have heard of."""
        numbers = [
            vend.purchase_no
            for vend in self.vend_ids - stopped
            if vend.series == self.credit_series
        ]
        return max(numbers, default=0) or self.credit_start_no

    def _check_series_may_begin(self, stopped, last, reason):
        values = {"meter": self.number}
        if not (reason or "").strip():
            raise UserError(self.env._("Say why the purchase numbers differ."))
        on_its_way = self.env["amr.command"].search_count(
            [
                ("meter_id", "=", self.id),
                ("kind", "=", "credit"),
                ("state", "in", ("queued", "sent")),
            ],
            limit=1,
        )
        if on_its_way:
            raise UserError(
                self.env._(
                    "A credit is on its way to meter %(meter)s: wait until it has "
                    "ended, then try again.",
                    **values,
                )
            )
        for vend in stopped.filtered(
            lambda vend: vend.credited_at or vend._may_still_be_credited()
        ):
            raise UserError(
                self.env._(
                    "Order %(order)s was sent to meter %(meter)s: decide first whether "
                    "the meter has its credit.",
                    order=vend.name,
                    **values,
                )
            )
        if not self._is_credit_fresh():
            raise UserError(
                self.env._(
                    "Read the credit of meter %(meter)s first: what it said within the "
                    "last hour decides.",
                    **values,
                )
            )
        if self.purchase_no == last:
            raise UserError(
                self.env._(
                    "Meter %(meter)s is at purchase number %(number)s, as it is here: "
                    "there is nothing to accept. Go on with the order.",
                    number=last,
                    **values,
                )
            )

    def _is_credit_fresh(self):
        """Return whether the meter told its number lately, and after all that was sent.

        The device may say a thing of the second in which it was sent: later counts.
        """
        said_at = self.credit_read_at
        if not said_at or said_at < fields.Datetime.now() - FRESH:
            return False
        sent = self.env["amr.command"].search(
            [
                ("meter_id", "=", self.id),
                ("kind", "=", "credit"),
                ("tries", ">", 0),
                ("sent_at", ">", said_at),
            ],
            limit=1,
        )
        return not sent

    def _prepare_opening(self, last, reason):
        return {
            "meter_id": self.id,
            "community_id": self.community_id.id,
            "company_id": self.company_id.id,
            "series": self.credit_series,
            "start_no": self.purchase_no,
            "last_no": last,
            "said_at": self.credit_read_at,
            "reason": reason.strip(),
            "user_id": self.env.uid,
        }
