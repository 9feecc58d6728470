"""How a read task goes: readings, failures, further rounds for the missed."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .amr_read_kpi import HAND_DAYS

MAX_TRIES = 3

# A line is ticked off by the very reading that was brought, not by the newest one.
TICK_SQL = """
    UPDATE amr_read_task_line l
       SET state = 'done', error = NULL, reading_id = r.id, tries = l.tries + 1,
           index = r.index, read_at = r.read_at,
           usage = CASE WHEN r.register = 'total' THEN COALESCE(
                        amr_measured(m.id, 'total', l.previous_at, r.read_at,
                                     l.previous_index, r.index, mm.digits),
                        amr_index_step(l.previous_index, r.index, mm.digits) * m.factor)
                   END
      FROM (SELECT DISTINCT ON (r.meter_id) r.meter_id, r.id, r.register, r.index,
                   r.read_at
              FROM unnest(%(meters)s::integer[], %(registers)s::varchar[],
                          %(kinds)s::varchar[], %(times)s::timestamp[],
                          %(indexes)s::numeric(16, 3)[])
                   AS brought (meter_id, register, kind, read_at, index)
              JOIN amr_reading r USING (meter_id, register, kind, read_at, index)
             ORDER BY r.meter_id, (r.register = 'total') DESC, r.id DESC) r
      JOIN amr_meter m ON m.id = r.meter_id
      JOIN amr_meter_model mm ON mm.id = m.model_id
     WHERE l.task_id = %(task)s AND r.meter_id = l.meter_id AND l.state <> 'done'
"""


class AmrReadTask(models.Model):
    _inherit = "amr.read.task"  # pylint: disable=consider-merging-classes-inherited

    def _record_readings(self, rows):
        """Take readings of this task through the one door and tick their meters off.

        A meter of which a row cannot be a reading was not read: it counts as a failed
        try and is asked again; what else it brought is kept.

        :param list rows: as :meth:`amr.reading._ingest` takes them, with ``meter_id``
        :return: the door's ``IngestResult``
        """
        self.ensure_one()
        unread = self._lock_unread_meters(row["meter_id"] for row in rows)
        rows = [row for row in rows if row["meter_id"] in unread]
        sound, refused = self.env["amr.refused.reading"]._sift(rows)
        result = self.env["amr.reading"]._ingest(sound)
        read = {id(row) for row in sound}
        failed = {row["meter_id"]: row for row in rows if id(row) not in read}
        self._tick_off([row for row in sound if row["meter_id"] not in failed])
        if failed:
            self._record_failures(
                {
                    meter_id: self.env._(
                        "It answered, but %(index)s at %(time)s (UTC) is no reading.",
                        index=row["index"],
                        time=row["read_at"],
                    )
                    for meter_id, row in failed.items()
                }
            )
        return result._replace(refused=refused)

    def _tick_off(self, rows):
        """Tick off the meters that readings were just taken of."""
        if rows:
            self.env["amr.read.task.line"].flush_model()
            self.env.cr.execute(
                TICK_SQL,
                {
                    "task": self.id,
                    "meters": [row["meter_id"] for row in rows],
                    "registers": [row.get("register", "total") for row in rows],
                    "indexes": [row["index"] for row in rows],
                    "kinds": [row["kind"] for row in rows],
                    "times": [row["read_at"] for row in rows],
                },
            )
            self.env["amr.read.task.line"].invalidate_model()
            self._settle_missing(rows)
        self._close_if_finished()
        self._notify_progress()

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

    def _settle_missing(self, rows):
        """Settle the open "missing" exceptions that readings answer.

        A usable reading answers when it is of later than what is missing, or when it
        is what this task did not get before. Freezes the night missed are answered by
        a freeze only.
        """
        meter_ids = [row["meter_id"] for row in rows]
        usable = [
            ("meter_id", "in", meter_ids),
            ("read_at", "in", list({row["read_at"] for row in rows})),
            ("quality", "=", "ok"),
            ("superseded_by_id", "=", False),
        ]
        frozen = [*usable, ("kind", "in", ("daily", "monthly"))]
        Reading, of = self.env["amr.reading"].sudo(), (["meter_id"], ["read_at:max"])
        latest = dict(Reading._read_group(usable, *of))
        latest_freeze = dict(Reading._read_group(frozen, *of))
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

        def answered(exception):
            missed = "missing" in exception.verdict_ids.mapped("kind")
            at = (latest_freeze if missed else latest).get(exception.meter_id)
            return at and (at >= exception.found_at or self._has_raised(exception))

        exceptions.filtered(answered)._settle(self.env._("The meter was read later."))

    def _has_raised(self, exception):
        """Return whether an exception is about a reading this task asked for."""
        begun = self.started_at or self.create_date
        return exception.task_id == self and exception.found_at >= begun

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
        limit = self._get_max_tries()
        given_up = lines.filtered(lambda line: line.tries >= limit)
        given_up._give_up()
        self._close_if_finished()
        self._notify_progress()

    def _get_max_tries(self):
        """Return how often a meter is asked before it counts as missing (hook)."""
        return MAX_TRIES

    def _close_if_finished(self):
        for task in self:
            task.invalidate_recordset()
            if task.state == "running" and not task.pending_count:
                task.sudo().write(
                    {
                        "state": "done",
                        "finished_at": fields.Datetime.now(),
                        "next_reread_at": task._get_next_reread(),
                    }
                )

    def _notify_progress(self):
        """Tell open screens of this task to show its new figures."""
        for task in self:
            task.user_id._bus_send(
                "amr_read_task_progress", {"task_id": task.id, "state": task.state}
            )

    # === Further rounds === #

    def _get_next_reread(self):
        """Return when the missed are read again (naive UTC), or False."""
        if self.reread_count >= self.reread_times or not self._get_missed_lines():
            return False
        return fields.Datetime.now() + timedelta(minutes=self.reread_delay)

    def _get_missed_lines(self):
        """Return the lines that a route could not read."""
        return self.sudo().line_ids.filtered(
            lambda line: line.state == "missing" and not line.by_hand
        )

    def action_reread(self):
        """Read the missed again now."""
        self.check_access("write")
        for task in self:
            if not task._reread():
                raise UserError(
                    self.env._(
                        "%s has no missed meter to be read again, or its plan is "
                        "reading just now.",
                        task.name,
                    )
                )

    def _reread(self):
        """Begin another round for the missed of a finished task.

        :return: whether there was anything to do
        """
        self.ensure_one()
        self._lock()
        missed = self._get_missed_lines()
        if self.state != "done" or not missed or self._is_plan_reading():
            return False
        for line in missed:
            line.write({"state": "pending", "tries": 0, "rereads": line.rereads + 1})
        self.sudo().write(
            {
                "state": "running",
                "finished_at": False,
                "next_reread_at": False,
                "reread_count": self.reread_count + 1,
            }
        )
        self._dispatch()
        self._close_if_finished()
        self._notify_progress()
        return True

    def _is_plan_reading(self):
        """Return whether another run of this task's plan is going on."""
        if not self.plan_id:
            return False
        running = [("plan_id", "=", self.plan_id.id), ("state", "=", "running")]
        return bool(self.sudo().search_count(running, limit=1))

    @api.model
    def _cron_read(self):
        """Scheduled: begin what is due: plans, collections, further rounds."""
        self.env["amr.read.plan"]._run_due()
        now = fields.Datetime.now()
        refreshed = self.search(
            [("state", "=", "running"), ("collect_at", "<=", now)], order="id"
        )
        for task in refreshed:
            task.collect_at = False
            task._dispatch()
            task._close_if_finished()
            self.env["ir.cron"]._commit_progress(1)
        missed = self.search(
            [("state", "=", "done"), ("next_reread_at", "<=", now)], order="id"
        )
        for task in missed:
            if not task._reread() and not task._is_plan_reading():
                task.next_reread_at = False
            self.env["ir.cron"]._commit_progress(1)
        self._give_up_forgotten(now)

    @api.model
    def _give_up_forgotten(self, now):
        """Open an exception for meters that nobody went to for a month (I10)."""
        forgotten = self.env["amr.read.task.line"].search(
            [
                ("state", "=", "manual"),
                ("task_id.started_at", "<", now - timedelta(days=HAND_DAYS)),
            ],
            limit=1000,
        )
        for line in forgotten:
            line.state = "missing"
            line._raise_missing(
                self.env._(
                    "Meter %(meter)s is to be read by hand since %(task)s; nobody did.",
                    meter=line.meter_id.number,
                    task=line.task_id.name,
                )
            )
