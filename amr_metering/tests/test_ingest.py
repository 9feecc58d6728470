from datetime import date, datetime, timedelta
from unittest.mock import patch

import psycopg2

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.amr_base.tools import dec
from odoo.addons.amr_metering.models.reading_sql import CHECK_SQL

from .common import MeteringCommon

INGEST = "odoo.addons.amr_metering.models.amr_reading_ingest"


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

    def _reading(self, index):
        return self.env["amr.reading"].search(
            [("meter_id", "=", self.meter.id), ("index", "=", index)]
        )

    def test_what_was_held_back_is_used_once_nothing_speaks_against_it(self):
        """106 was misread: 21, delivered again after it was put aside, is good."""
        self._ingest(self._row(106, "2026-01-02 00:00:00"))
        row = self._row(21, "2026-02-02 00:00:00")
        self._ingest(row)
        exception = self._exceptions()
        self._ingest(row)  # it still does not fit: nothing new
        self.assertEqual((self._exceptions(), exception.state), (exception, "open"))
        self.assertEqual(self._reading(21).quality, "suspect")
        self._reading(106).action_put_aside()
        result = self._ingest(row)
        self.assertEqual((result.inserted, result.duplicates), (0, 1))
        self.assertEqual(self._reading(21).quality, "ok")
        self.assertEqual(exception.state, "resolved")
        self.assertIn("nothing speaks against it", exception.resolution)
        self.assertEqual(self.meter.latest_index, 21)

    def test_what_a_person_put_aside_stays_so_however_often_it_comes(self):
        self._ingest(self._row(106, "2026-01-02 00:00:00"))
        row = self._row(21, "2026-02-02 00:00:00")
        self._ingest(row)
        self._exceptions().action_put_aside()
        self._reading(106).action_put_aside()
        self._ingest(row)
        self.assertEqual(self._reading(21).quality, "suspect")
        self.assertFalse(self._exceptions())
        self.assertEqual(self.meter.state, "not_enabled")

    def test_put_aside_counts_while_another_exception_is_open(self):
        """Taken, put aside after all: no delivery brings it back, a person does."""
        self._ingest(
            self._row(106, "2026-01-02 00:00:00"), self._row(21, "2026-02-02 00:00:00")
        )
        row = self._row(22, "2026-02-03 00:00:00")
        self._ingest(row)
        exception = self._exceptions()
        self._reading(106).action_put_aside()
        self._reading(22).action_accept()
        self._reading(22).action_put_aside()
        self.assertEqual(exception.state, "open", "21 is undecided")
        self._ingest(row)
        self.assertEqual(self._reading(22).quality, "suspect")
        self._ingest(self._row(21, "2026-02-02 00:00:00"))
        self.assertEqual(self._reading(21).quality, "ok")
        self._reading(22).action_accept()
        self.assertFalse(self._reading(22).put_aside)
        self.assertEqual(self.meter.latest_index, 22)

    def test_what_one_exception_put_aside_another_does_not_bring_back(self):
        self._ingest(self._row(106, "2026-01-02 00:00:00"))
        row = self._row(21, "2026-02-02 00:00:00")
        self._ingest(row)
        exception = self._exceptions()
        other = exception.copy({"kind": "high"})
        exception.verdict_ids.copy({"kind": "high", "exception_id": other.id})
        exception.action_put_aside()
        self._reading(106).action_put_aside()
        self._ingest(row)
        self.assertEqual((self._reading(21).quality, other.state), ("suspect", "open"))

    def test_what_was_put_aside_is_no_neighbour_when_it_comes_again(self):
        self._ingest(self._row(50, "2026-01-02 00:00:00"))
        self._reading(50).action_put_aside()
        self._ingest(
            self._row(50, "2026-01-02 00:00:00"), self._row(20, "2026-01-03 00:00:00")
        )
        self.assertEqual(self._reading(20).quality, "ok")
        self.assertEqual(self._reading(50).quality, "suspect")

    # === What is held back is no neighbour === #

    def test_a_reading_answers_what_came_before_it_in_the_same_delivery(self):
        self._ingest(
            *(
                self._row(index, f"2026-01-0{day} 00:00:00")
                for day, index in enumerate((7, 6, 7), 1)
            )
        )
        exception = self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual((exception.kind, exception.state), ("negative", "resolved"))
        self.assertIn("7.000", exception.resolution)

    def test_a_second_fall_is_answered_by_itself(self):
        """10, 5, 11, 6, 12, each answered, however they come."""
        days = [
            self._row(index, f"2026-01-0{day} 00:00:00")
            for day, index in enumerate((10, 5, 11, 6, 12), 1)
        ]
        self._ingest(*days[:4])
        self.assertEqual(len(self._exceptions()), 1)
        self._ingest(days[4])
        self.assertFalse(self._exceptions())

    def test_what_fits_answers_a_rival_of_its_own_time(self):
        """114 is too little after 245; 300 of that time fits, 301 comes later."""
        for at, index in ((1, 245), (3, 114), (3, 300), (6, 301)):
            self._ingest(self._row(index, f"2026-01-0{at} 00:00:00"))
        self.assertFalse(self._exceptions())

    def test_another_register_answers_nothing(self):
        self._ingest(
            self._row(100, "2026-01-02 00:00:00", register="t1"),
            self._row(90, "2026-01-03 00:00:00", register="t1"),
        )
        self._ingest(self._row(300, "2026-01-04 00:00:00"))
        self.assertEqual(self._exceptions().kind, "negative")

    def test_the_next_is_compared_with_what_counts_not_with_its_rival(self):
        """100 or 900? The lower counts for now, and 105 fits it."""
        self._ingest(
            self._row(100, "2026-01-02 00:00:00"),
            self._row(900, "2026-01-02 00:00:00"),
            self._row(105, "2026-01-03 00:00:00"),
        )
        self.assertEqual(self._exceptions().kind, "conflict")
        self.assertEqual(self.meter.latest_index, 105)

    def test_what_fits_only_a_too_high_one_is_too_high_itself(self):
        self.tariff.version_ids.normal_max = 500
        self._ingest(
            self._row(100, "2026-01-02 00:00:00"),
            self._row(900, "2026-01-03 00:00:00"),
            self._row(905, "2026-01-04 00:00:00"),
            self._row(110, "2026-01-05 00:00:00"),
        )
        qualities = [self._reading(index).quality for index in (900, 905, 110)]
        self.assertEqual(qualities, ["suspect", "suspect", "ok"])
        self.assertFalse(self._exceptions())

    def test_between_what_is_known_a_peak_is_held_back_in_any_company(self):
        """60 cannot be while 50 was read after it, although 20 came with it."""
        self._ingest(self._row(50, "2026-01-09 00:00:00"))
        self._ingest(
            *(
                self._row(index, f"2026-01-0{day} 00:00:00")
                for day, index in enumerate((10, 60, 20), 1)
            )
        )
        self.assertEqual(self._reading(60).quality, "suspect")
        self.assertEqual(self._reading(20).quality, "ok")

    def test_a_stamp_in_the_future_is_no_neighbour(self):
        ahead = datetime.now().replace(microsecond=0) + timedelta(hours=3)
        self._ingest(self._row(900, str(ahead)))
        self._ingest(
            self._row(10, str(ahead - timedelta(hours=6))),
            self._row(900, str(ahead)),
            self._row(11, str(ahead - timedelta(hours=4))),
        )
        self.assertEqual(self._reading(11).quality, "ok")

    def test_a_roll_over_is_plausible_by_the_days_of_the_same_delivery(self):
        days = [999_000 + 10 * day for day in range(30)] + [30_000]
        rows = [
            self._row(index, str(datetime(2026, 1, 2) + timedelta(days=day)))
            for day, index in enumerate(days)
        ]
        self._ingest(*rows)
        self.assertEqual(self._exceptions().kind, "rollover")
        self.assertEqual(self.meter.latest_index, 999_290)

    def test_what_another_delivery_brought_meanwhile_is_no_error(self):
        """The door saw no such reading; the other one was quicker."""
        Reading = self.env["amr.reading"]
        row = self._row(10, "2026-01-02 00:00:00")
        self._ingest(row)
        with patch.object(type(Reading), "_set_known_apart", return_value=[]):
            with patch(
                f"{INGEST}.CHECK_SQL", CHECK_SQL.replace("quality = 'ok'", "false")
            ):
                result = self._ingest(row)
        self.assertEqual((result.inserted, result.duplicates), (0, 1))

    def test_a_wrong_clock_is_not_made_right_by_time(self):
        now = datetime.now().replace(microsecond=0)
        row = self._row(10, str(now + timedelta(hours=3)))
        self._ingest(row)
        # the rule that held it back finds nothing any more
        self.env["amr.vee.rule"].search([("kind", "=", "future")]).limit_value = 300
        self._ingest(row)
        self.assertEqual(self._reading(10).quality, "suspect")

    def test_what_lost_to_another_value_is_not_raised_again(self):
        rows = [self._row(index, "2026-01-02 00:00:00") for index in (10, 11)]
        for row in rows:
            self._ingest(row)
        self._exceptions().action_accept()
        self._ingest(*rows)
        self.assertFalse(self._exceptions())
        self.assertEqual(self.meter.latest_index, 11)

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
