from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.amr_metering.models.reading_sql import CHECK_SQL

from .common import MeteringCommon

INGEST = "odoo.addons.amr_metering.models.amr_reading_ingest"


@tagged("post_install", "-at_install")
class TestIngestHeldBack(MeteringCommon):
    """What is held back, what a person put aside, and what answers it."""

    def _exceptions(self, meter=None):
        return self.env["amr.exception"].search(
            [("meter_id", "=", (meter or self.meter).id), ("state", "=", "open")]
        )

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
