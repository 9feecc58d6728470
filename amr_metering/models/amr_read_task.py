from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from .installed_sql import INSTALLED_SQL

DAYS_KEPT = 31  # daily freezes a meter is asked for (DL/T 645-2007 keeps 62)
MONTHS_KEPT = 12

# What a line says of place and customer is how it was when the task began. The usable
# reading before the moment that is read, else the opening index, is the previous one.
LINES_SQL = f"""
    INSERT INTO amr_read_task_line (
        task_id, meter_id, point_id, room_id, building_id, community_id, company_id,
        account_id, previous_index, previous_at, state, tries, rereads, by_hand,
        create_uid, create_date, write_uid, write_date)
    SELECT %(task)s, m.id, m.point_id, m.room_id, m.building_id, m.community_id,
           m.company_id, g.account_id, COALESCE(p.index, i.start_index, 0),
           COALESCE(p.read_at, i.date_from), 'pending', 0, 0, false,
           %(uid)s, %(now)s, %(uid)s, %(now)s
      FROM amr_meter m
      LEFT JOIN amr_community c ON c.id = m.community_id
      LEFT JOIN amr_building b ON b.id = m.building_id
      LEFT JOIN amr_room o ON o.id = m.room_id
      LEFT JOIN LATERAL (
          SELECT account_id FROM amr_agreement
           WHERE point_id = m.point_id AND date_from <= %(now)s
             AND (date_to IS NULL OR date_to > %(now)s) LIMIT 1) g ON true
      LEFT JOIN LATERAL ({INSTALLED_SQL}) i ON true
      LEFT JOIN LATERAL (
          SELECT index, read_at FROM amr_reading
           WHERE meter_id = m.id AND register = 'total' AND quality <> 'suspect'
             AND superseded_by_id IS NULL
             AND read_at >= COALESCE(i.date_from, '-infinity'::timestamp)
             AND read_at < COALESCE(
                 %(freeze)s::date::timestamp AT TIME ZONE c.tz AT TIME ZONE 'UTC',
                 %(now)s)
           ORDER BY read_at DESC, id DESC LIMIT 1) p ON true
     WHERE m.id = ANY(%(meters)s)
     ORDER BY c.full_code, b.full_code, o.name, m.number
"""


class AmrReadTask(models.Model):
    """Read task: meters to be read once, by the route each of them has.

    Routes are added by overriding :meth:`_dispatch`; they report through
    :meth:`_record_readings` and :meth:`_record_failures` only.
    """

    _name = "amr.read.task"
    _inherit = ["amr.evidence.mixin", "amr.read.scope.mixin"]
    _description = "Read task"
    _order = "id desc"
    _evidence = frozenset(
        {
            "state",
            "started_at",
            "finished_at",
            "user_id",
            "plan_id",
            "collect_at",
            "reread_count",
            "next_reread_at",
        }
    )

    name = fields.Char(
        required=True,
        copy=False,
        readonly=True,
        default=lambda self: self.env._("New"),
    )
    freeze_date = fields.Date(
        default=fields.Date.context_today,
        help="The index at 00:00 of this day is read from the meters' frozen data. The "
        "end of a month is 00:00 of the first of the next one.",
    )
    never_read = fields.Boolean(
        "Only new meters",
        help="Only meters that were never read: their typed opening index is proved by "
        "a first reading (KTAMR manual 3.2.5).",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("running", "Running"), ("done", "Done")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
    )
    user_id = fields.Many2one(
        "res.users",
        "Started by",
        default=lambda self: self.env.user,
        readonly=True,
        copy=False,
    )
    plan_id = fields.Many2one(
        "amr.read.plan",
        "Read plan",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    started_at = fields.Datetime(readonly=True, copy=False, index=True)
    finished_at = fields.Datetime(readonly=True, copy=False)
    collect_at = fields.Datetime(
        "Collected from",
        readonly=True,
        copy=False,
        help="The devices are refreshing their own data until then.",
    )
    reread_count = fields.Integer("Rounds made again", readonly=True, copy=False)
    next_reread_at = fields.Datetime("Next round", readonly=True, copy=False)
    line_ids = fields.One2many("amr.read.task.line", "task_id", "Results", copy=False)
    total_count = fields.Integer("Meters to read", compute="_compute_counts")
    done_count = fields.Integer("Meters read", compute="_compute_counts")
    pending_count = fields.Integer("Waiting", compute="_compute_counts")
    missing_count = fields.Integer("Not answering", compute="_compute_counts")
    manual_count = fields.Integer("To be read by hand", compute="_compute_counts")
    progress = fields.Float("Progress (%)", compute="_compute_counts", digits=(5, 1))

    _one_run = models.UniqueIndex(
        "(plan_id) WHERE state = 'running' AND plan_id IS NOT NULL",
        "The last run of this read plan is not finished yet.",
    )

    @api.depends("line_ids.state")
    def _compute_counts(self):
        counts = {
            (task.id, state): count
            for task, state, count in self.env["amr.read.task.line"]._read_group(
                [("task_id", "in", self.ids)], ["task_id", "state"], ["__count"]
            )
        }
        for task in self:
            by_state = {
                state: counts.get((task._origin.id, state), 0)
                for state in ("pending", "done", "missing", "manual")
            }
            task.total_count = sum(by_state.values())
            task.pending_count = by_state["pending"]
            task.done_count = by_state["done"]
            task.missing_count = by_state["missing"]
            task.manual_count = by_state["manual"]
            finished = task.total_count - task.pending_count
            task.progress = (
                100.0 * finished / task.total_count if task.total_count else 0.0
            )

    @api.onchange("kind")
    def _onchange_kind(self):
        today = fields.Date.context_today(self)
        self.freeze_date = today.replace(day=1) if self.kind == "monthly" else today

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("name", self.env._("New")) == self.env._("New"):
                vals["name"] = self.env["ir.sequence"].next_by_code("amr.read.task")
        return super().create(vals_list)

    def _get_meters_domain(self):
        domain = super()._get_meters_domain()
        return [*domain, ("latest_at", "=", False)] if self.never_read else domain

    # === Start === #

    def action_start(self):
        for task in self:
            if task._begin():
                task._refresh_or_dispatch()
        return self._get_form_action() if len(self) == 1 else None

    def _begin(self):
        """Write down what is to be read.

        :return: False when the task was begun before
        :raises UserError: there is nothing to read
        """
        self._lock()
        if self.state != "draft":
            return False
        self._check_freeze_date()
        meters = self.env["amr.meter"].search(self._get_meters_domain())
        if not meters:
            raise UserError(
                self.env._(
                    "There is no installed meter in this scope. Choose another "
                    "community or building, or select meters."
                )
            )
        self._create_lines(meters)
        self.sudo().write({"state": "running", "started_at": fields.Datetime.now()})
        return True

    def _lock(self):
        """Keep a second press of the button, or another browser, waiting."""
        self.env.cr.execute(
            SQL("SELECT 1 FROM amr_read_task WHERE id = %s FOR UPDATE", self.id)
        )
        self.invalidate_recordset(["state"])

    def _check_freeze_date(self):
        """Refuse a freeze that the meters cannot have, or have no longer.

        :raises ValidationError: with what to choose instead
        """
        if self.kind == "spot":
            return
        moment = fields.Datetime.now()
        today = (
            self.community_id._local_date(moment)
            if self.community_id
            else fields.Date.context_today(self)
        )
        day = self.freeze_date
        first = today - timedelta(days=DAYS_KEPT)
        if self.kind == "monthly":
            first = today.replace(day=1) - relativedelta(months=MONTHS_KEPT - 1)
            if day and day.day != 1:
                raise ValidationError(
                    self.env._(
                        "A month ends at 00:00 of the first of the next one: choose a "
                        "first of the month."
                    )
                )
        if not day or not first <= day <= today:
            raise ValidationError(
                self.env._(
                    "Meters keep their frozen indexes from %(first)s to %(last)s; "
                    "choose a day of these.",
                    first=first,
                    last=today,
                )
            )

    def _create_lines(self, meters):
        """Write down what is to be read, in one statement."""
        self.env.flush_all()
        self.env.cr.execute(
            LINES_SQL,
            {
                "task": self.id,
                "meters": meters.ids,
                "uid": self.env.uid,
                "now": fields.Datetime.now(),
                "freeze": self.freeze_date if self.kind != "spot" else None,
            },
        )
        self.env["amr.read.task.line"].invalidate_model()
        self.invalidate_recordset(["line_ids"])

    def _refresh_or_dispatch(self):
        """Let the devices refresh what they hold, if asked; collect at once if not."""
        if self.refresh_first and self._request_refresh():
            wait = self._get_parameter("amr.refresh_wait", 300)
            moment = fields.Datetime.now() + timedelta(seconds=wait)
            self.sudo().collect_at = moment
            self.env.ref("amr_metering.ir_cron_read")._trigger(moment)
            return
        self._dispatch()
        self._close_if_finished()

    def _request_refresh(self):
        """Ask the devices in this scope to poll their meters (hook of the routes).

        :return: whether any device has anything to refresh
        """
        return False

    def _dispatch(self):
        """Hand the pending lines to their routes; those without one are left to people.

        Overrides take the lines they can serve and call ``super`` afterwards.
        """
        self.ensure_one()
        self._get_unrouted_lines()._leave_to_people()

    def _get_unrouted_lines(self):
        """Return the pending lines that no route serves (hook)."""
        return self.line_ids.filtered(lambda line: line.state == "pending")

    # === Actions === #

    def action_enter(self):
        """Open the lines that are left to people, ready for the keyboard."""
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "amr_reading_entry",
            "name": self.env._("Enter readings"),
            "params": {"task_id": self.id},
        }

    def action_open_lines(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_read_task_line_action"
        )
        action["domain"] = [("task_id", "=", self.id)]
        return action

    def _get_form_action(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "amr.read.task",
            "res_id": self.id,
            "view_mode": "form",
        }
