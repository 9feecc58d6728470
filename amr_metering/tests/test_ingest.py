from datetime import date, datetime, timedelta

import psycopg2

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestIngest(MeteringCommon):
    def _exceptions(self, meter=None):
        return self.env["amr.exception"].search(
            [("meter_id", "=", (meter or self.meter).id), ("state", "=", "open")]
        )

    def test_a_meter_is_enabled_by_its_first_reading(self):
        self.assertEqual(self.meter.state, "not_enabled")
        self._ingest(self._row(12.5, "2026-01-02 00:00:00"))
        self.assertEqual(self.meter.state, "normal")
        self.assertEqual(str(dec(self.meter.latest_index)), "12.500")

    def test_a_meter_that_was_never_installed_is_read_too(self):
        spare = self.meter.copy({"number": "990000000099", "address": False})
        self.assertEqual(self._ingest(self._row(4, "2026-01-02", spare)).inserted, 1)
        self.assertEqual((spare.state, spare.latest_index), ("normal", 4))

    def test_a_late_reading_is_checked_against_both_neighbours(self):
        self._ingest(
            self._row(10, "2026-01-02 00:00:00"), self._row(30, "2026-01-09 00:00:00")
        )
        self._ingest(self._row(20, "2026-01-05 00:00:00"))
        self.assertFalse(self._exceptions())
        self._ingest(self._row(35, "2026-01-06 00:00:00"))
        self.assertEqual(self._exceptions().kind, "negative")
        self.assertEqual(str(dec(self.meter.latest_index)), "30.000")

    def test_the_same_row_twice_is_one_reading(self):
        row = self._row(10, "2026-01-02 00:00:00")
        first = self._ingest(row, row)
        self.assertEqual((first.inserted, first.duplicates), (1, 1))
        self.assertEqual(self.meter.latest_index, 10)
        second = self._ingest(row)
        self.assertEqual((second.inserted, second.duplicates), (0, 1))

    def test_another_value_for_the_same_time_is_kept_and_raised(self):
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        result = self._ingest(self._row(11, "2026-01-02 00:00:00"))
        self.assertEqual((result.inserted, result.conflicts), (1, 1))
        self.assertEqual(self._exceptions().kind, "conflict")
        self.assertEqual(str(dec(self.meter.latest_index)), "10.000")

    def test_an_accepted_value_supersedes_its_rival(self):
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        self._ingest(self._row(11, "2026-01-02 00:00:00"))
        self._exceptions().action_accept()
        self.assertFalse(self._exceptions())
        self.assertEqual(str(dec(self.meter.latest_index)), "11.000")

    def test_the_last_accepted_of_three_values_is_used(self):
        for index in (10, 11, 12):
            self._ingest(self._row(index, "2026-01-02 00:00:00"))
        for exception in self._exceptions().sorted("id"):
            exception.action_accept()
            usable = self.env["amr.reading"].search(
                [("meter_id", "=", self.meter.id), ("superseded_by_id", "=", False)]
            )
            self.assertEqual(usable, exception.reading_id)
        self.assertEqual(str(dec(self.meter.latest_index)), "12.000")

    def test_conflict_inside_one_delivery(self):
        result = self._ingest(
            self._row(10, "2026-01-02 00:00:00"), self._row(11, "2026-01-02 00:00:00")
        )
        self.assertEqual((result.inserted, result.conflicts), (2, 1))

    def test_negative_consumption_is_flagged(self):
        """Golden vector GV6: 21 after 106, 54 after 303; 142 after 95 is 47."""
        cases = [(106, 21, "negative"), (303, 54, "negative"), (95, 142, False)]
        for number, (before, index, finding) in enumerate(cases):
            __, meter = self._install(
                f"99000000001{number}", self._room(f"020{number}")
            )
            self._ingest(
                self._row(before, "2026-01-02 00:00:00", meter),
                self._row(index, "2026-02-02 00:00:00", meter),
            )
            self.assertEqual(self._exceptions(meter).kind, finding)
            self.assertEqual(
                str(dec(meter.latest_index)), f"{before if finding else index}.000"
            )

    def test_roll_over_is_accepted(self):
        self._ingest(
            self._row(999990, "2026-01-02 00:00:00"),
            self._row(5, "2026-01-03 00:00:00"),
        )
        self.assertFalse(self._exceptions())
        self.assertEqual(str(dec(self.meter.latest_index)), "5.000")

    def test_high_consumption_is_flagged(self):
        self.tariff.version_ids.normal_max = 500
        self._ingest(
            self._row(100, "2026-01-02 00:00:00"), self._row(900, "2026-01-20 00:00:00")
        )
        self.assertEqual(self._exceptions().kind, "high")

    def test_a_stamp_in_the_future_is_flagged(self):
        tomorrow = (datetime.now() + timedelta(days=1)).isoformat(" ", "seconds")
        self._ingest(self._row(10, tomorrow))
        self.assertEqual(self._exceptions().kind, "future")

    def test_an_unknown_meter_is_kept_and_reported(self):
        row = self._row(10, "2026-01-02 00:00:00")
        row.update(meter_id=None, address="123456789012")
        result = self._ingest(row)
        self.assertEqual((result.inserted, result.unknown), (0, 1))
        exception = self.env["amr.exception"].search(
            [("kind", "=", "unknown"), ("reason", "like", "123456789012")]
        )
        self.assertEqual(len(exception), 1)

    def test_an_address_finds_its_meter(self):
        row = self._row(10, "2026-01-02 00:00:00")
        row.update(meter_id=None, address=self.meter.address)
        self.assertEqual(self._ingest(row).inserted, 1)

    def test_an_address_finds_the_meter_of_its_own_company(self):
        other = self.env["res.company"].create({"name": "Other estate"})
        both = self.env.companies | other
        for company in both:
            row = self._row(10, "2026-01-02 00:00:00")
            row.update(meter_id=None, address=self.meter.address)
            for kind in ("spot", "hourly"):
                result = (
                    self.env["amr.reading"]
                    .with_context(allowed_company_ids=both.ids)
                    .with_company(company)
                    ._ingest([{**row, "kind": kind}])
                )
                self.assertEqual(result.unknown, int(company == other))

    @mute_logger("odoo.sql_db")
    def test_raw_readings_are_never_changed_or_deleted(self):
        """Promise I9, in the database."""
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        reading = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        with self.assertRaises(UserError):
            reading.unlink()
        for statement in (
            'UPDATE amr_reading SET "index" = 9 WHERE id = %s',
            "UPDATE amr_reading SET read_at = now() WHERE id = %s",
            "DELETE FROM amr_reading WHERE id = %s",
        ):
            with self.assertRaises(psycopg2.Error), self.cr.savepoint():
                self.env.cr.execute(statement, (reading.id,))

    def test_daily_usage_is_exact(self):
        """Golden vector GV9 as daily freezes: differences without float noise."""
        pairs = [
            ("5081.9", "5086.5", "4.600"),
            ("1124.73", "1125.09", "0.360"),
            ("503.4", "504.02", "0.620"),
            ("6814.85", "6819.67", "4.820"),
            ("2095.19", "2104.93", "9.740"),
        ]
        for number, (start, end, expected) in enumerate(pairs):
            __, meter = self._install(
                f"99000000002{number}", self._room(f"030{number}")
            )
            self._ingest(
                self._row(start, "2026-01-01 16:00:00", meter, kind="daily"),
                self._row(end, "2026-01-02 16:00:00", meter, kind="daily"),
            )
            usage = meter._daily_usage(date(2026, 1, 1), date(2026, 2, 1))
            self.assertEqual(
                [(day, str(value)) for day, value in usage[meter.id]],
                [(date(2026, 1, 2), expected)],
            )

    def test_nearest_usable_reading(self):
        self._ingest(
            self._row(10, "2026-01-01 15:00:00"),
            self._row(11, "2026-01-01 16:00:00", kind="daily"),
            self._row(12, "2026-01-01 18:00:00"),
        )
        find = self.env["amr.reading"]._usable_at
        exact = find(self.meter, datetime(2026, 1, 1, 16))[self.meter.id]
        self.assertEqual(str(dec(exact.index)), "11.000")
        near = find(self.meter, datetime(2026, 1, 1, 17, 30), timedelta(hours=1))
        self.assertEqual(str(dec(near[self.meter.id].index)), "12.000")
        self.assertFalse(find(self.meter, datetime(2026, 1, 5)))
