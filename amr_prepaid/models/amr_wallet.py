from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec, lock_rows

RESERVING_STATES = ("paid", "crediting", "exception")


class AmrWallet(models.Model):
    """Wallet (钱包): the money an account has paid in advance and not yet used.

    The wallet is a sub-ledger of the company's prepaid liability account: an entry of
    the wallet and the journal entry that carries it are written in one transaction, so
    their sums are equal at every commit (promise I1).
    """

    _name = "amr.wallet"
    _description = "Wallet"
    _order = "account_id"
    _rec_name = "account_id"

    account_id = fields.Many2one(
        "amr.account", required=True, readonly=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(related="account_id.partner_id")
    community_id = fields.Many2one(
        related="account_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(
        related="account_id.company_id", store=True, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    entry_ids = fields.One2many("amr.wallet.entry", "wallet_id", readonly=True)
    vend_ids = fields.One2many("amr.vend", "wallet_id", readonly=True)
    balance = fields.Monetary(
        compute="_compute_balance",
        store=True,
        help="Sum of the entries; what the company owes the customer.",
    )
    reserved = fields.Monetary(
        compute="_compute_reserved",
        store=True,
        help="Energy that is paid and on its way to a meter.",
    )
    available = fields.Monetary(
        compute="_compute_available",
        store=True,
        help="Counts towards the next sale.",
    )

    _account_unique = models.Constraint(
        "UNIQUE (account_id)", "An account has one wallet."
    )

    @api.depends("entry_ids.amount")
    def _compute_balance(self):
        sums = dict(
            self.env["amr.wallet.entry"]._read_group(
                [("wallet_id", "in", self.ids)], ["wallet_id"], ["amount:sum"]
            )
        )
        for wallet in self:
            wallet.balance = sums.get(wallet._origin, 0)

    @api.depends("vend_ids.state", "vend_ids.charged")
    def _compute_reserved(self):
        sums = dict(
            self.env["amr.vend"]._read_group(
                [("wallet_id", "in", self.ids), ("state", "in", RESERVING_STATES)],
                ["wallet_id"],
                ["charged:sum"],
            )
        )
        for wallet in self:
            wallet.reserved = sums.get(wallet._origin, 0)

    @api.depends("balance", "reserved")
    def _compute_available(self):
        for wallet in self:
            wallet.available = dec(wallet.balance, 2) - dec(wallet.reserved, 2)

    # === Business === #

    @api.model
    def _for_account(self, account):
        """Return the wallet of an account, made if it has none."""
        wallet = self.search([("account_id", "=", account.id)], limit=1)
        return wallet or self.create({"account_id": account.id})

    def _lock(self):
        """Wait for other sales of these wallets; a stale view of them is an error.

        Every entry updates the wallet's row, so under repeatable read PostgreSQL
        refuses a transaction that began before the other's commit, and Odoo runs it
        again.
        """
        lock_rows(self)

    def _deposit(self, payment, vend=None):
        """Move a posted customer payment into the wallet; once for each payment.

        The journal entry takes the payment off the receivable account (Dr receivable,
        Cr prepaid liability) and is reconciled with it.

        :param payment: posted inbound ``account.payment``
        :param vend: the sale it was made for, if any
        :return: the new ``amr.wallet.entry``, empty if the payment is in already
        """
        self.ensure_one()
        self._lock()
        Entry = self.env["amr.wallet.entry"]
        if Entry.search_count([("payment_id", "=", payment.id)], limit=1):
            return Entry
        self._check_payment(payment)
        receivable = payment.destination_account_id
        move = self._post_move(
            ref=self.env._("Prepaid deposit %s", payment.name),
            debit=receivable,
            credit=self.company_id._get_amr_prepaid_account(),
            amount=payment.amount,
            partner=payment.partner_id,
        )
        self._reconcile(payment.move_id | move, receivable)
        return Entry.create(
            {
                "wallet_id": self.id,
                "kind": "deposit",
                "amount": payment.amount,
                "move_id": move.id,
                "payment_id": payment.id,
                "vend_id": vend.id if vend else False,
            }
        )

    def _use(self, invoice, vend):
        """Pay a posted invoice from the wallet (Dr liability, Cr receivable).

        :return: the new ``amr.wallet.entry``
        """
        self.ensure_one()
        self._lock()
        receivable = invoice.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        ).account_id
        move = self._post_move(
            ref=self.env._("Prepaid energy %s", invoice.name),
            debit=self.company_id._get_amr_prepaid_account(),
            credit=receivable,
            amount=invoice.amount_total,
            partner=invoice.commercial_partner_id,
        )
        self._reconcile(invoice | move, receivable)
        return self.env["amr.wallet.entry"].create(
            {
                "wallet_id": self.id,
                "kind": "use",
                "amount": -invoice.amount_total,
                "move_id": move.id,
                "vend_id": vend.id,
            }
        )

    def _check_payment(self, payment):
        if payment.company_id != self.company_id:
            raise UserError(
                self.env._(
                    "Payment %(payment)s belongs to %(other)s, the wallet to "
                    "%(company)s.",
                    payment=payment.display_name,
                    other=payment.company_id.name,
                    company=self.company_id.name,
                )
            )
        if payment.currency_id != self.currency_id:
            raise UserError(
                self.env._(
                    "Wallets are kept in %(currency)s; payment %(payment)s is in "
                    "%(other)s.",
                    currency=self.currency_id.name,
                    payment=payment.display_name,
                    other=payment.currency_id.name,
                )
            )

    def _post_move(self, ref, debit, credit, amount, partner):
        """Post a journal entry of two lines in the company's prepaid journal."""
        move = (
            self.env["account.move"]
            .with_company(self.company_id)
            .create(
                {
                    "move_type": "entry",
                    "journal_id": self.company_id._get_amr_prepaid_journal().id,
                    "date": self._get_booking_date(),
                    "ref": ref,
                    "amr_wallet_id": self.id,
                    "amr_account_id": self.account_id.id,
                    "amr_community_id": self.community_id.id,
                    "line_ids": [
                        Command.create(
                            {
                                "account_id": account.id,
                                "partner_id": partner.id,
                                "name": ref,
                                "debit": amount if account == debit else 0,
                                "credit": amount if account == credit else 0,
                            }
                        )
                        for account in (debit, credit)
                    ],
                }
            )
        )
        move.action_post()
        return move

    def _get_booking_date(self):
        """Return today's date where the customer lives."""
        return self.community_id._local_date(fields.Datetime.now())

    def _reconcile(self, moves, account):
        moves.line_ids.filtered(
            lambda line: line.account_id == account and not line.reconciled
        ).reconcile()

    # === Promise I1 === #

    @api.model
    def _get_ledger_differences(self):
        """Compare the liability accounts with the wallets.

        :return: list of (company, Decimal ledger balance, Decimal sum of entries,
            Decimal sum of wallet balances) for companies where they are not equal
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id, COALESCE(ledger.total, 0), COALESCE(entry.total, 0),
                       COALESCE(wallet.total, 0)
                  FROM res_company c
                  LEFT JOIN LATERAL (
                       SELECT -SUM(l.balance) AS total FROM account_move_line l
                        WHERE l.account_id = c.amr_prepaid_account_id
                          AND l.company_id = c.id AND l.parent_state = 'posted'
                  ) ledger ON TRUE
                  LEFT JOIN LATERAL (
                       SELECT SUM(e.amount) AS total FROM amr_wallet_entry e
                        WHERE e.company_id = c.id
                  ) entry ON TRUE
                  LEFT JOIN LATERAL (
                       SELECT SUM(w.balance) AS total FROM amr_wallet w
                        WHERE w.company_id = c.id
                  ) wallet ON TRUE
                 WHERE COALESCE(ledger.total, 0) <> COALESCE(entry.total, 0)
                    OR COALESCE(entry.total, 0) <> COALESCE(wallet.total, 0)
                 ORDER BY c.id
                """
            )
        )
        Company = self.env["res.company"]
        return [(Company.browse(company_id), *sums) for company_id, *sums in rows]

    @api.model
    def _cron_check_promises(self):
        """Scheduled nightly: look for broken promises I1 and I3 and report them."""
        for company, ledger, entries, balances in self._get_ledger_differences():
            self._report(
                company,
                self.env._(
                    "The prepaid account of %(company)s shows %(ledger)s, its wallets' "
                    "entries add up to %(entries)s and their balances to %(balances)s.",
                    company=company.name,
                    ledger=ledger,
                    entries=entries,
                    balances=balances,
                ),
            )
        for meter, series, message in self.env["amr.vend"]._get_number_faults():
            self._report(
                meter.company_id,
                self.env._(
                    "Purchase numbers of meter %(meter)s, series %(series)s, are not "
                    "in order: %(message)s",
                    meter=meter.number,
                    series=series,
                    message=message,
                ),
                meter=meter,
            )

    @api.model
    def _report(self, company, reason, meter=None):
        """Open an exception with an activity, unless the same one is open already."""
        Exception_ = self.env["amr.exception"].with_company(company)
        known = Exception_.search_count(
            [
                ("kind", "=", "ledger"),
                ("state", "=", "open"),
                ("reason", "=", reason),
                ("company_id", "=", company.id),
            ],
            limit=1,
        )
        if known:
            return
        exception = Exception_._raise_exception("ledger", reason, meter=meter)
        exception.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Prepaid ledger needs attention"),
            user_id=self._get_ledger_keeper(company).id,
        )

    @api.model
    def _get_ledger_keeper(self, company):
        """Return the user who is told of a broken promise, hook."""
        keepers = self.env.ref("amr_base.group_manager").user_ids.filtered(
            lambda user: user.active and company in user.company_ids
        )
        return keepers[:1] or self.env.user

    def action_open_entries(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_wallet_entry_action"
        )
        action["domain"] = [("wallet_id", "=", self.id)]
        return action

    def action_open_vends(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_vend_action"
        )
        action["domain"] = [("wallet_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_sell(self):
        self.ensure_one()
        return self.account_id.action_sell()
