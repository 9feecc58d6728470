import psycopg2

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..rating import RatingError
from .agreement_book import NoMeter

# Not this account's fault: the job does the slice again.
RETRIED = (*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, psycopg2.InterfaceError)


class AmrBillingRunLine(models.Model):
    """One customer account in a billing run: its bill, or why there is none."""

    _name = "amr.billing.run.line"
    _description = "Billing run line"
    _inherit = "amr.evidence.mixin"
    _evidence = frozenset({"run_id", "account_id", "state", "error", "move_id"})
    _order = "run_id, state_order, account_id"
    _rec_name = "account_id"

    run_id = fields.Many2one(
        "amr.billing.run", required=True, index=True, ondelete="cascade"
    )
    account_id = fields.Many2one(
        "amr.account",
        "Customer account",
        required=True,
        index=True,
        ondelete="restrict",
    )
    community_id = fields.Many2one(
        related="run_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(related="run_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    state = fields.Selection(
        [
            ("error", "Not billed"),
            ("pending", "Waiting"),
            ("billed", "Billed"),
            ("nothing", "Nothing to pay"),
        ],
        default="pending",
        required=True,
        index=True,
    )
    state_order = fields.Integer(
        compute="_compute_state_order", store=True, help="Errors come first."
    )
    error = fields.Text("Reason")
    move_id = fields.Many2one("account.move", "Bill", ondelete="restrict")
    amount_total = fields.Monetary(related="move_id.amount_total")
    payment_state = fields.Selection(related="move_id.payment_state")

    _once = models.Constraint(
        "UNIQUE (run_id, account_id)", "An account is billed once in a run."
    )

    @api.depends("state")
    def _compute_state_order(self):
        order = [state for state, _label in self._fields["state"].selection]
        for line in self:
            line.state_order = order.index(line.state)

    # === Billing === #

    def _bill(self):
        """Rate and bill these accounts.

        All of them are first tried in one batch; if that fails, one by one. Each try is
        in a savepoint, rating included, so that a bad account keeps nobody else from
        being billed.
        """
        if not self:
            return
        try:
            with self.env.cr.savepoint():
                self._bill_batch()
        except RETRIED:
            raise  # somebody else is writing the same rows: the whole slice is retried
        except Exception as error:
            if len(self) == 1:
                self._fail([self._describe_failure(error)])
                return
            for line in self:
                line._bill()

    def _bill_batch(self):
        rated = self._rate()
        if rated:
            self._make_bills(rated)

    def _rate(self):
        """Price what is unbilled; lines that cannot be priced get their reason.

        :return: ``{line: [(agreement, piece), …]}`` of the lines to bill
        """
        agreements = self.run_id._get_agreements(self.account_id)
        book = self._get_book(agreements)
        by_account = agreements.grouped("account_id")
        rated = {}
        for line in self:
            pieces, reasons = [], []
            for agreement in by_account.get(
                line.account_id, agreements.browse()
            ).sorted(
                lambda a: (a.utility_id.sequence, a.room_id.display_name or "", a.id)
            ):
                try:
                    pieces += [(agreement, piece) for piece in book.rate(agreement)]
                except (RatingError, NoMeter) as error:
                    reasons.append(self._describe(agreement, error))
                    self._raise_rating_exception(agreement, error, reasons[-1])
            if reasons:
                line._fail(reasons)
            elif pieces:
                rated[line] = pieces
            else:
                line.state = "nothing"
        return rated

    def _get_book(self, agreements):
        """Return the readings and prices; closing indexes are estimated if asked for.

        An estimate is a reading like others, marked as such: the charge says so, and a
        reading that comes in later supersedes it. What is still to come is not guessed.
        """
        date_to = self.run_id.date_to
        book = agreements._get_agreement_book(date_to)
        missing = book.missing_closings() if self.run_id.estimate_missing else {}
        now = fields.Datetime.now()
        missing = {key: meters for key, meters in missing.items() if key[0] <= now}
        for (moment, register), meters in missing.items():
            for community, own in meters.grouped("community_id").items():
                midnight = community._local_midnight(community._local_date(moment))
                own._take_estimates(
                    moment, "daily" if moment == midnight else "spot", register
                )
        return agreements._get_agreement_book(date_to) if missing else book

    def _fail(self, reasons):
        self.ensure_one()
        self.write({"state": "error", "error": "\n".join(reasons)})
