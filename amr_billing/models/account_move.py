from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import claim_rows, dec

from ..tools import chinese_capitals

# What a posted bill keeps, whoever writes and by whatever door (promise I8).
FROZEN_FIELDS = {
    "amr_account_id",
    "amr_community_id",
    "amr_release",
    "amr_run_id",
    "company_id",
    "currency_id",
    "date",
    "invoice_date",
    "invoice_line_ids",
    "journal_id",
    "line_ids",
    "move_type",
    "partner_id",
    "state",
}
KIND_ORDER = ("energy", "surcharge", "fixed", "minimum")


class AccountMove(models.Model):
    _inherit = "account.move"

    amr_account_id = fields.Many2one(
        "amr.account",
        "Customer account",
        index="btree_not_null",
        readonly=True,
        ondelete="restrict",
    )
    amr_community_id = fields.Many2one(
        "amr.community",
        "Community",
        index="btree_not_null",
        readonly=True,
        ondelete="restrict",
    )
    amr_run_id = fields.Many2one(
        "amr.billing.run",
        "Billing run",
        index="btree_not_null",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    amr_release = fields.Boolean(
        "Bill the consumption again",
        copy=False,
        readonly=True,
        help="The credited bill was wrong: its consumption is billed by the next run. "
        "Otherwise it is waived.",
    )
    amr_charge_ids = fields.One2many("amr.charge", "move_id", readonly=True)
    amr_charge_count = fields.Integer(
        "Charges", compute="_compute_amr_charge_count", compute_sudo=True
    )

    _amr_once_a_run = models.UniqueIndex(
        "(amr_run_id, amr_account_id) WHERE amr_run_id IS NOT NULL",
        "An account gets one bill in a billing run.",
    )

    @api.depends("amr_charge_ids")
    def _compute_amr_charge_count(self):
        counts = dict(
            self.env["amr.charge"]._read_group(
                [("move_id", "in", self.ids)], ["move_id"], ["__count"]
            )
        )
        for move in self:
            move.amr_charge_count = counts.get(move, 0)

    @api.depends("amr_run_id", "reversed_entry_id.amr_run_id")
    def _compute_show_reset_to_draft_button(self):
        result = super()._compute_show_reset_to_draft_button()
        for move in self:
            if move._is_amr_frozen():
                move.show_reset_to_draft_button = False
        return result

    def _post(self, soft=True):
        self._check_amr_credit()
        posted = super()._post(soft)
        posted._reverse_amr_charges()
        return posted

    def _check_amr_credit(self):
        """Check that no bill is credited with more than it amounts to.

        Credit notes that others post at this moment count, too: the bills are claimed.

        :raises UserError: one is
        """
        refunds = self.filtered(lambda move: move.move_type == "out_refund")
        bills = refunds.reversed_entry_id.filtered("amr_account_id")
        if bills:
            claim_rows(bills)
        for bill in bills:
            new = refunds.filtered(
                lambda move, bill=bill: move.reversed_entry_id == bill
            )
            credited = bill._get_amr_credited() + sum(new.mapped("amount_total"))
            if bill.currency_id.compare_amounts(credited, bill.amount_total) > 0:
                raise UserError(
                    self.env._(
                        "%(bill)s amounts to %(total)s and would be credited with "
                        "%(credited)s in all: make the credit note smaller.",
                        bill=bill.name,
                        total=bill.currency_id.format(bill.amount_total),
                        credited=bill.currency_id.format(credited),
                    )
                )

    def _get_amr_credited(self):
        """Return what posted credit notes of this bill amount to."""
        self.ensure_one()
        notes = self.sudo().reversal_move_ids.filtered(
            lambda move: move.state == "posted" and move.move_type == "out_refund"
        )
        return sum(notes.mapped("amount_total"))

    def _reverse_amr_charges(self):
        """Mark the charges of bills that these credit notes credit in full."""
        for refund in self:
            bill = refund.reversed_entry_id
            if not (refund.move_type == "out_refund" and bill.amr_run_id):
                continue
            credited = bill._get_amr_credited()
            if bill.currency_id.compare_amounts(credited, bill.amount_total) >= 0:
                bill.sudo().amr_charge_ids.write(
                    {"reversed": True, "released": refund.amr_release}
                )

    def _is_amr_frozen(self):
        """Whether this document belongs to what was billed, and is posted."""
        self.ensure_one()
        return self.state == "posted" and bool(
            self.amr_run_id or self.reversed_entry_id.amr_run_id
        )

    def _refuse_amr_frozen(self):
        for move in self:
            if move._is_amr_frozen():
                raise UserError(
                    self.env._(
                        "%(bill)s was posted by a billing run and does not change any "
                        "more. Credit it instead: to waive it, or to bill its "
                        "consumption again.",
                        bill=move.name,
                    )
                )

    def write(self, vals):
        if FROZEN_FIELDS & vals.keys():
            self._refuse_amr_frozen()
        return super().write(vals)

    def button_draft(self):
        self._refuse_amr_frozen()
        return super().button_draft()

    def button_cancel(self):
        self._refuse_amr_frozen()
        return super().button_cancel()

    def _get_amr_capitals(self):
        """Total in Chinese capitals; empty when it is not money of China."""
        self.ensure_one()
        if self.currency_id.name != "CNY":
            return ""
        return chinese_capitals(dec(self.amount_total, 2))

    def _get_amr_bill_rows(self):
        """Charges of the bill by agreement, for print.

        :return: list of (agreement, charges, subtotal)
        """
        self.ensure_one()
        rows = []
        charges = self.sudo().amr_charge_ids.sorted(
            lambda c: (
                c.utility_id.sequence,
                c.room_id.display_name or "",
                c.agreement_id.id,
                c.start_at,
                KIND_ORDER.index(c.kind),
                c.component,
            )
        )
        for agreement, own in charges.grouped("agreement_id").items():
            subtotal = sum((dec(charge.amount, 6) for charge in own), Decimal(0))
            rows.append((agreement, own, float(subtotal)))
        return rows

    def action_open_amr_charges(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_charge_action"
        )
        action["domain"] = [("move_id", "=", self.id)]
        action["context"] = {}
        return action
