from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL

from odoo.addons.queue_job.exception import RetryableJobError

# Accounts a job bills before it commits: a few seconds of work.
SLICE = 100
# What a run bills; settled when it begins.
SCOPE = {"community_id", "building_id", "account_id", "date_from", "date_to"}
# First key of the advisory lock; the second is the community.
LOCK = 1037


class AmrBillingRun(models.Model):
    """Billing run (结算): bills a community's consumption up to the end of a month.

    The run works in slices of accounts, one job after the other. An account is billed
    whole or, with the reason on its line, not at all; the others go on.
    """

    _name = "amr.billing.run"
    _inherit = ["amr.evidence.mixin", "mail.thread"]
    _description = "Billing run"
    _order = "date_from desc, id desc"

    _evidence = frozenset({"state", "started_at", "done_at", "user_id", "line_ids"})

    name = fields.Char(compute="_compute_name", store=True)
    community_id = fields.Many2one(
        "amr.community", required=True, index=True, ondelete="restrict", tracking=True
    )
    company_id = fields.Many2one(
        related="community_id.company_id", store=True, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    building_id = fields.Many2one(
        "amr.building",
        domain="[('community_id', '=', community_id)]",
        ondelete="restrict",
        help="Only rooms of this building; empty: the whole community.",
    )
    account_id = fields.Many2one(
        "amr.account",
        "Only customer",
        domain="[('community_id', '=', community_id)]",
        ondelete="restrict",
        help="Only this customer account; empty: all.",
    )
    date_from = fields.Date(
        "Month",
        required=True,
        tracking=True,
        default=lambda self: (
            fields.Date.context_today(self) + relativedelta(months=-1, day=1)
        ),
        help="Any day of the month to bill.",
    )
    date_to = fields.Date(
        "Billed up to",
        compute="_compute_date_to",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        help="Consumption before 00:00 of this day is billed, in the community's time "
        "zone; what an earlier run left open is caught up.",
    )
    estimate_missing = fields.Boolean(
        "Estimate missing closing readings",
        tracking=True,
        help="Where no reading closes the period, its index is estimated from readings "
        "before and after, the meter's own average, last year or similar metering "
        "points. The bill says so. Otherwise these accounts are not billed.",
    )
    invoice_date = fields.Date(
        "Bill date", help="Date of the bills; empty: the day on which they are made."
    )
    user_id = fields.Many2one(
        "res.users", "Responsible", default=lambda self: self.env.user, readonly=True
    )
    state = fields.Selection(
        [("draft", "Draft"), ("running", "Running"), ("done", "Done")],
        default="draft",
        required=True,
        readonly=True,
        tracking=True,
        copy=False,
    )
    started_at = fields.Datetime(readonly=True, copy=False)
    done_at = fields.Datetime("Finished at", readonly=True, copy=False)
    line_ids = fields.One2many("amr.billing.run.line", "run_id", readonly=True)
    move_ids = fields.One2many("account.move", "amr_run_id", readonly=True)
    charge_ids = fields.One2many("amr.charge", "run_id", readonly=True)
    account_count = fields.Integer("Accounts to bill", compute="_compute_preview")
    agreement_count = fields.Integer("Meters to bill", compute="_compute_preview")
    line_count = fields.Integer("Accounts", compute="_compute_totals")
    billed_count = fields.Integer("Billed", compute="_compute_totals")
    error_count = fields.Integer("Not billed", compute="_compute_totals")
    nothing_count = fields.Integer("Nothing to pay", compute="_compute_totals")
    pending_count = fields.Integer("Waiting", compute="_compute_totals")
    progress = fields.Float(compute="_compute_totals", help="Percent of the accounts.")
    amount_total = fields.Monetary("Billed amount", compute="_compute_totals")
    move_count = fields.Integer("Bills", compute="_compute_totals")
    charge_count = fields.Integer("Charges", compute="_compute_totals")

    _dates_ordered = models.Constraint(
        "CHECK (date_to > date_from)", "The billed period must end after it begins."
    )
    _one_at_a_time = models.UniqueIndex(
        "(community_id) WHERE state = 'running'",
        "Another billing run of this community is in progress; wait until it is done.",
    )

    # === Fields === #

    @api.depends("community_id", "building_id", "account_id", "date_from")
    def _compute_name(self):
        for run in self:
            part = run.account_id or run.building_id or run.community_id
            month = run.date_from and run.date_from.strftime("%Y-%m")
            run.name = " ".join(filter(None, (month, part.display_name)))

    @api.depends("date_from")
    def _compute_date_to(self):
        for run in self:
            if run.date_from:
                run.date_to = run.date_from + relativedelta(months=1, day=1)

    @api.depends("community_id", "building_id", "account_id", "date_to", "state")
    def _compute_preview(self):
        for run in self:
            agreements = (
                run._get_agreements()
                if run.state == "draft" and run.community_id and run.date_to
                else self.env["amr.agreement"]
            )
            run.agreement_count = len(agreements)
            run.account_count = len(agreements.account_id)

    @api.depends("line_ids.state", "line_ids.move_id")
    def _compute_totals(self):
        domain = [("run_id", "in", self.ids)]
        by_run = {run.id: {} for run in self}
        for run, state, count in self.env["amr.billing.run.line"]._read_group(
            domain, ["run_id", "state"], ["__count"]
        ):
            by_run[run.id][state] = count
        moves = {
            run.id: values
            for run, *values in self.env["account.move"]._read_group(
                [("amr_run_id", "in", self.ids)],
                ["amr_run_id"],
                ["__count", "amount_total_signed:sum"],
            )
        }
        charges = dict(
            self.env["amr.charge"]._read_group(domain, ["run_id"], ["__count"])
        )
        for run in self:
            counts = by_run.get(run.id, {})
            run.line_count = total = sum(counts.values())
            run.billed_count = counts.get("billed", 0)
            run.error_count = counts.get("error", 0)
            run.nothing_count = counts.get("nothing", 0)
            run.pending_count = counts.get("pending", 0)
            run.progress = 100 * (total - run.pending_count) / total if total else 0
            run.move_count, run.amount_total = moves.get(run.id, (0, 0))
            run.charge_count = charges.get(run, 0)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("date_from"):
                day = fields.Date.to_date(vals["date_from"])
                vals["date_from"] = day.replace(day=1)
        return super().create(vals_list)

    @api.constrains("building_id", "account_id", "community_id")
    def _check_scope(self):
        for run in self:
            if (run.building_id or run.community_id.building_ids[:1]) and any(
                part and part.community_id != run.community_id
                for part in (run.building_id, run.account_id)
            ):
                raise UserError(
                    self.env._("Building and customer must be of the run's community.")
                )

    def write(self, vals):
        if SCOPE & vals.keys() and any(run.state != "draft" for run in self):
            raise UserError(
                self.env._("What a run bills is settled when it begins; make another.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_draft_only(self):
        if any(run.state != "draft" for run in self):
            raise UserError(
                self.env._("A run that has begun belongs to the books; it is kept.")
            )

    # === Actions === #

    def action_start(self):
        """Begin, and bill in the background."""
        self._start()
        self._enqueue()

    def action_retry(self):
        """Try the accounts that could not be billed once more."""
        self._reopen_errors()
        self._enqueue()

    def action_continue(self):
        """Enqueue the next slice of a run whose job was lost."""
        self._enqueue()

    def _get_draft(self):
        """Return the draft that prepares the same as this new run, if any."""
        return self.search(
            [
                ("community_id", "=", self.community_id.id),
                ("date_from", "=", self.date_from.replace(day=1)),
                ("date_to", "=", self.date_to),
                ("building_id", "=", False),
                ("account_id", "=", False),
                ("state", "=", "draft"),
            ],
            limit=1,
        )

    @api.model
    def _get_new_action(self, community, account=None):
        """Return the action that opens the form of a new run."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Generate bills"),
            "res_model": "amr.billing.run",
            "view_mode": "form",
            "context": {
                "default_community_id": community.id,
                "default_account_id": account.id if account else False,
            },
        }

    def action_open_moves(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_bill_action"
        )
        action["domain"] = [("amr_run_id", "=", self.id)]
        action["context"] = {"create": False}
        return action

    def action_open_charges(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_charge_action"
        )
        action["domain"] = [("run_id", "=", self.id)]
        action["context"] = {}
        return action

    # === The run === #

    def _run_now(self):
        """Start (or retry) and finish in this transaction, without jobs."""
        for run in self:
            if run.state == "draft":
                run._start()
            elif run.state == "done":
                run._reopen_errors()
            while run.state == "running":
                run._bill_slice()

    def _start(self):
        """List the accounts with something to bill."""
        self.check_access("write")
        for run in self:
            if run.state != "draft":
                raise UserError(self.env._("Run %s has begun already.", run.name))
            run._lock()
            accounts = run._get_agreements().account_id
            run.sudo().write(
                {
                    "state": "running",
                    "started_at": fields.Datetime.now(),
                    "line_ids": [
                        Command.create({"account_id": account.id})
                        for account in accounts.sorted("number")
                    ],
                }
            )
            self.env.flush_all()

    def _reopen_errors(self):
        self.check_access("write")
        for run in self.sudo().filtered(lambda run: run.state == "done"):
            run._lock()
            run.line_ids.filtered(lambda line: line.state == "error").write(
                {"state": "pending", "error": False}
            )
            run.state = "running"
            self.env.flush_all()

    def _lock(self):
        """Refuse to work on a community on which somebody else works.

        The lock is PostgreSQL's and goes with the transaction. Behind it, charges of
        the same time exclude each other, whoever makes them.
        """
        self.ensure_one()
        [(locked,)] = self.env.execute_query(
            SQL("SELECT pg_try_advisory_xact_lock(%s, %s)", LOCK, self.community_id.id)
        )
        if not locked:
            raise LockError(
                self.env._(
                    "Another billing run of %s is in progress; wait until it is done.",
                    self.community_id.display_name,
                )
            )

    def _enqueue(self):
        for run in self.filtered(lambda run: run.state == "running"):
            run.with_delay(
                channel="root.amr_bill",
                identity_key=f"amr_billing.run.{run.id}",
                description=self.env._("Bill %s", run.name),
            )._process_slice()

    @api.model
    def _cron_resume(self):
        """Scheduled: go on with runs whose job was lost, as when Odoo was killed."""
        self.search([("state", "=", "running")])._enqueue()

    def _process_slice(self):
        """Job: bill the next accounts, then hand over to the next job."""
        self.ensure_one()
        if self.state != "running":
            return
        try:
            self._bill_slice()
        except LockError as error:
            raise RetryableJobError(str(error), ignore_retry=True) from error
        self._enqueue()

    def _bill_slice(self):
        """Bill the next accounts; the run is done when none is left."""
        self.ensure_one()
        self._lock()
        # the scope was checked at the start; bills are made for the company
        run = self.sudo().with_company(self.company_id)
        pending = run.line_ids.filtered(lambda line: line.state == "pending")
        pending[:SLICE]._bill()
        if len(pending) <= SLICE:
            run.write({"state": "done", "done_at": fields.Datetime.now()})
            self.env.flush_all()
        self._notify_progress()

    def _notify_progress(self):
        """Tell open screens of this run to show its new figures."""
        for run in self:
            run.user_id._bus_send(
                "amr_billing_run_progress", {"run_id": run.id, "state": run.state}
            )

    # === What there is to bill === #

    def _get_agreement_domain(self):
        """Postpaid agreements in the scope of the run (hook)."""
        self.ensure_one()
        end = self.community_id._local_midnight(self.date_to)
        domain = Domain(
            [
                ("community_id", "=", self.community_id.id),
                ("payment_mode", "=", "postpaid"),
                ("date_from", "<", end),
            ]
        )
        if self.building_id:
            domain &= Domain("point_id.building_id", "=", self.building_id.id)
        if self.account_id:
            domain &= Domain("account_id", "=", self.account_id.id)
        return domain

    def _get_agreements(self, accounts=None):
        """The agreements in scope that are not billed up to the end of the period.

        :param accounts: only of these accounts; None means all
        """
        self.ensure_one()
        domain = self._get_agreement_domain()
        if accounts is not None:
            domain &= Domain("account_id", "in", accounts.ids)
        agreements = self.env["amr.agreement"].search(domain)
        if not agreements:
            return agreements
        self.env.flush_all()
        open_ids = self.env.execute_query(
            SQL(
                """
                SELECT a.id
                  FROM amr_agreement a
                  LEFT JOIN LATERAL (
                       SELECT bool_or(c.released) AS released, max(c.end_at)
                              FILTER (WHERE c.released IS NOT TRUE) AS until
                         FROM amr_charge c
                        WHERE c.agreement_id = a.id AND c.kind = 'energy'
                       ) c ON TRUE
                 WHERE a.id = ANY(%(ids)s)
                   AND (c.released OR COALESCE(c.until, a.date_from)
                        < LEAST(COALESCE(a.date_to, %(end)s), %(end)s))
                """,
                ids=list(agreements.ids),
                end=self.community_id._local_midnight(self.date_to),
            )
        )
        return agreements.browse(agreement_id for (agreement_id,) in open_ids)
