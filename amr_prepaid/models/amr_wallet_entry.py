from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

RAW_FIELDS = {
    "wallet_id",
    "kind",
    "amount",
    "date",
    "move_id",
    "payment_id",
    "vend_id",
}


class AmrWalletEntry(models.Model):
    """One movement of a wallet. Appended, never changed: a correction is a new one."""

    _name = "amr.wallet.entry"
    _description = "Wallet entry"
    _order = "id desc"
    _rec_name = "move_id"

    wallet_id = fields.Many2one(
        "amr.wallet", required=True, readonly=True, index=True, ondelete="restrict"
    )
    account_id = fields.Many2one(
        related="wallet_id.account_id", store=True, index=True, precompute=True
    )
    community_id = fields.Many2one(
        related="wallet_id.community_id", store=True, index=True, precompute=True
    )
    company_id = fields.Many2one(
        related="wallet_id.company_id", store=True, index=True, precompute=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection(
        [("deposit", "Deposit"), ("use", "Energy"), ("refund", "Refund")],
        required=True,
        readonly=True,
    )
    amount = fields.Monetary(
        required=True, readonly=True, help="Positive: into the wallet."
    )
    date = fields.Datetime(
        required=True, readonly=True, default=fields.Datetime.now, index=True
    )
    move_id = fields.Many2one(
        "account.move",
        "Journal entry",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    payment_id = fields.Many2one("account.payment", readonly=True, ondelete="restrict")
    vend_id = fields.Many2one(
        "amr.vend", "Order", readonly=True, index=True, ondelete="restrict"
    )

    _move_unique = models.Constraint(
        "UNIQUE (move_id)", "A journal entry carries one wallet entry."
    )
    _payment_unique = models.Constraint(
        "UNIQUE (payment_id)", "A payment goes into a wallet once."
    )
    _sign = models.Constraint(
        "CHECK (CASE WHEN kind = 'deposit' THEN amount > 0 ELSE amount < 0 END)",
        "Deposits add to a wallet; energy and refunds take from it.",
    )
    _deposit_has_payment = models.Constraint(
        "CHECK (kind <> 'deposit' OR payment_id IS NOT NULL)",
        "A deposit needs a payment.",
    )

    def init(self):
        """Refuse changes of what was booked, whoever tries (promise I1)."""
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION amr_wallet_entry_guard()
                RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    RAISE EXCEPTION USING
                        MESSAGE = 'amr_wallet_entry is append-only: ' || TG_OP,
                        ERRCODE = 'restrict_violation';
                END $$;
                CREATE OR REPLACE TRIGGER amr_wallet_entry_no_delete
                BEFORE DELETE ON amr_wallet_entry
                FOR EACH ROW EXECUTE FUNCTION amr_wallet_entry_guard();
                CREATE OR REPLACE TRIGGER amr_wallet_entry_no_update
                BEFORE UPDATE ON amr_wallet_entry
                FOR EACH ROW WHEN (
                    ROW(OLD.wallet_id, OLD.kind, OLD.amount, OLD.date, OLD.move_id,
                        OLD.payment_id, OLD.vend_id)
                    IS DISTINCT FROM
                    ROW(NEW.wallet_id, NEW.kind, NEW.amount, NEW.date, NEW.move_id,
                        NEW.payment_id, NEW.vend_id))
                EXECUTE FUNCTION amr_wallet_entry_guard();
                """
            )
        )

    def write(self, vals):
        if RAW_FIELDS & vals.keys():
            raise UserError(
                self.env._("Wallet entries are never changed; add a correction.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Wallet entries are never deleted."))

    def action_open_move(self):
        self.ensure_one()
        return self.move_id._get_records_action()
