"""Hourly and finer readings end in the interval store, through the one door."""

from odoo import api, models
from odoo.tools import SQL

from ..tools import ensure_partitions
from .amr_interval import TABLE
from .amr_reading_ingest import IngestResult
from .interval_sql import (
    AGAIN_SQL,
    ANSWERS_SQL,
    CHECK_SQL,
    CLEARED_SQL,
    INSERT_SQL,
    LATEST_SQL,
    MIDNIGHT_SQL,
    NEIGHBOURHOOD,
    VERDICT_SQL,
    WALK_SQL,
)
from .reading_effect_sql import TURN_SQL
from .reading_sql import JUDGE_SQL


class AmrInterval(models.Model):
    _inherit = "amr.interval"

    @api.model
    def _ingest_with_others(self, rows):
        """Take a delivery with hourly rows in; called by ``amr.reading._ingest``.

        An hourly index at local midnight is the daily freeze as well, once it is used,
        so that days, months and bills stand on one number.

        :rtype: IngestResult
        """
        others = [row for row in rows if row["kind"] != "hourly"]
        stored, freezes = self._ingest([row for row in rows if row["kind"] == "hourly"])
        # in one, so that they are judged in the order of time
        read = self.env["amr.reading"]._ingest([*others, *freezes])
        # the rows of the delivery are told of, not what else became of them
        new = {self._get_key(freeze) for freeze in freezes if freeze["is_new"]}
        told = {self._get_key(row) for row in others if row["kind"] == "daily"}
        inserted = read.inserted - len(new - told)
        read = read._replace(
            inserted=inserted, duplicates=len(others) - inserted - read.unknown
        )
        return IngestResult(*map(sum, zip(stored, read, strict=True)))

    @api.model
    def _get_key(self, row):
        """Return what tells one daily freeze of a delivery from another."""
        meter = row.get("address") or row.get("meter_id")
        return meter, row.get("register") or "total", row["read_at"], row["index"]

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
        findings = self._record_verdicts()
        Reading._answer_exceptions(SQL(ANSWERS_SQL, near=NEIGHBOURHOOD))
        self._use_cleared(cleared)
        freezes = self._take_freezes(rows)
        unknown = self.env["amr.unknown.reading"]._keep(rows)
        result = IngestResult(
            inserted=inserted,
            duplicates=len(rows) - inserted - unknown,
            conflicts=sum(kind == "conflict" for kind, _severity in findings),
            suspects=sum(severity == "suspect" for _kind, severity in findings),
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
        around = {"near": NEIGHBOURHOOD, "first": first, "last": last}
        self.env["amr.vee.rule"]._load_effective(
            SQL("m.id IN (SELECT meter_id FROM amr_reading_span)")
        )
        cr.execute(CHECK_SQL, around)
        again = Reading._set_known_apart("amr_interval_checked", AGAIN_SQL, around)
        if Reading._walk("amr_interval_checked", WALK_SQL, around):
            cr.execute(JUDGE_SQL.format(checked="amr_interval_checked"))
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
            {**rows[line], "meter_id": meter_id, "kind": "daily", "is_new": not known}
            for line, meter_id, known in self.env.execute_query(SQL(MIDNIGHT_SQL))
        ]
        self.env.cr.execute("SELECT DISTINCT meter_id FROM amr_interval_checked")
        meters = self.env["amr.meter"].browse(row[0] for row in self.env.cr.fetchall())
        meters._refresh_state()
        return freezes

    @api.model
    def _record_verdicts(self):
        """Keep what the rules found about the hours, and raise what is to be raised.

        :return: list of (kind, severity) of the new findings
        """
        self.env.cr.execute(VERDICT_SQL)
        found = self.env.cr.fetchall()
        self.env["amr.reading.verdict"].browse(row[0] for row in found)._raise()
        return [row[1:] for row in found]
