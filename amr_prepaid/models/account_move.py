from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

# What the system alone writes, and what stays as it is once a wallet depends on it.
LINKS = {"amr_wallet_id", "amr_vend_id"}
BOUND = LINKS | {
    "state",
    "line_ids",
    "invoice_line_ids",
    "move_type",
    "company_id",
    "journal_id",
    "currency_id",
    "partner_id",
    "date",
    "invoice_date",
}
# How long somebody who has begun to pay keeps others from paying the same.
TURN_MINUTES = 10


class AccountMove(models.Model):
    _inherit = "account.move"

    amr_wallet_id = fields.Many2one(
        "amr.wallet",
        "Wallet",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    amr_vend_id = fields.Many2one(
        "amr.vend",
        "Prepaid order",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )

    @api.model_create_multi
    def create(self, vals_list):
        moves = super().create(vals_list)
        if not self.env.su and any(move[name] for move in moves for name in LINKS):
            raise self._only_the_system()
        return moves

    def write(self, vals):
        if LINKS & vals.keys() and not self.env.su:
            raise self._only_the_system()
        if BOUND & vals.keys():
            self._check_no_wallet_entry()
        return super().write(vals)

    def _only_the_system(self):
        return AccessError(
            self.env._("Only the system ties journal entries to wallets and orders.")
        )

    def _post(self, soft=True):
        """Override of `account` to keep the wallets' account for wallets (I1)."""
        self.filtered(lambda m: not m.amr_wallet_id).line_ids._check_no_wallet_account()
        self._check_energy_returned()
        return super()._post(soft=soft)

    def _check_energy_returned(self):
        """Check that no credit note pays for energy that its buyer keeps.

        Once he is not supplied through that meter any more (he moved out, or it was
        taken down), what was left on it may be credited.

        :raises UserError: the energy of the sale is on the buyer's meter
        """
        refunds = self.filtered(lambda move: move.move_type == "out_refund")
        for vend in refunds.reversed_entry_id.sudo().amr_vend_id:
            if vend.state == "credited" and not vend._get_supply_obstacle():
                raise UserError(
                    self.env._(
                        "The energy of order %(order)s is on meter %(meter)s, and "
                        "nothing takes it off again: it cannot be credited while "
                        "%(account)s is supplied through this meter.",
                        order=vend.name,
                        meter=vend.meter_id.number,
                        account=vend.account_id.display_name,
                    )
                )

    def button_draft(self):
        """Override of `account`: what a wallet was moved by stays as it is."""
        self._check_no_wallet_entry()
        return super().button_draft()

    def _check_no_wallet_entry(self):
        """Check that no wallet depends on these entries.

        :raises UserError: when one does
        """
        posted = self.filtered(lambda move: move.state == "posted")
        if not posted:
            return
        bound = posted.filtered(lambda move: move.amr_wallet_id or move.amr_vend_id)
        if bound:
            wallet = bound[0].amr_wallet_id or bound[0].sudo().amr_vend_id.wallet_id
            raise self._bound_to(bound[0], wallet)
        entry = (
            self.env["amr.wallet.entry"]
            .sudo()
            .search([("payment_id.move_id", "in", posted.ids)], limit=1)
        )
        if entry:
            raise self._bound_to(entry.payment_id.move_id, entry.wallet_id)

    def _bound_to(self, move, wallet):
        return UserError(
            self.env._(
                "%(move)s belongs to the wallet of %(account)s and cannot be "
                "reset to draft. Book a correction instead.",
                move=move.display_name,
                account=wallet.sudo().account_id.display_name,
            )
        )

    def _check_amr_turn(self, partner_id):
        """Check that nobody else has just begun to pay these claimed bills.

        Two payers would both be asked for the money by the provider, and he takes it
        from both. Whoever leaves it at that is not waited for long.

        :param int partner_id: who wants to pay
        :raises ValidationError: somebody else is paying one of them
        """
        since = fields.Datetime.subtract(fields.Datetime.now(), minutes=TURN_MINUTES)
        mine = (partner_id, self.env.uid)
        for bill in self:
            if any(
                tx.state == "draft"
                and tx.create_date > since
                and (tx.partner_id.id, tx.create_uid.id) != mine
                for tx in bill.sudo().transaction_ids
            ):
                raise ValidationError(
                    self.env._(
                        "Somebody else began to pay %(bill)s a moment ago. Wait "
                        "%(minutes)s minutes and load the page again: if it is still "
                        "owed then, pay it.",
                        bill=bill.name,
                        minutes=TURN_MINUTES,
                    )
                )
