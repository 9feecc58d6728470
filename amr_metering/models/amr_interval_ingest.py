"""Hourly and finer readings end in the interval store, through the one door."""

from odoo import api, models
from odoo.tools import SQL

from ..tools import ensure_partitions
from .amr_interval import TABLE
from .amr_reading_ingest import CLOCK_TOLERANCE, IngestResult
from .interval_sql import (
    AGAIN_SQL,
    CHECK_SQL,
    CLEARED_SQL,
    FINDINGS_SQL,
    INSERT_SQL,
    LATEST_SQL,
    MIDNIGHT_SQL,
    NEIGHBOURHOOD,
    WALK_SQL,
)
from .reading_effect_sql import TURN_SQL


class AmrInterval(models.Model):
    _inherit = "amr.interval"

    def _settle_exceptions(self, resolution):
        """Settle what ingestion raised of meters that have no suspect value left."""
        suspects = self.search(
            [("meter_id", "in", self.meter_id.ids), ("quality", "=", "suspect")]
        )
        exceptions = self.env["amr.exception"].search(
            [
                ("meter_id", "in", (self.meter_id - suspects.meter_id).ids),
                ("kind", "in", ("future", "conflict", "negative")),
                ("state", "=", "open"),
            ]
        )
        exceptions.filtered(lambda e: not e._get_suspects())._settle(resolution)

    @api.model
    def _ingest_with_others(self, rows):
        """Take a delivery with hourly rows in; called by ``amr.reading._ingest``.

        An hourly index at local midnight is the daily freeze as well, so that days,
        months and bills stand on one number.

        :rtype: IngestResult
        """
        Reading = self.env["amr.reading"]
        stored, freezes = self._ingest([row for row in rows if row["kind"] == "hourly"])
        Reading._ingest(freezes)
        others = Reading._ingest([row for row in rows if row["kind"] != "hourly"])
        return IngestResult(*map(sum, zip(stored, others, strict=True)))

    @api.model
    def _ingest(self, rows):
        """Take interval readings in.

        :param list rows: as of ``amr.reading._ingest``
        :return: the IngestResult, and the rows at local midnight as daily freezes
        """
        self = self.sudo()
        Reading = self.env["amr.reading"]
        self.env.flush_all()
        times = {row["read_at"] for row in rows}
        ensure_partitions(self.env.cr, TABLE, {read_at.date() for read_at in times})
        Reading._stage_rows(rows)
        inserted, cleared = self._check_and_insert(min(times), max(times))
        self.env["amr.alarm"]._schedule_check()
        self.env.invalidate_all(flush=False)
        self._use_cleared(cleared)
        findings = self._raise_findings()
        freezes = self._take_freezes(rows)
        unknown = self.env["amr.unknown.reading"]._keep(rows)
        result = IngestResult(
            inserted=inserted,
            duplicates=len(rows) - inserted - unknown,
            conflicts=findings.get("conflict", 0),
            suspects=sum(findings.values()),
            unknown=unknown,
        )
        return result, freezes

    @api.model
    def _check_and_insert(self, first, last):
        """Judge the staged rows and insert them.

        :param datetime first: their first time, naive UTC
        :param datetime last: their last
        :return: how many are new, and the ids of those that were held back before and
            are used now
        """
        Reading, cr = self.env["amr.reading"], self.env.cr
        around = {
            "tolerance": CLOCK_TOLERANCE,
            "near": NEIGHBOURHOOD,
            "first": first,
            "last": last,
        }
        cr.execute(CHECK_SQL, around)
        again = Reading._set_known_apart("amr_interval_checked", AGAIN_SQL, around)
        Reading._walk("amr_interval_checked", WALK_SQL, around)
        inserted = Reading._insert_new(INSERT_SQL, again)
        cleared = Reading._clear("amr_interval_checked", CLEARED_SQL, again)
        cr.execute(LATEST_SQL)
        cr.execute(TURN_SQL.format("amr_interval_checked"))
        return inserted, cleared

    @api.model
    def _use_cleared(self, interval_ids):
        """Use what came in again and fits now (its freeze of midnight comes again)."""
        if interval_ids:
            cleared = self.browse(interval_ids)
            cleared.meter_id._refresh_latest()
            cleared._settle_exceptions(
                self.env._("It came in again, and nothing speaks against it now.")
            )

    @api.model
    def _take_freezes(self, rows):
        freezes = [
            {**rows[line], "meter_id": meter_id, "kind": "daily"}
            for line, meter_id in self.env.execute_query(SQL(MIDNIGHT_SQL))
        ]
        self.env.cr.execute("SELECT DISTINCT meter_id FROM amr_interval_checked")
        meters = self.env["amr.meter"].browse(row[0] for row in self.env.cr.fetchall())
        meters._refresh_state()
        return freezes

    @api.model
    def _raise_findings(self):
        """Open an exception for every meter with suspect intervals.

        :return: ``{kind: number of rows}``
        """
        counts = {}
        for kind, meter_id, count, since in self.env.execute_query(SQL(FINDINGS_SQL)):
            counts[kind] = counts.get(kind, 0) + count
            meter = self.env["amr.meter"].browse(meter_id)
            self.env["amr.exception"]._raise_exception(
                kind,
                self.env._(
                    "Meter %(meter)s: %(count)s interval readings since %(since)s "
                    "(UTC) do not fit their neighbours; look at the suspect ones "
                    "under Interval readings and accept the right values.",
                    meter=meter.number,
                    count=count,
                    since=since,
                ),
                meter=meter,
            )
        return counts
