"""The one door for readings (design, flow 1): import, handheld, manual entry, remote
reads, pushes and estimates all come in through :meth:`AmrReading._ingest`."""

import csv
import io
from decimal import InvalidOperation
from typing import NamedTuple

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .reading_sql import (
    ANSWERED_SQL,
    ANSWERS_SQL,
    CHECK_SQL,
    DUPLICATE_SQL,
    FUNCTIONS_SQL,
    INSERT_SQL,
    JUDGE_SQL,
    LATEST_SQL,
    RESOLVE_SQL,
    STAGE_SQL,
    SUPERSEDE_SQL,
    VERDICT_SQL,
)

CLOCK_TOLERANCE = "10 minutes"  # of the interval store
INDEX_LIMIT = 10**12  # what the column and the widest register hold


class IngestResult(NamedTuple):
    """What became of one delivery: numbers of rows."""

    inserted: int
    duplicates: int
    conflicts: int
    suspects: int
    unknown: int


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
        same time is kept as suspect; a row of an unknown meter becomes an exception.

        :param list rows: dicts with ``meter_id`` or ``address``, ``register``
            ("total" when left out), ``read_at`` (naive UTC datetime), ``kind``,
            ``source`` and ``index`` (Decimal, in the utility's unit, before factor)
        :rtype: IngestResult
        """
        self = self.sudo()
        if not rows:
            return IngestResult(0, 0, 0, 0, 0)
        if any(row["kind"] == "hourly" for row in rows):
            return self.env["amr.interval"]._ingest_with_others(rows)
        self.env.flush_all()
        self._stage_rows(rows)
        cr = self.env.cr
        if not all(row.get("meter_id") for row in rows):
            cr.execute(RESOLVE_SQL, {"company": self.env.company.id})
        inserted, enabled = self._check_and_insert()
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

        :return: how many readings are new, and the ids of meters read for the first
            time
        """
        cr = self.env.cr
        self.env["amr.vee.rule"]._load_effective(
            SQL("m.id IN (SELECT meter_id FROM amr_reading_stage)")
        )
        cr.execute("DROP TABLE IF EXISTS amr_reading_checked")
        cr.execute(CHECK_SQL)
        cr.execute(JUDGE_SQL)
        cr.execute(INSERT_SQL)
        inserted = cr.rowcount
        cr.execute(SUPERSEDE_SQL)
        cr.execute(LATEST_SQL)
        enabled = [meter_id for (meter_id,) in cr.fetchall() if meter_id]
        cr.execute(ANSWERED_SQL)
        return inserted, enabled

    @api.model
    def _stage_rows(self, rows):
        buffer = io.StringIO()
        write = csv.writer(buffer).writerow
        times = {}  # a delivery has few of them, and each takes long to write out
        for line, row in enumerate(rows):
            index, read_at, get = row["index"], row["read_at"], row.get
            try:
                shown = 0 <= index < INDEX_LIMIT
            except (InvalidOperation, TypeError):
                shown = False
            if not shown:
                self._refuse_index(row)
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
                    index,
                    get("note") or "",
                )
            )
        buffer.seek(0)
        self.env.cr.execute(STAGE_SQL)
        self.env.cr.copy_expert(
            "COPY amr_reading_stage FROM STDIN WITH (FORMAT csv)", buffer
        )

    @api.model
    def _refuse_index(self, row):
        """:raises UserError: what a row has for an index is no index"""
        meter = self.env["amr.meter"].browse(row.get("meter_id") or ()).exists()
        raise UserError(
            self.env._(
                "Meter %(meter)s: “%(index)s” is no index. Give the number that the "
                "register shows, from 0 on.",
                meter=meter.number or row.get("address") or "?",
                index=row["index"],
            )
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
