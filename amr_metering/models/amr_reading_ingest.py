"""The one door for readings (design, flow 1): import, handheld, manual entry, remote
reads, pushes and estimates all come in through :meth:`AmrReading._ingest`."""

import csv
import io
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from .reading_effect_sql import (
    ANSWERED_SQL,
    ANSWERS_SQL,
    DUPLICATE_SQL,
    FUNCTIONS_SQL,
    LATEST_SQL,
    SUPERSEDE_SQL,
    VERDICT_SQL,
)
from .reading_sql import (
    AGAIN_SQL,
    CHECK_SQL,
    CLEARED_SQL,
    FORGET_SQL,
    HOLD_SQL,
    INSERT_SQL,
    JUDGE_SQL,
    LAST_ID_SQL,
    RESOLVE_SQL,
    STAGE_SQL,
)

CLOCK_TOLERANCE = "10 minutes"  # of the interval store


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
        cr = self.env.cr
        if not all(row.get("meter_id") for row in rows):
            cr.execute(RESOLVE_SQL, {"company": self.env.company.id})
        inserted, enabled, cleared = self._check_and_insert()
        cr.execute(
            "SELECT DISTINCT meter_id FROM amr_reading_stage WHERE meter_id IS NOT NULL"
        )
        meters = self.env["amr.meter"].browse(row[0] for row in cr.fetchall())
        self.env.invalidate_all(flush=False)
        meters._refresh_state()
        meters.browse(enabled)._notify_status()
        unknown = self.env["amr.unknown.reading"]._keep(rows)
        duplicates = len(rows) - inserted - unknown
        findings = self._record_verdicts(duplicates)
        self._answer_exceptions()
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
            and ``(reading id, exception id)`` of what was held back and is used now
        """
        cr = self.env.cr
        self.env["amr.vee.rule"]._load_effective(
            SQL("m.id IN (SELECT meter_id FROM amr_reading_stage)")
        )
        cr.execute("DROP TABLE IF EXISTS amr_reading_checked")
        cr.execute(CHECK_SQL)
        checked, cleared = cr.rowcount, []
        cr.execute(JUDGE_SQL)
        cr.execute(HOLD_SQL)
        cr.execute(LAST_ID_SQL, ("amr_reading_id_seq",))
        [last] = cr.fetchone()
        cr.execute(INSERT_SQL)
        inserted = cr.rowcount
        if inserted < checked:
            cr.execute(AGAIN_SQL, {"last": last})
            cr.execute(CLEARED_SQL)
            cleared = cr.fetchall()
            cr.execute(FORGET_SQL, {"cleared": [row[0] for row in cleared]})
        cr.execute(SUPERSEDE_SQL)
        cr.execute(LATEST_SQL)
        enabled = [meter_id for (meter_id,) in cr.fetchall() if meter_id]
        cr.execute(ANSWERED_SQL)
        return inserted, enabled, cleared

    @api.model
    def _stage_rows(self, rows):
        buffer = io.StringIO()
        write = csv.writer(buffer).writerow
        times = {}  # a delivery has few of them, and each takes long to write out
        for line, row in enumerate(rows):
            read_at, get = row["read_at"], row.get
            if read_at not in times:
                times[read_at] = str(read_at)
            write(
                (
                    line,
                    get("meter_id") or "",
                    get("address") or "",
                    get("register", "total"),
                    times[read_at],
                    row["kind"],
                    row["source"],
                    row["index"],
                    get("note") or "",
                )
            )
        buffer.seek(0)
        self.env.cr.execute(STAGE_SQL)
        self.env.cr.copy_expert(
            "COPY amr_reading_stage FROM STDIN WITH (FORMAT csv)", buffer
        )

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
    def _answer_exceptions(self):
        """Close the exceptions that a good reading of this delivery has answered."""
        self.env["amr.exception"].flush_model()
        for exception_id, index, read_at in self.env.execute_query(SQL(ANSWERS_SQL)):
            self.env["amr.exception"].browse(exception_id)._settle(
                self.env._(
                    "Answered by the reading %(index)s of %(read_at)s (UTC).",
                    index=index,
                    read_at=read_at,
                )
            )

    @api.model
    def _settle_cleared(self, cleared):
        """Use what came in again and fits now; its exceptions are settled.

        :param list cleared: ``(reading id, exception id)``
        """
        if not cleared:
            return
        readings = self.browse({reading_id for reading_id, _exception in cleared})
        exceptions = self.env["amr.exception"].browse({row[1] for row in cleared})
        readings.meter_id._refresh_latest()
        for exception in exceptions:
            if exception.state == "open" and not exception._get_suspects():
                exception._settle(
                    self.env._("It came in again, and nothing speaks against it now.")
                )
