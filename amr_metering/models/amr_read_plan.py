import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError, ValidationError

from ..tools.schedule import next_run

_logger = logging.getLogger(__name__)

WEEKDAYS = [
    ("0", "Monday"),
    ("1", "Tuesday"),
    ("2", "Wednesday"),
    ("3", "Thursday"),
    ("4", "Friday"),
    ("5", "Saturday"),
    ("6", "Sunday"),
]


class AmrReadPlan(models.Model):
    """Read plan: a read task that begins by itself, hourly to monthly.

    A run that could not begin in time, because the server was down or the one before
    was still going on, is made up for once, not once for each time it was missed.
    """

    _name = "amr.read.plan"
    _inherit = ["amr.evidence.mixin", "amr.read.scope.mixin", "mail.thread"]
    _description = "Read plan"
    _order = "next_run_at, id"
    _evidence = frozenset({"next_run_at", "last_task_id", "last_run_at", "note"})

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    interval = fields.Selection(
        [
            ("hourly", "Every hour"),
            ("daily", "Every day"),
            ("weekly", "Every week"),
            ("monthly", "Every month"),
        ],
        required=True,
        default="daily",
        tracking=True,
    )
    start_time = fields.Float(
        "At",
        default=1.0,
        tracking=True,
        help="Time of day in the community's time zone; of an hourly plan the minutes "
        "count.",
    )
    weekday = fields.Selection(WEEKDAYS, default="0")
    month_day = fields.Integer(
        "Day of the month", default=1, help="A shorter month is read on its last day."
    )
    kind = fields.Selection(default="daily", tracking=True)
    tz = fields.Char("Time zone", compute="_compute_tz")
    user_id = fields.Many2one(
        "res.users",
        "Responsible",
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        tracking=True,
    )
    next_run_at = fields.Datetime(
        "Next run",
        compute="_compute_next_run_at",
        store=True,
        index=True,
        copy=False,
    )
    last_run_at = fields.Datetime("Last run", readonly=True, copy=False)
    last_task_id = fields.Many2one(
        "amr.read.task", "Last task", readonly=True, copy=False
    )
    last_state = fields.Selection(related="last_task_id.state", string="Last status")
    last_total = fields.Integer(related="last_task_id.total_count", string="To read")
    last_done = fields.Integer(related="last_task_id.done_count", string="Read")
    last_missing = fields.Integer(
        related="last_task_id.missing_count", string="Not answering"
    )
    note = fields.Char(
        "Remark", readonly=True, copy=False, help="Why the last run did not begin."
    )
    task_ids = fields.One2many("amr.read.task", "plan_id", "Runs")
    task_count = fields.Integer(compute="_compute_task_count")

    _time_of_day = models.Constraint(
        "CHECK (start_time >= 0 AND start_time < 24)",
        "The time of day lies between 00:00 and 23:59.",
    )
    _day_of_month = models.Constraint(
        "CHECK (month_day BETWEEN 1 AND 31)",
        "The day of the month lies between 1 and 31.",
    )

    @api.depends("community_id.tz", "district_id.community_ids.tz")
    def _compute_tz(self):
        for plan in self:
            communities = plan.community_id or plan.district_id.community_ids[:1]
            communities = communities or plan.meter_ids.community_id[:1]
            plan.tz = communities.tz or "Asia/Shanghai"

    @api.depends("active", "interval", "start_time", "weekday", "month_day", "tz")
    def _compute_next_run_at(self):
        now = fields.Datetime.now()
        for plan in self:
            plan.next_run_at = plan.active and plan._get_next_run(now)

    def _get_next_run(self, after):
        self.ensure_one()
        minutes = min(max(round(self.start_time * 60), 0), 24 * 60 - 1)
        return next_run(
            after,
            self.interval or "daily",
            self.tz,
            minutes,
            int(self.weekday or 0),
            min(max(self.month_day, 1), 31),
        )

    def _compute_task_count(self):
        counts = dict(
            self.env["amr.read.task"]._read_group(
                [("plan_id", "in", self.ids)], ["plan_id"], ["__count"]
            )
        )
        for plan in self:
            plan.task_count = counts.get(plan, 0)

    @api.constrains(
        "scope",
        "district_id",
        "community_id",
        "building_id",
        "line_id",
        "account_id",
        "meter_ids",
    )
    def _check_scope(self):
        """A plan runs without its author: it reads no more than he may see.

        :raises ValidationError: it would, or it reads nothing at all
        """
        author = self.env["amr.meter"].with_user(self.env.user)  # constraints are sudo
        for plan in self:
            domain = plan._get_meters_domain()
            seen = author.search_count(domain)
            if not seen:
                raise ValidationError(
                    self.env._(
                        "There is no installed meter in the scope of plan %s.",
                        plan.name,
                    )
                )
            if seen < self.env["amr.meter"].sudo().search_count(domain):
                raise ValidationError(
                    self.env._(
                        "Plan %s would read meters outside of your scope. Choose a "
                        "community of yours.",
                        plan.name,
                    )
                )

    # === Runs === #

    @api.model
    def _run_due(self):
        """Begin the plans that are due, each in a transaction of its own."""
        due = [("next_run_at", "<=", fields.Datetime.now())]
        for plan in self.search(due, order="next_run_at, id"):
            if not plan.try_lock_for_update():
                continue  # another worker has it
            plan._run()
            self.env["ir.cron"]._commit_progress(1)

    def _run(self):
        """Begin one run, unless the last one is still going on.

        What goes wrong is written on the plan: the next plan must not suffer.

        :return: the read task, or an empty record
        """
        self.ensure_one()
        plan = self.sudo()
        now = fields.Datetime.now()
        vals = {"next_run_at": plan.active and plan._get_next_run(now), "note": False}
        task = plan.env["amr.read.task"]
        if plan._is_running():
            vals["note"] = self.env._(
                "Not begun at %s: the run before is still going on.",
                fields.Datetime.to_string(now),
            )
            vals["next_run_at"] = now + timedelta(minutes=5)
        else:
            try:
                with self.env.cr.savepoint():
                    task = plan.env["amr.read.task"].create(plan._prepare_task(now))
                    task.action_start()
            except (UserError, ValidationError) as error:
                task = task.browse()
                vals["note"] = str(error)
                _logger.info("Read plan %s did not begin: %s", plan.id, error)
            except Exception:
                task = task.browse()
                vals["note"] = self.env._(
                    "Not begun at %s because of an internal error; the log of the "
                    "server has the details.",
                    fields.Datetime.to_string(now),
                )
                _logger.exception("Read plan %s did not begin", plan.id)
            else:
                vals.update(last_run_at=now, last_task_id=task.id)
        plan.write(vals)
        return task

    def _is_running(self):
        return bool(
            self.env["amr.read.task"].search_count(
                [("plan_id", "=", self.id), ("state", "=", "running")], limit=1
            )
        )

    def _prepare_task(self, now):
        """Return the values of the task that a run at ``now`` (naive UTC) is."""
        place = self.with_context(tz=self.tz)
        today = fields.Datetime.context_timestamp(place, now).date()
        return {
            **self._get_scope_values(),
            "plan_id": self.id,
            "user_id": self.user_id.id,
            "kind": self.kind,
            "freeze_date": today.replace(day=1) if self.kind == "monthly" else today,
        }

    def action_run_now(self):
        """Begin a run now; the time table stays as it is."""
        self.ensure_one()
        self.check_access("write")
        try:
            self.lock_for_update()
        except LockError as error:
            raise UserError(
                self.env._("The plan is being started just now.")
            ) from error
        planned = self.next_run_at
        task = self._run()
        self.sudo().next_run_at = planned
        if not task:
            raise UserError(self.note)
        return task.sudo(False)._get_form_action()

    def action_open_tasks(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_read_task_action"
        )
        action["domain"] = [("plan_id", "=", self.id)]
        return action

    @api.model
    def _suggest(self, community):
        """Return the default values of a first plan for a community.

        Meters that answer by themselves: their freeze of midnight, every day at 01:00.
        Only meters to be read by eye: a round on the first of the month.
        """
        protocols = (
            self.env["amr.meter"]
            .search([("community_id", "=", community.id)])
            .model_id.mapped("protocol")
        )
        remote = any(protocol != "manual" for protocol in protocols)
        name = self.env._("Every night") if remote else self.env._("Monthly round")
        return {
            "scope": "community",
            "community_id": community.id,
            "name": f"{community.name} {name}",
            "interval": "daily" if remote else "monthly",
            "kind": "daily" if remote else "spot",
            "start_time": 1.0 if remote else 8.0,
        }
