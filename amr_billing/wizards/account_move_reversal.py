from odoo import api, fields, models


class AccountMoveReversal(models.TransientModel):
    """Crediting a bill: waive it, or bill its consumption again."""

    _inherit = "account.move.reversal"

    amr_is_bill = fields.Boolean(compute="_compute_amr_is_bill")
    amr_release = fields.Boolean(
        "Bill the consumption again",
        help="Tick it when the bill was wrong: the next billing run makes a new one. "
        "Leave it to waive the bill: its consumption is never billed again.",
    )

    @api.depends("move_ids")
    def _compute_amr_is_bill(self):
        for wizard in self:
            wizard.amr_is_bill = bool(wizard.move_ids.amr_run_id)

    def _prepare_default_reversal(self, move):
        values = super()._prepare_default_reversal(move)
        if move.amr_run_id:
            values["amr_release"] = self.amr_release
        return values

    def modify_moves(self):
        # the copy that this makes bills the consumption; a run must not do it again
        self.amr_release = False
        return super().modify_moves()
