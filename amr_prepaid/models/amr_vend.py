from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec
from odoo.addons.amr_billing.tools import chinese_capitals

from ..vending import (
    MeterCreditTooLarge,
    NotPositive,
    PriceMissing,
    TooLittle,
    make_quote,
    meter_credit,
)
from .amr_wallet import RESERVING_STATES

STEP = 1  # whole kWh or m³ (manual S4 2.2, decision 1)
DRAFT_DAYS = 7


class AmrVend(models.Model):
    """Vend (售电): one sale of energy to one meter.

    draft → paid (money is in the wallet) → crediting (purchase number given, command on
    its way) → credited (the meter has it; invoiced and paid from the wallet). What needs
    a person is an exception; what never reaches the meter is cancelled and its money
    stays in the wallet.

    Sales of one meter are credited one after another. A purchase number is given under
    a lock on the meter, and only back as long as it is the last one, so the numbers of
    a meter and opening series have neither holes nor doubles (promise I3).
    """

    _name = "amr.vend"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Prepaid order"
    _order = "id desc"

    name = fields.Char(
        "Order",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        default=lambda self: self.env._("New"),
    )
    key = fields.Char(
        "External key",
        readonly=True,
        copy=False,
        help="Given by the system that ordered; the same key never sells twice.",
    )
    agreement_id = fields.Many2one(
        "amr.agreement", required=True, readonly=True, index=True, ondelete="restrict"
    )
    account_id = fields.Many2one(
        "amr.account", required=True, readonly=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(related="account_id.partner_id")
    meter_id = fields.Many2one(
        "amr.meter", required=True, readonly=True, index=True, ondelete="restrict"
    )
    room_id = fields.Many2one(related="agreement_id.room_id")
    uom_name = fields.Char(related="meter_id.uom_name")
    community_id = fields.Many2one(
        related="agreement_id.community_id", store=True, index=True, precompute=True
    )
    company_id = fields.Many2one(
        related="agreement_id.company_id", store=True, index=True, precompute=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    wallet_id = fields.Many2one(
        "amr.wallet", required=True, readonly=True, index=True, ondelete="restrict"
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("paid", "Paid"),
            ("crediting", "Crediting"),
            ("credited", "Credited"),
            ("exception", "Exception"),
            ("cancelled", "Cancelled"),
        ],
        "Status",
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    reason = fields.Char(
        readonly=True, copy=False, tracking=True, help="Why a person has to look."
    )
    amount = fields.Monetary(
        "Amount paid", required=True, readonly=True, help="Tax included."
    )
    unit_price = fields.Float(
        digits="AMR Unit Price", readonly=True, aggregator=False, help="Tax included."
    )
    quantity = fields.Float(
        "Energy", digits="AMR Consumption", readonly=True, help="Whole units sold."
    )
    meter_quantity = fields.Float(
        "Credit on the meter",
        digits=(12, 2),
        readonly=True,
        help="The energy in the meter's own units: divided by its factor.",
    )
    charged = fields.Monetary(readonly=True, help="What the energy costs.")
    wallet_before = fields.Monetary(
        readonly=True,
        aggregator=None,
        help="In the wallet, and not reserved, before the payment.",
    )
    wallet_after = fields.Monetary(
        readonly=True, aggregator=None, help="Change; counts towards the next sale."
    )
    series = fields.Integer(
        "Opening series",
        readonly=True,
        copy=False,
        aggregator=None,
        help="A meter that is opened anew counts its purchases from the start again.",
    )
    purchase_no = fields.Integer(
        "Purchase number",
        readonly=True,
        copy=False,
        aggregator=None,
        help="购电次数; 0 while none is given.",
    )
    user_id = fields.Many2one(
        "res.users",
        "Sold by",
        readonly=True,
        default=lambda self: self.env.user,
        index=True,
    )
    paid_at = fields.Datetime("Paid", readonly=True, copy=False, index=True)
    credited_at = fields.Datetime("Credited", readonly=True, copy=False)
    transaction_id = fields.Many2one(
        "payment.transaction",
        "Online payment",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    transaction_ids = fields.One2many(
        "payment.transaction", "amr_vend_id", "Online payments tried"
    )
    payment_id = fields.Many2one(
        "account.payment", readonly=True, copy=False, ondelete="restrict"
    )
    journal_id = fields.Many2one(related="payment_id.journal_id", string="Paid to")
    deposit_move_id = fields.Many2one(
        "account.move", "Deposit", readonly=True, copy=False, ondelete="restrict"
    )
    bill_move_id = fields.Many2one(
        "account.move", "Invoice", readonly=True, copy=False, ondelete="restrict"
    )
    command_id = fields.Many2one(
        "amr.command", readonly=True, copy=False, index=True, ondelete="restrict"
    )
    command_ids = fields.One2many("amr.command", "vend_id", "Commands")
    command_state = fields.Selection(related="command_id.state", string="Command state")
    command_result = fields.Char(related="command_id.result", string="Last result")

    _key_unique = models.Constraint(
        "UNIQUE (company_id, key)", "This order was taken already."
    )
    _number_unique = models.UniqueIndex(
        "(meter_id, series, purchase_no) WHERE purchase_no > 0",
        "A purchase number is given to one order of a meter only.",
    )
    _payment_unique = models.Constraint(
        "UNIQUE (payment_id)", "A payment buys one order."
    )
    _transaction_unique = models.Constraint(
        "UNIQUE (transaction_id)", "An online payment buys one order."
    )
    _funded = models.Constraint(
        "CHECK (state NOT IN ('paid', 'crediting', 'credited') "
        "OR payment_id IS NOT NULL)",
        "An order that goes to a meter has a payment.",
    )
    _numbered = models.Constraint(
        "CHECK (state NOT IN ('crediting', 'credited') OR purchase_no > 0)",
        "An order that was sent to a meter has a purchase number.",
    )
    _money_adds_up = models.Constraint(
        "CHECK (payment_id IS NULL "
        "OR wallet_before + amount = charged + wallet_after)",
        "Payment and wallet before must equal charge and wallet after.",
    )
    _change_is_small = models.Constraint(
        f"CHECK (quantity = 0 "
        f"OR (wallet_after >= 0 AND wallet_after < unit_price * {STEP}))",
        "The change of a sale is worth less than one unit.",
    )
    _amount_positive = models.Constraint(
        "CHECK (amount > 0)", "Pay an amount greater than zero."
    )

    def init(self):
        """Let purchase numbers grow by one and shrink by one only (promise I3)."""
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION amr_vend_number_guard()
                RETURNS trigger LANGUAGE plpgsql AS $$
                DECLARE
                    other integer;
                BEGIN
                    IF TG_OP <> 'INSERT' AND OLD.purchase_no > 0 THEN
                        SELECT max(purchase_no) INTO other FROM amr_vend
                         WHERE meter_id = OLD.meter_id AND series = OLD.series
                           AND id <> OLD.id;
                        IF other > OLD.purchase_no OR OLD.state = 'credited' THEN
                            RAISE EXCEPTION USING
                                MESSAGE = 'Purchase number ' || OLD.purchase_no
                                    || ' is not the last one or was used',
                                ERRCODE = 'integrity_constraint_violation';
                        END IF;
                    END IF;
                    IF TG_OP <> 'DELETE' AND NEW.purchase_no > 0 THEN
                        PERFORM 1 FROM amr_meter WHERE id = NEW.meter_id
                            FOR NO KEY UPDATE;
                        SELECT COALESCE(
                            (SELECT max(purchase_no) FROM amr_vend
                              WHERE meter_id = NEW.meter_id AND series = NEW.series
                                AND id <> NEW.id AND purchase_no > 0),
                            (SELECT CASE WHEN credit_series = NEW.series
                                    THEN credit_start_no END
                               FROM amr_meter WHERE id = NEW.meter_id),
                            0) INTO other;
                        IF NEW.purchase_no <> other + 1 THEN
                            RAISE EXCEPTION USING
                                MESSAGE = 'Purchase number ' || NEW.purchase_no
                                    || ' does not follow ' || other,
                                ERRCODE = 'integrity_constraint_violation';
                        END IF;
                    END IF;
                    IF TG_OP = 'DELETE' THEN
                        RETURN OLD;
                    END IF;
                    RETURN NEW;
                END $$;
                CREATE OR REPLACE TRIGGER amr_vend_number_insert_delete
                BEFORE INSERT OR DELETE ON amr_vend
                FOR EACH ROW EXECUTE FUNCTION amr_vend_number_guard();
                CREATE OR REPLACE TRIGGER amr_vend_number_update
                BEFORE UPDATE ON amr_vend
                FOR EACH ROW WHEN (
                    ROW(OLD.meter_id, OLD.series, OLD.purchase_no)
                    IS DISTINCT FROM
                    ROW(NEW.meter_id, NEW.series, NEW.purchase_no))
                EXECUTE FUNCTION amr_vend_number_guard();
                """
            )
        )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            agreement = self.env["amr.agreement"].browse(vals.get("agreement_id"))
            vals.setdefault("account_id", agreement.account_id.id)
            vals.setdefault("meter_id", agreement.meter_id.id)
            account = self.env["amr.account"].browse(vals["account_id"])
            vals.setdefault("wallet_id", self.env["amr.wallet"]._for_account(account).id)
            if vals.get("name", self.env._("New")) == self.env._("New"):
                vals["name"] = self.env["ir.sequence"].next_by_code("amr.vend")
        return super().create(vals_list)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_draft(self):
        if any(vend.state != "draft" for vend in self):
            raise UserError(
                self.env._("Orders are kept; cancel the ones that are not wanted.")
            )

    # === What a payment buys === #

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

    # === Front desk === #

    @api.model
    def _sell(self, agreement, amount, journal, key=None):
        """Take a payment at the counter and sell in one transaction.

        :param agreement: prepaid ``amr.agreement`` the user may read
        :param Decimal amount: payment, tax included
        :param journal: cash or bank ``account.journal``
        :param str key: external key; an order that has it is returned as it is
        :return: the ``amr.vend``
        :raises AccessError: not a front desk user, or not his community
        :raises UserError: one sentence that says why it cannot be sold
        """
        if not self.env.user.has_group("amr_base.group_clerk"):
            raise AccessError(self.env._("Only the front desk sells energy."))
        agreement.with_env(self.env).check_access("read")
        agreement, self_sudo = agreement.sudo(), self.sudo()
        company = agreement.company_id
        known = key and self_sudo.search(
            [("key", "=", key), ("company_id", "=", company.id)], limit=1
        )
        if known:
            return known.with_env(self.env)
        self_sudo._quote(agreement, amount)
        agreement.meter_id._lock_credit()
        self_sudo._check_meter_free(agreement.meter_id)
        vend = self_sudo.create(
            {"agreement_id": agreement.id, "amount": float(amount), "key": key}
        )
        vend._register_payment(vend._create_counter_payment(journal))
        return vend.with_env(self.env)

    def _create_counter_payment(self, journal):
        """Return a posted customer payment for the order."""
        self.ensure_one()
        if journal.type not in ("cash", "bank") or journal.company_id != self.company_id:
            raise UserError(
                self.env._(
                    "Choose a cash or bank journal of %s.", self.company_id.name
                )
            )
        payment = (
            self.env["account.payment"]
            .with_company(self.company_id)
            .create(self._prepare_counter_payment(journal))
        )
        if journal.type == "cash":
            # notes in the till: nothing is outstanding
            payment.outstanding_account_id = journal.default_account_id
        payment.action_post()
        return payment

    def _prepare_counter_payment(self, journal):
        return {
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": self.partner_id.commercial_partner_id.id,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "journal_id": journal.id,
            "date": self.wallet_id._get_booking_date(),
            "memo": self.name,
        }

    # === Money === #

    def _lock(self):
        """Wait for other work on these orders, then read them anew."""
        self.flush_recordset()
        self.env.execute_query(
            SQL(
                "SELECT id FROM amr_vend WHERE id = ANY(%s) ORDER BY id "
                "FOR NO KEY UPDATE",
                list(self.ids),
            )
        )
        self.invalidate_recordset()

    def _register_payment(self, payment, transaction=None):
        """Book a payment of the order and write down the intent to credit the meter.

        Money that arrives is always booked, once for each payment. When the order was
        paid already, or can no longer be credited, it stays in the wallet and a person
        is told.

        :param payment: posted inbound ``account.payment``
        :param transaction: the ``payment.transaction`` behind it, if any
        :return: whether the order is paid by this payment
        """
        self.ensure_one()
        self = self.sudo()
        self._lock()
        if payment == self.payment_id:
            return True
        if self.state != "draft" or dec(payment.amount, 2) != dec(self.amount, 2):
            self._keep_extra_payment(payment)
            return False
        self.wallet_id._lock()
        before = dec(self.wallet_id.available, 2)
        obstacle, sale = self._try_sale(before)
        entry = self.wallet_id._deposit(payment, self)
        self.write(
            {
                **{field: float(value) for field, value in sale.items()},
                "state": "exception" if obstacle else "paid",
                "reason": obstacle,
                "payment_id": payment.id,
                "transaction_id": transaction.id if transaction else False,
                "deposit_move_id": entry.move_id.id,
                "paid_at": fields.Datetime.now(),
            }
        )
        if obstacle:
            self._raise_exception(obstacle)
        else:
            self._start_crediting()
        return True

    def _try_sale(self, before):
        """Return (obstacle or False, figures) of the order as it can be sold now."""
        amount = dec(self.amount, 2)
        try:
            self._check_agreement(self.agreement_id)
            if self.agreement_id.meter_id != self.meter_id:
                raise UserError(self._get_meter_changed_message())
            return False, self._compute_sale(self.agreement_id, amount, before)
        except UserError as error:
            return str(error), {
                "amount": amount,
                "quantity": dec(0),
                "meter_quantity": dec(0),
                "charged": dec(0),
                "wallet_before": before,
                "wallet_after": before + amount,
            }

    def _get_meter_changed_message(self):
        return self.env._(
            "Meter %(meter)s is no longer installed at %(point)s.",
            meter=self.meter_id.number,
            point=self.agreement_id.point_id.display_name,
        )

    def _keep_extra_payment(self, payment):
        """Put a payment that the order does not need into the wallet."""
        if not self.wallet_id._deposit(payment):
            return
        message = self.env._(
            "Payment %(payment)s came in for order %(order)s, which does not need it. "
            "The money is in the wallet of %(account)s.",
            payment=payment.name,
            order=self.name,
            account=self.account_id.display_name,
        )
        self.message_post(body=message)
        self.env["amr.exception"]._raise_exception(
            "credit", message, meter=self.meter_id, community=self.community_id
        )

    # === Credit === #

    def _start_crediting(self):
        """Give the next purchase number and write the command, meter by meter.

        The oldest paid order of a meter goes first, and waits while an earlier one is
        on its way. Only database work: the command's job sends after the commit.
        """
        for meter in self.filtered(lambda vend: vend.state == "paid").meter_id:
            meter._lock_credit()
            vend = self._get_next_vend(meter)
            if vend and vend._check_still_possible():
                vend._give_number()
                vend._send_command()

    @api.model
    def _get_next_vend(self, meter):
        """Return the order of a meter that may be credited now, or an empty one."""
        on_its_way = self.search_count(
            [
                ("meter_id", "=", meter.id),
                ("state", "in", ("crediting", "exception")),
                ("purchase_no", ">", 0),
            ],
            limit=1,
        )
        if on_its_way:
            return self.browse()
        return self.search(
            [("meter_id", "=", meter.id), ("state", "=", "paid")], order="id", limit=1
        )

    def _check_still_possible(self):
        """Return whether the order can go to its meter; else make it an exception."""
        if self.agreement_id.meter_id == self.meter_id:
            return True
        self._set_exception(self._get_meter_changed_message())
        return False

    def _give_number(self):
        self.write(
            {
                "state": "crediting",
                "series": self.meter_id.credit_series,
                "purchase_no": self.meter_id._take_purchase_no(),
                "reason": False,
            }
        )

    def _send_command(self):
        """Write the command of the order and enqueue its job."""
        command = self.env["amr.command"].create(self._prepare_command())
        self.command_id = command
        command._enqueue()

    def _prepare_command(self):
        return {
            "kind": "credit",
            "vend_id": self.id,
            "meter_id": self.meter_id.id,
            "payload": {
                "purchase_no": self.purchase_no,
                "amount": str(dec(self.meter_quantity, 2)),
                "customer_no": self.account_id.number,
            },
        }

    def _on_credited(self):
        """The meter is known to have the credit: invoice it, pay from the wallet.

        Called in the transaction that ends the command. What the meter did is a fact
        whatever becomes of the books, so an accounting obstacle makes an exception that
        :meth:`action_retry` goes on from, and does not undo the command's end.
        """
        for vend in self:
            vend._lock()
            if vend.state == "cancelled":
                vend._raise_exception(
                    self.env._("The meter was credited although this was cancelled.")
                )
            if vend.state not in ("crediting", "exception"):
                continue
            vend.credited_at = vend.credited_at or fields.Datetime.now()
            try:
                with self.env.cr.savepoint():
                    vend._book_energy()
            except (UserError, ValidationError) as error:
                vend._set_exception(
                    self.env._(
                        "The meter has the credit, but it could not be invoiced: %s",
                        error,
                    )
                )
                continue
            vend.write({"state": "credited", "reason": False})
            vend._resolve_exceptions()
        self._start_waiting()

    def _book_energy(self):
        """Invoice the energy and pay the invoice from the wallet."""
        invoice = (
            self.env["account.move"]
            .with_company(self.company_id)
            .create(self._prepare_invoice())
        )
        invoice.action_post()
        if dec(invoice.amount_total, 2) != dec(self.charged, 2):
            raise UserError(
                self.env._(
                    "Invoice %(invoice)s amounts to %(total)s instead of %(charged)s: "
                    "the taxes of product %(product)s must be included in the price.",
                    invoice=invoice.name,
                    total=invoice.amount_total,
                    charged=self.charged,
                    product=invoice.invoice_line_ids.product_id.display_name,
                )
            )
        self.bill_move_id = invoice
        self.wallet_id._use(invoice, self)

    def _prepare_invoice(self):
        """Return the values of the energy's invoice (hook)."""
        self.ensure_one()
        return {
            "move_type": "out_invoice",
            "partner_id": self.partner_id.id,
            "invoice_date": self.wallet_id._get_booking_date(),
            "invoice_origin": self.name,
            "amr_account_id": self.account_id.id,
            "amr_community_id": self.community_id.id,
            "amr_vend_id": self.id,
            "invoice_line_ids": [Command.create(self._prepare_invoice_line())],
        }

    def _prepare_invoice_line(self):
        """Return the values of the invoice's only line (hook)."""
        utility = self.agreement_id.utility_id
        product = utility.product_id
        return {
            "product_id": product.id,
            "name": self._get_explanation(),
            "quantity": self.quantity,
            "product_uom_id": utility.uom_id.id,
            "price_unit": self.unit_price,
            "tax_ids": [
                Command.set(utility._get_billing_taxes(self.company_id, product).ids)
            ],
        }

    def _get_explanation(self):
        """Return one line that says what was sold, for the invoice."""
        return self.env._(
            "%(utility)s sold in advance, %(point)s, meter %(meter)s, purchase number "
            "%(number)s: %(quantity)s %(unit)s at %(price)s",
            utility=self.agreement_id.utility_id.name,
            point=self.room_id.display_name or self.agreement_id.point_id.name,
            meter=self.meter_id.number,
            number=self.purchase_no,
            quantity=f"{dec(self.quantity).normalize():f}",
            unit=self.uom_name,
            price=f"{dec(self.unit_price, 6).normalize():f}",
        )

    def _get_amount_in_capitals(self):
        """Return the payment in Chinese capitals, as receipts must show it."""
        return chinese_capitals(dec(self.amount, 2))

    def _start_waiting(self):
        """Start the orders that waited for these ones on the same meters."""
        self.search(
            [("meter_id", "in", self.meter_id.ids), ("state", "=", "paid")]
        )._start_crediting()

    def _on_credit_failed(self, command):
        """The command ended without credit, or nobody knows: a person has to look."""
        for vend in self.filtered(lambda v: v.state in ("crediting", "exception")):
            vend._set_exception(
                command.result or self.env._("The meter was not credited.")
            )

    def _set_exception(self, reason):
        self.write({"state": "exception", "reason": reason})
        self._raise_exception(reason)

    def _raise_exception(self, reason):
        self.env["amr.exception"]._raise_exception(
            "credit",
            self.env._("Order %(order)s: %(reason)s", order=self.name, reason=reason),
            meter=self.meter_id,
            community=self.community_id,
        )

    def _resolve_exceptions(self):
        """Close the open exceptions of the orders' meters: they came to a good end."""
        exceptions = self.env["amr.exception"].search(
            [
                ("kind", "=", "credit"),
                ("state", "=", "open"),
                ("meter_id", "in", self.meter_id.ids),
                ("reason", "like", self.name),
            ]
        )
        exceptions.resolution = self.env._("Order %s came to its end.", self.name)
        exceptions.action_resolve()

    @api.model
    def _cron_resume(self):
        """Scheduled: take up orders that a crash has left between two steps."""
        self.search([("state", "=", "paid")], order="id")._start_crediting()
        crediting = self.search([("state", "=", "crediting")])
        for vend in crediting:
            vend._take_up()
        self._cancel_old_drafts()

    def _take_up(self):
        """Go on with one order that is being credited."""
        self._lock()
        command = self.command_id
        if self.state != "crediting":
            return
        if not command:
            self._send_command()
        elif command.outcome == "done":
            self._on_credited()
        elif command.state in ("queued", "sent"):
            command._enqueue()
        else:
            self._on_credit_failed(command)

    @api.model
    def _cancel_old_drafts(self):
        """Cancel online orders that nobody paid for a week."""
        day = fields.Datetime.subtract(fields.Datetime.now(), days=DRAFT_DAYS)
        self.search(
            [
                ("state", "=", "draft"),
                ("create_date", "<", day),
                ("transaction_ids", "not any", [
                    ("state", "in", ("pending", "authorized", "done"))
                ]),
            ]
        ).write({"state": "cancelled"})

    # === What a person decides === #

    def action_retry(self):
        """Go on with an order that stopped: book it, or ask the meter and send again.

        The command reads the meter's purchase number before it sends, so this never
        credits twice.
        """
        self._check_desk()
        for vend in self.sudo():
            vend._lock()
            if vend.state != "exception":
                raise UserError(
                    self.env._("Order %s is not an exception.", vend.name)
                )
            if vend.credited_at:
                vend._on_credited()
            elif vend.purchase_no:
                vend.write({"state": "crediting", "reason": False})
                vend._send_command()
            else:
                vend._retry_sale()

    def _retry_sale(self):
        """Sell what could not be sold when the money came in."""
        self._check_agreement(self.agreement_id)
        if self.agreement_id.meter_id != self.meter_id:
            self.meter_id = self.agreement_id.meter_id
        self.wallet_id._lock()
        before = dec(self.wallet_id.available, 2) + dec(self.charged, 2)
        before -= dec(self.amount, 2)
        sale = self._compute_sale(self.agreement_id, dec(self.amount, 2), before)
        self.write(
            {
                **{field: float(value) for field, value in sale.items()},
                "state": "paid",
                "reason": False,
            }
        )
        self._start_crediting()

    def _mark_credited(self, reason):
        """Take a person's word that the meter has the credit.

        :param str reason: how he knows
        """
        self.ensure_one()
        self._lock()
        if self.state != "exception" or not self.purchase_no:
            raise UserError(
                self.env._("Order %s was not sent to its meter.", self.name)
            )
        self.message_post(body=self.env._("Marked as credited: %s", reason))
        self._on_credited()

    def _cancel(self, reason):
        """Give up an order; its money stays in the wallet and the number is free.

        :param str reason: why
        """
        self.ensure_one()
        self._lock()
        if self.state not in ("draft", "paid", "exception") or self.credited_at:
            raise UserError(
                self.env._(
                    "Order %s cannot be cancelled: its credit is on the way or on the "
                    "meter.",
                    self.name,
                )
            )
        if not self._is_proven_uncredited():
            raise UserError(
                self.env._(
                    "Nobody knows yet whether meter %s took the credit. Read its "
                    "credit first.",
                    self.meter_id.number,
                )
            )
        self.message_post(body=self.env._("Cancelled: %s", reason))
        number = self.purchase_no
        self.write({"state": "cancelled", "purchase_no": 0, "reason": reason})
        if number:
            self.meter_id._give_back_purchase_no(number)
        self._resolve_exceptions()
        self._start_waiting()

    def _is_proven_uncredited(self):
        """Return whether the meter cannot have the credit of this order.

        Either no command left a doubt, or the meter was read after the last one was
        sent and showed an earlier purchase number.
        """
        doubtful = self.command_ids.filtered(lambda c: c.outcome in ("unknown", "pending"))
        if not doubtful:
            return True
        meter, sent_at = self.meter_id, self.command_ids.filtered("sent_at")[:1].sent_at
        if any(command.state in ("queued", "sent") for command in doubtful):
            return False
        if not sent_at:
            return True
        return bool(
            meter.credit_read_at
            and meter.credit_read_at > sent_at
            and meter.purchase_no < self.purchase_no
        )

    def _check_desk(self):
        """Check that the user may work on these orders at the front desk."""
        if not self.env.user.has_group("amr_base.group_clerk"):
            raise AccessError(self.env._("Only the front desk works on orders."))
        self.check_access("read")

    def action_resolve(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_vend_resolve_action"
        )
        action["context"] = {"default_vend_id": self.id}
        return action

    def action_print_receipt(self):
        return self.env.ref("amr_prepaid.amr_vend_receipt_action").report_action(self)

    def action_open_command(self):
        self.ensure_one()
        return self.command_id._get_records_action()

    def action_open_moves(self):
        self.ensure_one()
        moves = self.deposit_move_id | self.payment_id.move_id | self.bill_move_id
        return moves._get_records_action(name=self.env._("Journal entries"))

    # === Promise I3 === #

    @api.model
    def _get_number_faults(self):
        """Look for holes in the purchase numbers.

        :return: list of (meter, series, sentence)
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT v.meter_id, v.series, min(v.purchase_no), max(v.purchase_no),
                       count(*), count(DISTINCT v.purchase_no)
                  FROM amr_vend v WHERE v.purchase_no > 0
                 GROUP BY v.meter_id, v.series
                HAVING count(*) <> max(v.purchase_no) - min(v.purchase_no) + 1
                    OR count(*) <> count(DISTINCT v.purchase_no)
                 ORDER BY 1, 2
                """
            )
        )
        return [
            (
                self.env["amr.meter"].browse(meter_id),
                series,
                self.env._(
                    "%(count)s orders carry numbers from %(first)s to %(last)s.",
                    count=count,
                    first=first,
                    last=last,
                ),
            )
            for meter_id, series, first, last, count, _distinct in rows
        ]
