from decimal import Decimal

from odoo.tests import BaseCase, tagged

from ..tools import bar_chart
from ..tools.chart import nice_ceiling


@tagged("post_install", "-at_install")
class TestChart(BaseCase):
    def _points(self, *values):
        return [
            (str(day), f"day {day}", None if value is None else Decimal(value))
            for day, value in enumerate(values, 1)
        ]

    def test_ceiling_is_a_round_number_above(self):
        for value, ceiling in (
            ("0", "1"),
            ("0.03", "0.05"),
            ("1", "1"),
            ("1.01", "2"),
            ("2.4", "2.5"),
            ("7", "10"),
            ("101", "200"),
            ("999", "1000"),
        ):
            with self.subTest(value=value):
                self.assertEqual(nice_ceiling(Decimal(value)), Decimal(ceiling))

    def test_heights_follow_values(self):
        chart = bar_chart(self._points("10", "5", "0", None))
        tall, half, zero, unknown = chart.bars
        self.assertEqual(tall.y, 18)
        self.assertAlmostEqual(half.height * 2, tall.height, places=1)
        self.assertEqual((zero.height, unknown.height), (0, 0))
        self.assertEqual(tall.y + tall.height, chart.baseline)

    def test_unknown_is_not_zero(self):
        chart = bar_chart(self._points("4", None, "2"))
        self.assertEqual((chart.total, chart.known), (Decimal(6), 2))
        self.assertEqual(chart.average, Decimal(3))
        self.assertIsNone(chart.bars[1].value)
        self.assertEqual(chart.highest.label, "1")

    def test_negative_value_stays_on_the_ground(self):
        chart = bar_chart(self._points("-3", "1"))
        self.assertEqual(chart.bars[0].height, 0)

    def test_labels_never_crowd_a_phone_and_the_last_is_shown(self):
        for count in (1, 7, 12, 30, 31):
            chart = bar_chart(self._points(*["1"] * count))
            shown = [bar for bar in chart.bars if bar.label_shown]
            self.assertLessEqual(len(shown), 7)
            self.assertTrue(chart.bars[-1].label_shown)

    def test_bars_stay_inside(self):
        chart = bar_chart(self._points(*["3"] * 31))
        self.assertGreater(chart.bars[0].x, 0)
        self.assertLess(chart.bars[-1].x + chart.bars[-1].width, 100)

    def test_no_points_is_an_empty_chart(self):
        chart = bar_chart([])
        self.assertEqual((chart.bars, chart.highest), ([], None))
        self.assertEqual(chart.average, 0)
