from datetime import date, datetime, timedelta
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestEstimate(MeteringCommon):
    def _estimate(self, at, meter=None, **how):
        meter = meter or self.meter
        moment = datetime.fromisoformat(at)
        return meter._estimate_index(moment, **how).get(meter.id)

    def _readings(self, meter=None):
        return self.env["amr.reading"].search(
            [("meter_id", "=", (meter or self.meter).id)], order="read_at, id"
        )

    def test_between_two_readings(self):
        self._ingest(
            self._row(100, "2026-02-01 00:00:00"), self._row(131, "2026-03-04 00:00:00")
        )
        estimate = self._estimate("2026-02-11 00:00:00")
        self.assertEqual((estimate.method, estimate.index), ("between", 110))
        self.assertIn("100.000 (2026-02-01 08:00)", estimate.reason)

    def test_own_average(self):
        self._ingest(
            self._row(100, "2026-02-01 00:00:00"), self._row(130, "2026-02-11 00:00:00")
        )
        self.meter.installation_ids.flush_recordset()
        estimate = self._estimate("2026-02-15 00:00:00")
        # 130 since the opening at 0 on 2025-12-31 16:00, 41 days and a third
        pace = Decimal(130) / (Decimal(41) + Decimal(1) / 3)
        self.assertEqual(estimate.method, "average")
        self.assertEqual(estimate.index, dec(130 + pace * 4))

    def test_the_same_time_last_year(self):
        __, meter = self._install(
            "990000000081", self._room("0181"), since="2024-12-31 16:00:00"
        )
        self._ingest(
            self._row(0, "2025-01-01 00:00:00", meter),
            self._row(100, "2025-07-01 00:00:00", meter),
            self._row(180, "2025-07-11 00:00:00", meter),
            self._row(500, "2026-07-01 00:00:00", meter),
        )
        estimate = self._estimate("2026-07-06 00:00:00", meter)
        self.assertEqual((estimate.method, estimate.index), ("last_year", 540))
        estimate = self._estimate("2026-07-06 00:00:00", meter, method="last_year")
        self.assertEqual(estimate.index, 540)

    def test_similar_metering_points(self):
        __, fresh = self._install(
            "990000000082", self._room("0182"), 7, since="2026-03-05 00:00:00"
        )
        fresh.ratio_percent = 200
        self._agree(fresh.point_id, date_from="2026-03-05 00:00:00")
        self._ingest(
            self._row(10, "2026-02-15 00:00:00"), self._row(70, "2026-03-07 00:00:00")
        )
        estimate = self._estimate("2026-03-09 00:00:00", fresh)
        # the neighbour uses 3 a day; at twice the ratio the register moves 1.5
        self.assertEqual((estimate.method, estimate.index), ("similar", 13))

    def _mixed_meters(self, count):
        """Meters that are estimated in different ways, as many of each."""
        meters = self.env["amr.meter"]
        for number in range(count):
            room = self._room(f"{number // 50 + 11:02}{number % 50:02}")
            since = ("2024-12-31 16:00:00", "2026-03-05 00:00:00")[number % 4 == 3]
            point, meter = self._install(f"99000001{number:04}", room, 5, since=since)
            self._agree(point, date_from=since)
            meter.ratio_percent = 100 + number
            meters |= meter
            rows = (
                [(10, "2026-03-06 00:00:00"), (90 + number, "2026-03-16 00:00:00")],
                [(40, "2026-02-10 00:00:00"), (70 + number, "2026-03-07 00:00:00")],
                [(6, "2025-03-01 00:00:00"), (66 + number, "2025-03-31 00:00:00")]
                + [(200, "2026-03-07 00:00:00")],
                [],
            )[number % 4]
            self._ingest(*[self._row(index, at, meter) for index, at in rows])
        return meters

    def test_many_meters_at_once_are_estimated_as_each_alone(self):
        meters, at = self._mixed_meters(12), datetime(2026, 3, 9)
        for method in (None, "between", "average", "last_year", "similar"):
            alone = {}
            for meter in meters:
                alone |= meter._estimate_index(at, method=method)
            self.assertEqual(meters._estimate_index(at, method=method), alone)
            if method:
                self.assertTrue(alone)

    def test_many_meters_are_estimated_with_the_queries_of_a_few(self):
        meters, at = self._mixed_meters(24), datetime(2026, 3, 9)

        def count(some):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(len(some._estimate_index(at)), len(some))
            return self.env.cr.sql_log_count - before

        count(meters)
        self.assertEqual(count(meters), count(meters[:4]))

    def test_nothing_known_gives_nothing(self):
        __, fresh = self._install(
            "990000000083", self._room("0183"), since="2026-03-05 00:00:00"
        )
        self.assertIsNone(self._estimate("2026-03-09 00:00:00", fresh))
        self.assertIsNone(self._estimate("2026-03-01 00:00:00", fresh))

    def _take(self, at="2026-02-11 00:00:00"):
        self._ingest(self._row(100, "2026-02-01 00:00:00"))
        moment = datetime.fromisoformat(at)
        self.meter._take_estimates(moment)
        return self._readings().filtered(lambda r: r.quality == "estimated")

    def test_an_estimate_is_a_reading_with_its_reason(self):
        reading = self._take()
        self.assertEqual((reading.source, reading.kind), ("estimate", "daily"))
        self.assertIn("own average", reading.note)
        self.assertEqual(self.meter.latest_index, 100, "nobody read it")

    def test_a_reading_of_that_time_supersedes_it(self):
        estimate = self._take()
        self._ingest(self._row(111, "2026-02-11 00:00:00"))
        actual = self._readings()[-1]
        self.assertEqual(estimate.superseded_by_id, actual)
        self.assertEqual(actual.quality, "ok")
        self.assertFalse(
            self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        )

    def test_a_reading_that_contradicts_it_supersedes_it(self):
        estimate = self._take()
        self._ingest(self._row(101, "2026-02-20 00:00:00"))
        self.assertEqual(estimate.superseded_by_id, self._readings()[-1])
        self.assertEqual(self.meter.latest_index, 101)
        self.assertFalse(
            self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        )

    def test_a_reading_that_fits_leaves_it(self):
        estimate = self._take()
        self._ingest(self._row(200, "2026-02-20 00:00:00"))
        self.assertFalse(estimate.superseded_by_id)

    def test_from_the_work_list_by_hand(self):
        self._ingest(
            self._row(106, "2026-01-22 00:00:00"), self._row(21, "2026-02-02 00:00:00")
        )
        exception = self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        action = exception.action_estimate()
        wizard = Form(
            self.env[action["res_model"]].with_context(**action["context"])
        ).save()
        [line] = wizard.line_ids
        self.assertEqual(line.at, datetime(2026, 2, 2))
        self.assertIn("own average", line.basis)
        line.method = "last_year"
        self.assertIn("do not allow", line.basis)
        with self.assertRaisesRegex(UserError, "cannot be estimated this way"):
            wizard.action_estimate()
        line.method = False
        wizard.action_estimate()
        self.assertEqual(exception.state, "resolved")
        self.assertIn("Estimated", exception.resolution)
        estimate = self._readings().filtered(lambda r: r.quality == "estimated")
        self.assertEqual(estimate.read_at, datetime(2026, 2, 2))
        self.assertGreater(estimate.index, 106)

    def test_what_is_held_back_moves_nothing_until_it_fits(self):
        at = "2026-02-11 00:00:00"
        self._ingest(self._row(1000, "2026-02-01 00:00:00"))
        freeze = self._row(900, at, kind="daily")
        self._ingest(freeze)
        misread, held = self._readings()
        self.assertEqual(held.quality, "suspect")
        self.meter._take_estimates(datetime.fromisoformat(at))
        estimate = self._readings().filtered(lambda r: r.quality == "estimated")
        self.assertTrue(estimate)
        self._ingest(freeze)
        self.assertEqual(held.quality, "suspect")
        self.assertFalse(estimate.superseded_by_id)
        self.assertEqual(self.meter.latest_index, 1000)
        misread.action_put_aside()
        self._ingest(self._row(880, "2026-02-05 00:00:00"))
        self.assertFalse(estimate.superseded_by_id)
        self._ingest(freeze)  # nothing speaks against it any more
        self.assertEqual(held.quality, "ok")
        self.assertEqual(estimate.superseded_by_id, held)
        self.assertEqual(self.meter.latest_index, 900)

    def _take_line(self, user=None, **vals):
        env = self.env(user=user) if user else self.env
        wizard = env["amr.reading.estimate"].create({})
        line = {"wizard_id": wizard.id, "meter_id": self.meter.id}
        env["amr.reading.estimate.line"].create({**line, **vals})
        wizard.action_estimate()

    def test_an_exception_of_another_meter_stays(self):
        self._ingest(self._row(100, "2026-02-01 00:00:00"))
        vals = {"community_id": self.other_community.id, "reason": "?", "kind": "high"}
        foreign = self.env["amr.exception"].create(vals)
        own = self.env["amr.exception"].create(
            {**vals, "community_id": self.community.id}
        )
        admin = self._operator("est_admin", "amr_base.group_community_admin")
        for exception, error in ((foreign, AccessError), (own, UserError)):
            with self.assertRaises(error):
                self._take_line(
                    admin, at="2026-02-11 00:00:00", exception_id=exception.id
                )
            self.assertEqual(exception.state, "open")

    def test_an_estimate_over_the_normal_use_is_used(self):
        self._ingest(self._row(100, "2026-02-01 00:00:00"))
        self.tariff.version_ids.normal_max = 10
        self._take_line(at="2026-02-21 00:00:00")
        self.assertEqual(self._readings()[-1].quality, "estimated")

    def test_estimating_is_an_administrators_work(self):
        reader = self._operator("est_reader", "amr_base.group_reader")
        with self.assertRaises(AccessError):
            self.env["amr.reading.estimate"].with_user(reader).create({})

    def test_what_was_read_is_not_estimated(self):
        self._ingest(self._row(106, "2026-02-02 00:00:00"))
        wizard = self.env["amr.reading.estimate"].create({})
        line = self.env["amr.reading.estimate.line"].create(
            {
                "wizard_id": wizard.id,
                "meter_id": self.meter.id,
                "at": "2026-02-02 00:00:00",
            }
        )
        with self.assertRaisesRegex(UserError, "read at that very time"):
            line._take()

    def test_daily_use_adds_up_over_an_estimate(self):
        midnight = self.community._local_midnight
        for day, index in ((date(2026, 2, 1), 100), (date(2026, 2, 3), 131)):
            self._ingest(self._row(index, midnight(day).isoformat(" "), kind="daily"))
        self.meter._take_estimates(midnight(date(2026, 2, 2)))
        usage = self.meter._daily_usage(date(2026, 2, 1), date(2026, 2, 3))
        days = usage[self.meter.id]
        self.assertEqual(
            [day for day, _use in days],
            [date(2026, 2, 1) + timedelta(days=n) for n in range(2)],
        )
        self.assertEqual(sum(use for _day, use in days), 31)
