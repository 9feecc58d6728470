from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec

from ..vending import (
    MeterCreditTooLarge,
    NotPositive,
    PriceMissing,
    TooLittle,
    make_quote,
    meter_credit,
    smallest_payment,
)
from .amr_wallet import RESERVING_STATES


class AmrVend(models.Model):
    """What a payment buys, and why something cannot be sold."""

    _inherit = "amr.vend"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _quote(self, agreement, amount):
        """Say what an amount buys now, without writing anything.

        :param agreement: prepaid ``amr.agreement``
        :param Decimal amount: payment, tax included
        :return: dict of amount, unit_price, quantity, meter_quantity, charged,
            wallet_before, wallet_after, all Decimal
        :raises UserError: one sentence that says why it cannot be sold
        """
        self._check_agreement(agreement)
        self._check_amount(agreement, amount)
        wallet = self.env["amr.wallet"].search(
            [("account_id", "=", agreement.account_id.id)], limit=1
        )
        return self._compute_sale(agreement, amount, dec(wallet.available, 2))

    @api.model
    def _get_payment_for(self, agreement, units):
        """Return the smallest payment (Decimal) that buys a quantity now.

        :param int units: whole kWh or m³
        """
        wallet = self.env["amr.wallet"].search(
            [("account_id", "=", agreement.account_id.id)], limit=1
        )
        places = agreement.company_id.currency_id.decimal_places
        return smallest_payment(
            dec(wallet.available, 2),
            agreement._get_prepaid_unit_price(),
            step=dec(units, 0),
            cent=dec(1, 0).scaleb(-places),
        )

    @api.model
    def _compute_sale(self, agreement, amount, before):
        """Return the figures of a sale; see :meth:`_quote`."""
        places = agreement.company_id.currency_id.decimal_places
        cent = dec(1, 0).scaleb(-places)
        price = agreement._get_prepaid_unit_price()
        try:
            quote = make_quote(dec(amount, places), before, price, cent=cent)
            credit = meter_credit(quote.quantity, dec(agreement.meter_id.factor, 6))
        except (NotPositive, PriceMissing, TooLittle, MeterCreditTooLarge) as error:
            raise UserError(self._explain(error, agreement, price)) from error
        return {
            "amount": quote.paid,
            "unit_price": quote.price,
            "quantity": quote.quantity,
            "meter_quantity": credit,
            "charged": quote.charged,
            "wallet_before": quote.before,
            "wallet_after": quote.after,
        }

    @api.model
    def _explain(self, error, agreement, price):
        """Return the sentence for an error of the vending package."""
        unit = agreement.utility_id.uom_name
        if isinstance(error, TooLittle):
            return self.env._(
                "This amount buys less than 1 %(unit)s at %(price)s: pay at least "
                "%(least)s.",
                unit=unit,
                price=f"{price.normalize():f}",
                least=error.least,
            )
        if isinstance(error, MeterCreditTooLarge):
            return self.env._(
                "The meter cannot hold that much: sell at most %(most)s %(unit)s at a "
                "time.",
                most=error.most,
                unit=unit,
            )
        if isinstance(error, PriceMissing):
            return self.env._(
                "Tariff %s has no price above zero today.", agreement.tariff_id.name
            )
        return self.env._("Pay an amount greater than zero.")

    @api.model
    def _check_agreement(self, agreement):
        """Check that energy can be sold under an agreement now.

        :raises UserError: one sentence that says why not
        """
        obstacle = next(self._get_obstacles(agreement), None)
        if obstacle:
            raise UserError(obstacle)

    @api.model
    def _get_obstacles(self, agreement):
        """Yield sentences that say why nothing can be sold under an agreement."""
        account, meter = agreement.account_id, agreement.meter_id
        if not agreement:
            yield self.env._("Choose a prepaid agreement.")
        if agreement.payment_mode != "prepaid":
            yield self.env._(
                "%s is paid by bill, not in advance.", agreement.display_name
            )
        if agreement.state != "active":
            yield self.env._("%s is not in force today.", agreement.display_name)
        if account.state != "active":
            yield self.env._(
                "Account %s is closed: nothing can be sold to it.", account.display_name
            )
        if not meter:
            yield self.env._(
                "No meter is installed at %s.", agreement.point_id.display_name
            )
        if not meter.model_id.prepaid:
            yield self.env._(
                "Meter %(meter)s (%(model)s) keeps no credit: it cannot be sold to.",
                meter=meter.number,
                model=meter.model_id.name,
            )
        if not meter.link_id:
            yield self.env._(
                "Meter %s has no link: credit cannot reach it.", meter.number
            )
        obstacle = meter._get_area_obstacle()
        if obstacle:
            yield obstacle

    @api.model
    def _check_amount(self, agreement, amount):
        """Check a payment against the limits of the settings.

        :raises UserError: one sentence that says why not
        """
        currency = agreement.company_id.currency_id
        if amount <= 0:
            raise UserError(self.env._("Pay an amount greater than zero."))
        if amount != dec(amount, currency.decimal_places):
            raise UserError(
                self.env._(
                    "An amount has at most %s decimals.", currency.decimal_places
                )
            )
        least, most = self._get_limits()
        if amount < least:
            raise UserError(
                self.env._("Pay at least %s.", currency.format(float(least)))
            )
        if amount > most:
            raise UserError(
                self.env._("Pay at most %s at a time.", currency.format(float(most)))
            )

    @api.model
    def _get_limits(self):
        """Return the smallest and largest payment (Decimal) of the settings."""
        get = self.env["ir.config_parameter"].sudo().get_param
        return (
            dec(get("amr_prepaid.min_amount", "1"), 2),
            dec(get("amr_prepaid.max_amount", "10000"), 2),
        )

    @api.model
    def _check_meter_free(self, meter):
        """Check that no earlier order of the meter is still on its way.

        :raises UserError: one sentence that names the order
        """
        earlier = self.search(
            [("meter_id", "=", meter.id), ("state", "in", RESERVING_STATES)], limit=1
        )
        if earlier:
            raise UserError(
                self.env._(
                    "Meter %(meter)s is still being credited with order %(order)s. "
                    "Sell again when that is done.",
                    meter=meter.number,
                    order=earlier.name,
                )
            )
