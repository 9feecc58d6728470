from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

MAX_TRIES = 3


class AmrReadTask(models.Model):
    """Read task: meters to be read once, by the route each of them has.

    Routes are added by overriding :meth:`_dispatch`; they report through
    :meth:`_record_readings` and :meth:`_record_failures` only.
    """

    _name = "amr.read.task"
    _inherit = "amr.evidence.mixin"
    _description = "Read task"
    _order = "id desc"
    _evidence = frozenset({"state", "started_at", "finished_at", "user_id"})

    name = fields.Char(
        required=True,
        copy=False,
        readonly=True,
        default=lambda self: self.env._("New"),
    )
    scope = fields.Selection(
        [
            ("community", "Community"),
            ("building", "Building"),
            ("meters", "Selected meters"),
        ],
        required=True,
        default="community",
    )
    community_id = fields.Many2one(
        "amr.community",
        compute="_compute_community_id",
        store=True,
        readonly=False,
        index=True,
    )
    building_id = fields.Many2one("amr.building")
    meter_ids = fields.Many2many("amr.meter", string="Meters")
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    kind = fields.Selection(
        [("spot", "Now"), ("daily", "Daily freeze")],
        "Reading",
        required=True,
        default="spot",
    )
    freeze_date = fields.Date(
        default=fields.Date.context_today,
        help="The index at 00:00 of this day is read from the meters' frozen data.",
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
    started_at = fields.Datetime(readonly=True, copy=False)
    finished_at = fields.Datetime(readonly=True, copy=False)
    line_ids = fields.One2many("amr.read.task.line", "task_id", copy=False)
    total_count = fields.Integer("Meters to read", compute="_compute_counts")
    done_count = fields.Integer("Meters read", compute="_compute_counts")
    pending_count = fields.Integer("Waiting", compute="_compute_counts")
    missing_count = fields.Integer("Not answering", compute="_compute_counts")
    manual_count = fields.Integer("To be read by hand", compute="_compute_counts")
    progress = fields.Float("Progress (%)", compute="_compute_counts", digits=(5, 1))

    @api.depends("scope", "building_id", "meter_ids")
    def _compute_community_id(self):
        for task in self:
            if task.scope == "building":
                task.community_id = task.building_id.community_id
            elif task.scope == "meters":
                communities = task.meter_ids.community_id
                task.community_id = communities if len(communities) == 1 else False

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

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("name", self.env._("New")) == self.env._("New"):
                vals["name"] = self.env["ir.sequence"].next_by_code("amr.read.task")
        return super().create(vals_list)

    def _get_meters_domain(self):
        """Return the domain of the meters in this task's scope."""
        self.ensure_one()
        if self.scope == "meters":
            return [("id", "in", self.meter_ids.ids)]
        domain = [("point_id", "!=", False)]
        if self.scope == "building":
            return [*domain, ("building_id", "=", self.building_id.id)]
        return [*domain, ("community_id", "=", self.community_id.id)]

    def action_start(self):
        for task in self:
            if task.state != "draft":
                continue
            meters = self.env["amr.meter"].search(task._get_meters_domain())
            if not meters:
                raise UserError(
                    self.env._(
                        "There is no installed meter in this scope. Choose another "
                        "community or building, or select meters."
                    )
                )
            self.env["amr.read.task.line"].sudo().create(
                [{"task_id": task.id, "meter_id": meter.id} for meter in meters]
            )
            task.sudo().write({"state": "running", "started_at": fields.Datetime.now()})
            task._dispatch()
            task._close_if_finished()
        return self._get_form_action() if len(self) == 1 else None

    def _dispatch(self):
        """Hand the pending lines to their routes; those without one are left to people.

        Overrides take the lines they can serve and call ``super`` afterwards.
        """
        self.ensure_one()
        unrouted = self._get_unrouted_lines()
        unrouted.sudo().write({"state": "manual"})

    def _get_unrouted_lines(self):
        """Return the pending lines that no route serves (hook)."""
        return self.line_ids.filtered(lambda line: line.state == "pending")

    def _record_readings(self, rows):
        """Take readings of this task through the one door and tick their meters off.

        :param list rows: as :meth:`amr.reading._ingest` takes them, with ``meter_id``
        :return: the door's ``IngestResult``
        """
        self.ensure_one()
        unread = self._lock_unread_meters(row["meter_id"] for row in rows)
        rows = [row for row in rows if row["meter_id"] in unread]
        result = self.env["amr.reading"]._ingest(rows)
        meter_ids = list(unread)
        if meter_ids:
            self.env["amr.read.task.line"].flush_model()
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE amr_read_task_line l
                       SET state = 'done', error = NULL, reading_id = r.id,
                           tries = l.tries + 1
                      FROM (SELECT DISTINCT ON (meter_id) meter_id, id
                              FROM amr_reading WHERE meter_id = ANY(%(meters)s)
                             ORDER BY meter_id, (register = 'total') DESC, id DESC) r
                     WHERE l.task_id = %(task)s AND r.meter_id = l.meter_id
                       AND l.state <> 'done'
                    """,
                    meters=meter_ids,
                    task=self.id,
                )
            )
            self.env["amr.read.task.line"].invalidate_model()
            self._resolve_missing(meter_ids)
        self._close_if_finished()
        self._notify_progress()
        return result

    def _lock_unread_meters(self, meter_ids):
        """Return which of the meters this task has no reading of yet.

        Their lines stay locked to the end of the transaction: two jobs that work on one
        task at the same time bring one reading of a meter, not two.

        :param meter_ids: ids of meters of this task
        :rtype: set
        """
        self.env["amr.read.task.line"].flush_model()
        rows = self.env.execute_query(
            SQL(
                "SELECT meter_id FROM amr_read_task_line WHERE task_id = %s "
                "AND meter_id = ANY(%s) AND state <> 'done' ORDER BY id FOR UPDATE",
                self.id,
                list(set(meter_ids)),
            )
        )
        return {meter_id for (meter_id,) in rows}

    def _resolve_missing(self, meter_ids):
        """Close the open "missing" exceptions of meters that have answered."""
        exceptions = (
            self.env["amr.exception"]
            .sudo()
            .search(
                [
                    ("kind", "=", "missing"),
                    ("state", "=", "open"),
                    ("meter_id", "in", meter_ids),
                ]
            )
        )
        if exceptions:
            exceptions.resolution = self.env._("The meter was read later.")
            exceptions.action_resolve()

    def _record_failures(self, errors):
        """Count a failed try of meters; after the last one raise an exception (I10).

        :param dict errors: ``{meter_id: sentence}``
        """
        self.ensure_one()
        lines = (
            self.env["amr.read.task.line"]
            .sudo()
            .search(
                [
                    ("task_id", "=", self.id),
                    ("meter_id", "in", list(errors)),
                    ("state", "=", "pending"),
                ]
            )
        )
        for line in lines:
            line.write({"tries": line.tries + 1, "error": errors[line.meter_id.id]})
        given_up = lines.filtered(lambda line: line.tries >= MAX_TRIES)
        given_up._give_up()
        self._close_if_finished()
        self._notify_progress()

    def _close_if_finished(self):
        for task in self:
            task.invalidate_recordset()
            if task.state == "running" and not task.pending_count:
                task.sudo().write(
                    {"state": "done", "finished_at": fields.Datetime.now()}
                )

    def _notify_progress(self):
        """Tell open screens of this task to show its new figures."""
        for task in self:
            task.user_id._bus_send(
                "amr_read_task_progress", {"task_id": task.id, "state": task.state}
            )

    def _get_entry_time(self, meter):
        """Return the time of an index typed in for this task (naive UTC)."""
        self.ensure_one()
        if self.kind == "daily":
            return meter.community_id._local_midnight(self.freeze_date)
        return fields.Datetime.now()

    def action_enter(self):
        """Open the lines that are left to people, ready for the keyboard."""
        self.ensure_one()
        view = self.env.ref("amr_metering.amr_read_task_line_view_list_entry")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Enter readings"),
            "res_model": "amr.read.task.line",
            "views": [(view.id, "list")],
            "domain": [("task_id", "=", self.id), ("state", "!=", "done")],
        }

    def _get_form_action(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "amr.read.task",
            "res_id": self.id,
            "view_mode": "form",
        }

    def action_open_lines(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Results"),
            "res_model": "amr.read.task.line",
            "view_mode": "list",
            "domain": [("task_id", "=", self.id)],
        }
