from odoo import fields, models
from odoo.fields import Command

from odoo.addons.amr_base.tools import dec

from .charge_text import ChargeText

QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
}


class AmrBillingRunLine(models.Model):
    """Charges and bills of what was rated."""

    _inherit = "amr.billing.run.line"  # pylint: disable=consider-merging-classes-inherited

    def _make_bills(self, rated):
        """Create charges, post the bills and compare the two.

        :param rated: ``{line: [(agreement, piece), …]}``
        """
        lines = [line for line, pieces in rated.items() for _pair in pieces]
        pairs = [pair for pieces in rated.values() for pair in pieces]
        charges = self.env["amr.charge"].create(
            [
                line._prepare_charge(agreement, piece)
                for line, (agreement, piece) in zip(lines, pairs, strict=True)
            ]
        )
        by_account = charges.grouped("account_id")
        to_pay = {
            line: by_account[line.account_id]
            for line in rated
            if sum(dec(c.amount, 6) for c in by_account[line.account_id])
        }
        moves = (
            self.env["account.move"]
            .with_context(**QUIET)
            .create([line._prepare_move(own) for line, own in to_pay.items()])
        )
        for move, own in zip(moves, to_pay.values(), strict=True):
            for line, charge in zip(
                move.invoice_line_ids.sorted("sequence"), own, strict=True
            ):
                charge.move_line_id = line
        charges._check_bill_lines()
        moves._post(soft=False)
        for line, move in zip(to_pay, moves, strict=True):
            line.write({"state": "billed", "move_id": move.id, "error": False})
        for line in rated:
            if line not in to_pay:
                line.write({"state": "nothing", "error": False})
        self.env.flush_all()

    def _prepare_charge(self, agreement, piece):
        """Values of one charge (hook)."""
        self.ensure_one()
        lang = self.account_id.partner_id.lang or self.env.lang
        text = ChargeText(agreement.with_context(lang=lang))
        return {
            "agreement_id": agreement.id,
            "account_id": self.account_id.id,
            "meter_id": piece.meter,
            "utility_id": agreement.utility_id.id,
            "room_id": agreement.room_id.id,
            "community_id": agreement.community_id.id,
            "company_id": self.company_id.id,
            "run_id": self.run_id.id,
            "period": self.run_id.date_from,
            "kind": piece.kind,
            "component": piece.component,
            "start_at": piece.start,
            "end_at": piece.end,
            "start_index": piece.start_index,
            "end_index": piece.end_index,
            "factor": piece.factor,
            "consumption": piece.consumption,
            "quantity": piece.quantity,
            "unit_price": piece.unit_price,
            "amount": piece.amount,
            "tariff_version_id": piece.price,
            "estimated": piece.estimated,
            "explanation": text.explain(piece),
        }

    def _prepare_move(self, charges):
        """Values of the bill of these charges (hook)."""
        self.ensure_one()
        run = self.run_id
        return {
            "move_type": "out_invoice",
            "company_id": run.company_id.id,
            "currency_id": run.currency_id.id,
            "partner_id": self.account_id.partner_id.id,
            "invoice_date": run.invoice_date
            or fields.Date.context_today(self.with_context(tz=run.community_id.tz)),
            "invoice_origin": run.name,
            "amr_account_id": self.account_id.id,
            "amr_community_id": run.community_id.id,
            "amr_run_id": run.id,
            "invoice_line_ids": [
                Command.create({"sequence": number, **charge._prepare_move_line()})
                for number, charge in enumerate(charges, 1)
            ],
        }
