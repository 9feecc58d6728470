"""The one door for readings (design, flow 1): import, handheld, manual entry, remote
reads, pushes and estimates all come in through :meth:`AmrReading._ingest`."""

import csv
import io
from typing import NamedTuple

import psycopg2

from odoo import api, models
from odoo.tools import SQL

from .reading_effect_sql import (
    ANSWERED_SQL,
    ANSWERS_SQL,
    DUPLICATE_SQL,
    FUNCTIONS_SQL,
    LATEST_SQL,
    SUPERSEDE_SQL,
    TURN_SQL,
    VERDICT_SQL,
)
from .reading_sql import (
    AGAIN_SQL,
    CHECK_SQL,
    CLEARED_SQL,
    INSERT_SQL,
    JUDGE_SQL,
    RESOLVE_SQL,
    SPAN_SQL,
    STAGE_SQL,
)
from .reading_walk_sql import WALK_SQL


class IngestResult(NamedTuple):
    """What became of one delivery: numbers of rows."""

    inserted: int
    duplicates: int
    conflicts: int
    suspects: int
    unknown: int
    refused: int = 0


class AmrReading(models.Model):
    _inherit = "amr.reading"  # pylint: disable=consider-merging-classes-inherited

    def init(self):
        result = super().init()
        # a register rolls over from its last twentieth into its first
        self.env.cr.execute(FUNCTIONS_SQL)
        return result

    @api.model
    def _ingest(self, rows):
        """Take readings in: de-duplicate, validate, insert, raise what is odd.

        Nothing is lost: the same row twice is one reading; a different value for the
        same time is kept as suspect; a row of an unknown meter, or one that cannot be
        a reading at all, becomes an exception and the others are taken.

        :param list rows: dicts with ``meter_id`` or ``address``, ``register``
            ("total" when left out), ``read_at`` (naive UTC datetime), ``kind``,
            ``source`` and ``index`` (Decimal, in the utility's unit, before factor)
        :rtype: IngestResult
        """
        self = self.sudo()
        rows, refused = self.env["amr.refused.reading"]._sift(rows)
        if not rows:
            result = IngestResult(0, 0, 0, 0, 0)
        elif any(row["kind"] == "hourly" for row in rows):
            result = self.env["amr.interval"]._ingest_with_others(rows)
        else:
            result = self._ingest_sound(rows)
        return result._replace(refused=refused)

    @api.model
    def _ingest_typed(self, rows):
        """Take in what a person has typed, who can put it right at once.

        :raises UserError: a row cannot be a reading
        """
        self.env["amr.refused.reading"]._check(rows)
        return self._ingest(rows)

    @api.model
    def _ingest_sound(self, rows):
        """Take in rows that can be readings, none of them hourly.

        :rtype: IngestResult
        """
        self.env.flush_all()
        self._stage_rows(rows)
        inserted, enabled, cleared = self._check_and_insert()
        cr = self.env.cr
        cr.execute("SELECT DISTINCT meter_id FROM amr_reading_span")
        meters = self.env["amr.meter"].browse(row[0] for row in cr.fetchall())
        self.env.invalidate_all(flush=False)
        meters._refresh_state()
        meters.browse(enabled)._notify_status()
        unknown = self.env["amr.unknown.reading"]._keep(rows)
        duplicates = len(rows) - inserted - unknown
        findings = self._record_verdicts(duplicates)
        self._answer_exceptions(SQL(ANSWERS_SQL))
        self._settle_cleared(cleared)
        self.env["amr.alarm"]._schedule_check()
        return IngestResult(
            inserted=inserted,
            duplicates=duplicates,
            conflicts=sum(kind == "conflict" for kind, _severity in findings),
            suspects=sum(severity == "suspect" for _kind, severity in findings),
            unknown=unknown,
        )

    @api.model
    def _check_and_insert(self):
        """Judge the staged rows by the rules in force and insert them.

        :return: how many readings are new, the ids of meters read for the first time,
            and those of readings that were held back and are used now
        """
        cr = self.env.cr
        self.env["amr.vee.rule"]._load_effective(
            SQL("m.id IN (SELECT meter_id FROM amr_reading_span)")
        )
        cr.execute(CHECK_SQL)
        again = self._set_known_apart("amr_reading_checked", AGAIN_SQL)
        if self._walk("amr_reading_checked", WALK_SQL):
            cr.execute(JUDGE_SQL.format(checked="amr_reading_checked"))
        inserted = self._insert_new(INSERT_SQL, again)
        cleared = self._clear("amr_reading_checked", CLEARED_SQL, again)
        cr.execute(SUPERSEDE_SQL)
        cr.execute(LATEST_SQL)
        enabled = [meter_id for (meter_id,) in cr.fetchall() if meter_id]
        cr.execute(TURN_SQL.format("amr_reading_checked"))
        cr.execute(ANSWERED_SQL)
        return inserted, enabled, cleared

    # === What both stores do with a delivery that was checked === #

    @api.model
    def _set_known_apart(self, checked, statement, params=None):
        """Mark the rows that are stored already, so that they are nobody's neighbour.

        :param str checked: the temporary table of the delivery
        :return: the lines of those that were held back and are judged once more
        """
        cr = self.env.cr
        cr.execute(statement, params)
        known = cr.fetchall()
        left = [line for line, open_ in known if not open_]
        if left:
            cr.execute(
                SQL(
                    "UPDATE %s SET finding = 'known' WHERE line = ANY(%s)",
                    SQL.identifier(checked),
                    left,
                )
            )
        return [line for line, open_ in known if open_]

    @api.model
    def _walk(self, checked, statement, params=None):
        """Look closer where something is odd, and leave out what is known.

        :return: whether anything is odd
        """
        cr = self.env.cr
        table = SQL.identifier(checked)
        cr.execute(SQL("SELECT 1 FROM %s WHERE finding IS NOT NULL LIMIT 1", table))
        if not cr.rowcount:
            return False
        cr.execute(statement, params)
        cr.execute(SQL("DELETE FROM %s WHERE finding = 'known'", table))
        return True

    @api.model
    def _insert_new(self, statement, again):
        """Insert what is new.

        :param list again: lines that are stored already
        :return: how many are new
        """
        cr, params = self.env.cr, {"again": again}
        try:
            with cr.savepoint(flush=False):
                cr.execute(statement, params, log_exceptions=False)
                return cr.rowcount
        except psycopg2.errors.UniqueViolation:
            # another delivery brought it at the same moment
            cr.execute(f"{statement} ON CONFLICT DO NOTHING", params)
            return cr.rowcount

    @api.model
    def _clear(self, checked, statement, again):
        """Use what was held back and fits now; the rest leaves the delivery.

        :return: ids of what is used now
        """
        if not again:
            return []
        cr = self.env.cr
        cr.execute(statement, {"again": again})
        cleared = dict(cr.fetchall())
        cr.execute(
            SQL(
                "DELETE FROM %s WHERE line = ANY(%s)",
                SQL.identifier(checked),
                [line for line in again if line not in cleared],
            )
        )
        return list(cleared.values())

    @api.model
    def _stage_rows(self, rows):
        """Bring rows into the database, and find out what they span."""
        buffer = io.StringIO()
        plain, write = buffer.write, csv.writer(buffer).writerow
        times = {}  # a delivery has few of them, and each takes long to write out
        for line, row in enumerate(rows):
            read_at, get = row["read_at"], row.get
            at = times.get(read_at)
            if at is None:
                at = times[read_at] = str(read_at)
            meter_id, register = get("meter_id") or "", get("register", "total")
            address, note = get("address") or "", get("note") or ""
            kind, source, index = row["kind"], row["source"], row["index"]
            if address or note:  # what may have to be quoted
                write(
                    (line, meter_id, address, register, at, kind, source, index, note)
                )
            else:
                plain(f"{line},{meter_id},,{register},{at},{kind},{source},{index},\n")
        buffer.seek(0)
        self.env.cr.execute(STAGE_SQL)
        self.env.cr.copy_expert(
            "COPY amr_reading_stage FROM STDIN WITH (FORMAT csv)", buffer
        )
        if not all(row.get("meter_id") for row in rows):
            self.env.cr.execute(RESOLVE_SQL, {"company": self.env.company.id})
        self.env.cr.execute(SPAN_SQL)

    @api.model
    def _record_verdicts(self, duplicates):
        """Keep what the rules found in the delivery, and raise what is to be raised.

        :param int duplicates: rows of the delivery that were known
        :return: list of (kind, severity) of the new findings
        """
        cr = self.env.cr
        cr.execute(VERDICT_SQL)
        found = cr.fetchall()
        if duplicates:
            cr.execute(DUPLICATE_SQL)
            found += cr.fetchall()
        verdicts = self.env["amr.reading.verdict"].browse(row[0] for row in found)
        verdicts._raise()
        return [row[1:] for row in found]

    @api.model
    def _answer_exceptions(self, answers):
        """Close the exceptions that a good reading of this delivery has answered.

        :param SQL answers: rows of exception, index as text, and time
        """
        for name in ("amr.exception", "amr.reading.verdict"):
            self.env[name].flush_model()
        self.env["amr.exception"]._settle_each(
            {
                exception_id: self.env._(
                    "Answered by the reading %(index)s of %(read_at)s (UTC).",
                    index=index,
                    read_at=read_at,
                )
                for exception_id, index, read_at in self.env.execute_query(answers)
            }
        )

    @api.model
    def _settle_cleared(self, cleared):
        """Use what came in again and fits now; its exceptions are settled.

        :param list cleared: ids of readings
        """
        if not cleared:
            return
        readings = self.browse(cleared)
        readings.meter_id._refresh_latest()
        readings.verdict_ids.exception_id.filtered(
            lambda e: e.state == "open" and not e._get_suspects()
        )._settle(self.env._("It came in again, and nothing speaks against it now."))
