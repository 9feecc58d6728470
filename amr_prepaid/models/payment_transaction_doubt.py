from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from odoo.addons.amr_base.tools import lock_rows

# What the provider says, or the system: over RPC an accountant could write it, too.
FACTS = {
    "state",
    "amount",
    "currency_id",
    "provider_id",
    "operation",
    "invoice_ids",
    "amr_vend_id",
    "amr_charged_at",
    "amr_by_job",
    "is_post_processed",
    "payment_id",
    "partner_id",
    "token_id",
    "reference",
    "provider_reference",
}
SYSTEM_ONLY = {"amr_vend_id", "amr_by_job", "amr_charged_at", "is_post_processed"}
KEEPERS = "account.group_account_manager,amr_base.group_manager"


class PaymentTransaction(models.Model):
    """A charge whose answer never came: an accountant looks it up, and says it."""

    _inherit = "payment.transaction"  # pylint: disable=consider-merging-classes-inherited

    amr_in_doubt = fields.Boolean(compute="_compute_amr_in_doubt")

    def _compute_amr_in_doubt(self):
        for tx in self:
            tx.amr_in_doubt = bool(tx.state == "pending" and tx.amr_charged_at)

    @api.model_create_multi
    def create(self, vals_list):
        """Override: nobody begins a payment that is done, see :meth:`write`."""
        if not self.env.su and any(
            vals.get("state", "draft") != "draft"
            or any(vals.get(name) for name in SYSTEM_ONLY)
            for vals in vals_list
        ):
            raise self._not_by_hand()
        return super().create(vals_list)

    def write(self, vals):
        """Override: money from a provider is not typed in, not even over RPC."""
        if FACTS & vals.keys() and not self.env.su:
            raise self._not_by_hand()
        return super().write(vals)

    def _not_by_hand(self):
        return AccessError(
            self.env._(
                "What a payment provider says is not written by hand. Decide about a "
                "payment in doubt by its button."
            )
        )

    def action_amr_decide(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_charge_resolve_action"
        )
        action["context"] = {"default_transaction_id": self.id}
        return action

    def _settle_amr_doubt(self, taken, reason):
        """Take an accountant's word for whether the provider took the money.

        Should the provider tell it, too, nothing is booked twice: what is done stays
        done, and what was said not to be taken can still become done, once.

        :param bool taken: whether it was
        :param str reason: how he knows
        :raises AccessError: he is no accountant
        :raises UserError: no reason, or it is in doubt no more
        """
        self.ensure_one()
        if not any(self.env.user.has_group(group) for group in KEEPERS.split(",")):
            raise AccessError(
                self.env._("Only an accountant decides about a payment in doubt.")
            )
        self.check_access("read")
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say how you know, or why."))
        tx = self.sudo()
        lock_rows(tx)
        if not tx.amr_in_doubt:
            raise UserError(
                self.env._(
                    "Payment %s is not in doubt any more: look at it again.",
                    tx.reference,
                )
            )
        sentence = self._get_amr_settled_message(taken, reason)
        tx._resolve_amr_doubt(sentence)
        self.env["auditlog.rule"]._note_decision(self, sentence)
        if taken:
            tx._set_done(state_message=sentence)
        else:
            tx._set_error(sentence)
        tx.with_context(payment_backend_action=True)._log_message_on_linked_documents(
            sentence
        )
        tx._post_process()

    def _get_amr_settled_message(self, taken, reason):
        values = {"payment": self.reference, "reason": reason}
        if taken:
            return self.env._(
                "Payment %(payment)s was taken, as %(user)s found out: %(reason)s",
                user=self.env.user.name,
                **values,
            )
        return self.env._(
            "Payment %(payment)s was not taken, as %(user)s found out: %(reason)s",
            user=self.env.user.name,
            **values,
        )

    def _resolve_amr_doubt(self, sentence):
        """Close the exceptions that asked to look this payment up."""
        names = [*self.invoice_ids.mapped("name"), self.amr_vend_id.name]
        exceptions = self.env["amr.exception"].search(
            [
                ("kind", "in", ("ledger", "credit")),
                ("state", "=", "open"),
                ("origin", "in", [name for name in names if name]),
                ("reason", "like", self.reference),
            ]
        )
        exceptions._settle(sentence)

    def _update_state(self, allowed_states, target_state, state_message):
        """Override of `payment`: a provider that takes its yes back is for people."""
        for tx in self:
            if tx.state == "done" and target_state in ("cancel", "error"):
                tx._tell_amr(
                    self.env._(
                        "Payment %(payment)s is booked as taken, and now its provider "
                        "says that it was not: look it up there.",
                        payment=tx.reference,
                    )
                )
        return super()._update_state(allowed_states, target_state, state_message)

    def _tell_amr(self, message):
        """Open an exception about a payment of bills or of an order."""
        if self.amr_vend_id:
            self.amr_vend_id.sudo()._raise_exception(message)
        for bill in self.sudo().invoice_ids.filtered("amr_account_id"):
            self.env["amr.exception"].sudo()._raise_exception(
                "ledger", message, community=bill.amr_community_id, origin=bill.name
            )
