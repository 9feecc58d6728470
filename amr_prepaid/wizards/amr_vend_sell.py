from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from odoo.addons.amr_base.tools import dec


class AmrVendSell(models.TransientModel):
    """Counter: choose customer or meter, type the amount, take the money."""

    _name = "amr.vend.sell"
    _description = "Sell prepaid energy"

    account_id = fields.Many2one("amr.account", domain=[("state", "=", "active")])
    agreement_id = fields.Many2one(
        "amr.agreement",
        "Supply",
        required=True,
        compute="_compute_agreement_id",
        store=True,
        readonly=False,
        domain="[('payment_mode', '=', 'prepaid'), ('state', '=', 'active'), "
        "('account_id', '=?', account_id)]",
    )
    partner_id = fields.Many2one(related="agreement_id.partner_id", related_sudo=False)
    room_id = fields.Many2one(related="agreement_id.room_id", related_sudo=False)
    meter_id = fields.Many2one(related="agreement_id.meter_id", related_sudo=False)
    tariff_id = fields.Many2one(related="agreement_id.tariff_id", related_sudo=False)
    uom_name = fields.Char(related="meter_id.uom_name", related_sudo=False)
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", compute_sudo=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    credit_balance = fields.Float(related="meter_id.credit_balance", related_sudo=False)
    credit_read_at = fields.Datetime(
        related="meter_id.credit_read_at", related_sudo=False
    )
    units = fields.Integer(
        "Energy wanted", help="Whole units; fills in what has to be paid for them."
    )
    amount = fields.Monetary("Payment")
    journal = fields.Selection(
        "_selection_journal",
        "Paid to",
        required=True,
        default=lambda self: self._default_journal(),
    )
    unit_price = fields.Float(digits="AMR Unit Price", compute="_compute_quote")
    quantity = fields.Float(
        "Energy", digits="AMR Consumption", compute="_compute_quote"
    )
    charged = fields.Monetary(compute="_compute_quote")
    wallet_before = fields.Monetary(compute="_compute_quote")
    wallet_after = fields.Monetary(compute="_compute_quote")
    warning = fields.Char(compute="_compute_quote")

    @api.depends("account_id")
    def _compute_agreement_id(self):
        """Choose the supply where the customer has only one."""
        for wizard in self:
            account, agreement = wizard.account_id, wizard.agreement_id
            if not account or agreement.account_id == account:
                wizard.agreement_id = agreement
                continue
            found = wizard._get_supplies()
            wizard.agreement_id = found if len(found) == 1 else False

    def _get_supplies(self):
        """Return what can be sold to the customer."""
        return self.env["amr.agreement"].search(
            [
                ("account_id", "=", self.account_id.id),
                ("payment_mode", "=", "prepaid"),
                ("state", "=", "active"),
            ]
        )

    def _explain_no_supply(self):
        """Return why a chosen customer has no supply on the form, or False."""
        if not self.account_id or self.agreement_id:
            return False
        if self._get_supplies():
            return self.env._(
                "This customer pays in advance for more than one meter: choose which."
            )
        return self.env._(
            "This customer pays in advance for no meter: take his payment on the bill."
        )

    @api.depends("agreement_id")
    def _compute_company_id(self):
        for wizard in self:
            wizard.company_id = wizard.agreement_id.company_id or self.env.company

    @api.model
    def _get_journals(self):
        """Return where money can go, cash first; the front desk knows no accounting."""
        journals = (
            self.env["account.journal"]
            .sudo()
            .search(
                [
                    ("type", "in", ("cash", "bank")),
                    ("company_id", "in", self.env.companies.ids),
                ]
            )
        )
        return journals.sorted(
            lambda journal: (journal.type != "cash", journal.sequence)
        )

    @api.model
    def _selection_journal(self):
        return [
            (str(journal.id), journal.display_name) for journal in self._get_journals()
        ]

    @api.model
    def _default_journal(self):
        journal = self._get_journals().filtered(
            lambda journal: journal.company_id == self.env.company
        )[:1]
        return str(journal.id) if journal else False

    @api.onchange("units", "agreement_id")
    def _onchange_units(self):
        """Sell by quantity: the payment that buys it, the wallet counted in."""
        if self.units > 0 and self.agreement_id:
            self.amount = float(self._get_payment_for_units())

    @api.onchange("amount")
    def _onchange_amount(self):
        """Sell by amount: a quantity typed in before no longer says what is bought."""
        if self.units and dec(self.amount, 2) != self._get_payment_for_units():
            self.units = 0

    def _get_payment_for_units(self):
        self.agreement_id.check_access("read")
        vends = self.env["amr.vend"].sudo()
        return vends._get_payment_for(self.agreement_id.sudo(), self.units)

    @api.depends("account_id", "agreement_id", "amount")
    def _compute_quote(self):
        """Show what the amount buys, or why nothing can be sold."""
        Vend = self.env["amr.vend"].sudo()
        for wizard in self:
            wizard.agreement_id.check_access("read")
            agreement = wizard.agreement_id.sudo()
            wallet = agreement.account_id.wallet_ids
            figures = {"wallet_before": dec(wallet.available, 2)}
            wizard.warning = wizard._explain_no_supply()
            if agreement:
                try:
                    Vend._check_agreement(agreement)
                    Vend._check_meter_free(agreement.meter_id)
                    figures["unit_price"] = agreement._get_prepaid_unit_price()
                    if wizard.amount:
                        figures = Vend._quote(agreement, dec(wizard.amount, 2))
                except UserError as error:
                    wizard.warning = str(error)
            for name in (
                "unit_price",
                "quantity",
                "charged",
                "wallet_before",
                "wallet_after",
            ):
                wizard[name] = float(figures.get(name, 0))

    def action_sell(self):
        """Take the payment and sell; opens the order."""
        return self._sell()._get_records_action()

    def action_sell_and_print(self):
        """Take the payment, sell, and print the receipt."""
        return self._sell().action_print_receipt()

    def _sell(self):
        self.ensure_one()
        if not self.agreement_id:
            raise UserError(self.env._("Choose a prepaid agreement."))
        journal = self.env["account.journal"].sudo().browse(int(self.journal))
        return self.env["amr.vend"]._sell(
            self.agreement_id, dec(self.amount, 2), journal
        )

    @api.model
    def default_get(self, fields_list):
        """Refuse the counter to those who may not sell."""
        if not self.env.user.has_group("amr_base.group_clerk"):
            raise AccessError(self.env._("Only the front desk sells energy."))
        return super().default_get(fields_list)
