import logging

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from odoo.addons.amr_base.tools import dec

from ..rating import (
    ImplausibleRollOver,
    InvalidPrice,
    MissingPrice,
    MissingReading,
    NegativeConsumption,
    OverlappingPrices,
    RatingError,
)
from .agreement_book import NoMeter
from .charge_text import ChargeText, local_time, plain

_logger = logging.getLogger(__name__)

QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
}


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

        All of them are first tried in one batch; if that fails, one by one, each in a
        savepoint, so that a bad account keeps nobody else from being billed.
        """
        rated = self._rate() if self else {}
        if not rated:
            return
        try:
            with self.env.cr.savepoint():
                self._make_bills(rated)
        except psycopg2.OperationalError:
            raise  # somebody else is writing the same rows: the whole slice is retried
        except Exception as error:
            if len(rated) == 1:
                [line] = rated
                line._fail([line._describe_failure(error)])
                return
            for line, pieces in rated.items():
                line._bill_alone(pieces)

    def _bill_alone(self, pieces):
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                self._make_bills({self: pieces})
        except psycopg2.OperationalError:
            raise
        except Exception as error:
            self._fail([self._describe_failure(error)])

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

    # === Reasons === #

    def _raise_rating_exception(self, agreement, error, reason):
        """Negative consumption is somebody's work, not only this run's."""
        if isinstance(error, NegativeConsumption):
            self.env["amr.exception"]._raise_exception(
                "negative",
                reason,
                meter=self.env["amr.meter"].browse(error.meter),
                community=agreement.community_id,
            )

    def _describe(self, agreement, error):
        """One clear sentence why an agreement cannot be billed."""
        community = agreement.community_id
        name = agreement.point_id.name
        if isinstance(error, NegativeConsumption):
            return self._describe_fall(community, name, error)
        if isinstance(error, MissingReading):
            return self._describe_missing(agreement, error)
        if isinstance(error, MissingPrice):
            return self.env._(
                "%(point)s: tariff %(tariff)s has no price for %(register)s on %(at)s.",
                point=name,
                tariff=agreement.tariff_id.name,
                register=error.register,
                at=local_time(self.env, community, error.at),
            )
        if isinstance(error, InvalidPrice | OverlappingPrices):
            return self.env._(
                "%(point)s: the prices of tariff %(tariff)s contradict each other.",
                point=name,
                tariff=agreement.tariff_id.name,
            )
        return self.env._(
            "%(point)s: no meter was installed in the time to be billed.", point=name
        )

    def _describe_fall(self, community, name, error):
        values = {
            "point": name,
            "meter": self.env["amr.meter"].browse(error.meter).number,
            "before": plain(error.start.index),
            "after": plain(error.end.index),
            "start": local_time(self.env, community, error.start.at),
            "end": local_time(self.env, community, error.end.at),
        }
        if self._was_billed_by_estimate(error):
            return self.env._(
                "%(point)s: meter %(meter)s was billed by estimate up to %(before)s "
                "(%(start)s), but stands at %(after)s (%(end)s). Credit that bill and "
                "bill it again.",
                **values,
            )
        if isinstance(error, ImplausibleRollOver):
            return self.env._(
                "%(point)s: the index of meter %(meter)s fell from %(before)s "
                "(%(start)s) to %(after)s (%(end)s), and it cannot have rolled over. "
                "Correct the reading, or end the installation if the meter was "
                "replaced.",
                **values,
            )
        return self.env._(
            "%(point)s: the index of meter %(meter)s fell from %(before)s "
            "(%(start)s) to %(after)s (%(end)s).",
            **values,
        )

    def _was_billed_by_estimate(self, error):
        """Whether the higher index is the end of an estimated charge that stands."""
        charges = self.env["amr.charge"].search(
            [
                ("meter_id", "=", error.meter),
                ("end_at", "=", error.start.at),
                ("kind", "=", "energy"),
                ("released", "=", False),
                ("estimated", "=", True),
            ]
        )
        return any(dec(charge.end_index) == error.start.index for charge in charges)

    def _describe_missing(self, agreement, error):
        values = {
            "point": agreement.point_id.name,
            "meter": self.env["amr.meter"].browse(error.meter).number,
            "register": error.register,
            "at": local_time(self.env, agreement.community_id, error.at),
            "hours": agreement.company_id.amr_closing_tolerance,
        }
        end = agreement.community_id._local_midnight(self.run_id.date_to)
        if error.at >= min(end, agreement.date_to or end):
            return self.env._(
                "%(point)s: no closing reading of meter %(meter)s (%(register)s) at "
                "%(at)s, nor one within %(hours)s hours. Read it, or resolve its "
                "suspect reading, and try again.",
                **values,
            )
        return self.env._(
            "%(point)s: no opening reading of meter %(meter)s (%(register)s) at "
            "%(at)s, nor one within %(hours)s hours.",
            **values,
        )

    def _describe_failure(self, error):
        """What else went wrong while the bill was made."""
        if isinstance(error, UserError):
            return str(error)
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        if constraint == "amr_charge_billed_once":
            return self.env._("This consumption was billed by another run meanwhile.")
        _logger.exception("Account %s could not be billed", self.account_id.number)
        return self.env._("The bill could not be made: %s", error)
