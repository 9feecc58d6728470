from datetime import timedelta

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec

from .amr_wallet import RESERVING_STATES


class AmrMeter(models.Model):
    """Ratios of a prepaid meter: its credit is counted in its own units."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    def _check_ratios_free(self):
        """Check that no credit would be worth something else with another factor.

        :raises UserError: an order is open, or the meter holds credit, or may hold some
        """
        for meter in self.sudo():
            meter._check_no_order_open()
            meter._check_no_credit_left()
        return super()._check_ratios_free()

    def _check_no_order_open(self):
        order = self.vend_ids.filtered(lambda vend: vend.state in RESERVING_STATES)[:1]
        if order:
            raise UserError(
                self.env._(
                    "Order %(order)s of meter %(meter)s is still open, and was counted "
                    "with the present ratio. Bring it to its end first.",
                    order=order.name,
                    meter=self.number,
                )
            )

    def _check_no_credit_left(self):
        if self._is_credit_unknown():
            raise UserError(
                self.env._(
                    "Meter %s was sold to, and has not said since what it holds. Read "
                    "its credit first: it is counted with the present ratio.",
                    self.number,
                )
            )
        credit = dec(self.credit_balance, 2)
        # nobody prepays a public meter that only counts what it lets through
        owed = credit < 0 and self.point_id.agreement_id.payment_mode == "prepaid"
        if credit > 0 or owed:
            raise UserError(
                self.env._(
                    "Meter %(meter)s holds %(credit)s units of credit, which another "
                    "ratio would make worth something else. Let it be used up and read "
                    "the credit, or replace the meter.",
                    meter=self.number,
                    credit=credit,
                )
            )

    def _is_credit_unknown(self):
        """Return whether something was credited after the meter last told its credit.

        Which it does at the end of every credit, moments before that is written down.
        """
        credited = self.vend_ids.filtered("credited_at").mapped("credited_at")
        return bool(credited) and (
            not self.credit_read_at
            or max(credited) > self.credit_read_at + timedelta(minutes=1)
        )
