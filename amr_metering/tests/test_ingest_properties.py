from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import tagged

from .common import MeteringCommon

FIRST = datetime(2026, 3, 1, 16)
QUICK = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# a register of six digits, near its ends
INDEXES = st.integers(0, 300) | st.integers(999_800, 999_999)
STEPS = st.lists(st.decimals(0, 50, places=3, allow_nan=False), min_size=1, max_size=5)


@tagged("post_install", "-at_install")
class TestIngestProperties(MeteringCommon):
    """However a delivery is cut, ordered or repeated: the same store, raised once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        __, cls.other = cls._install("990000000002", cls._room("0102"))
        cls.both = cls.meter | cls.other

    def _series(self, meter, steps, kind):
        index, rows = Decimal(0), []
        for number, step in enumerate(steps):
            index += step
            unit = {"hours": number} if kind == "hourly" else {"days": number}
            at = FIRST + timedelta(**unit)
            rows.append(self._row(index, str(at), meter, kind=kind))
        return rows

    def _nonsense(self, claims):
        return [
            {**self._row(0, str(FIRST), self.meter), "index": index, "read_at": read_at}
            for index, read_at in claims
        ]

    def _deliver(self, deliveries):
        """Return what is stored and raised after these deliveries, and undo them."""
        with self.env.cr.savepoint() as savepoint:
            for rows in deliveries:
                self.env["amr.reading"]._ingest(rows)
            found = self._get_store()
            savepoint.rollback()
        self.env.invalidate_all()
        return found

    def _get_store(self):
        mine = [("meter_id", "in", self.both.ids)]

        def values(model, *names, domain=()):
            return sorted(
                tuple(str(row[name]) for name in names)
                for row in self.env[model].search([*mine, *domain])
            )

        return {
            "readings": values(
                "amr.reading", "meter_id", "kind", "read_at", "index", "quality"
            ),
            "hours": values("amr.interval", "meter_id", "read_at", "index", "quality"),
            "refused": values("amr.refused.reading", "meter_id", "stamp", "value"),
            # but for what is found on the delivery itself
            "found": values(
                "amr.reading.verdict",
                *("meter_id", "kind", "at", "index", "before_index"),
                domain=[("kind", "not in", ("duplicate", "late"))],
            ),
            "raised": set(values("amr.exception", "meter_id", "kind")),
            "open": values(
                *("amr.exception", "meter_id", "kind", "hourly"),
                domain=[("state", "=", "open")],
            ),
            "latest": [
                (meter.latest_index, meter.latest_at, meter.state)
                for meter in self.both
            ],
        }

    def _cut(self, data, rows):
        """Draw how rows come in: in one delivery or in several."""
        cuts = data.draw(st.sets(st.integers(0, len(rows))))
        ends = sorted(cuts | {0, len(rows)})
        return [rows[a:b] for a, b in zip(ends, ends[1:], strict=False)]

    @QUICK
    @given(
        STEPS,
        STEPS,
        st.lists(
            st.tuples(
                st.sampled_from([Decimal("NaN"), Decimal(-1), Decimal("Infinity")])
                | st.just(Decimal(5)),
                st.sampled_from([datetime(9999, 1, 1), datetime(1999, 1, 1)]),
            ),
            max_size=3,
        ),
        st.data(),
    )
    def test_any_order_any_cut_any_repetition(self, daily, hourly, claims, data):
        rows = [
            *self._series(self.meter, daily, "daily"),
            *self._series(self.other, hourly, "hourly"),
            *self._nonsense(claims),
        ]
        expected = self._deliver([rows])
        again = data.draw(st.lists(st.sampled_from(rows), max_size=4))
        shuffled = data.draw(st.permutations(rows + again))
        self.assertEqual(self._deliver(self._cut(data, shuffled)), expected)
        kinds = {kind for _meter, kind in expected["raised"]}
        self.assertEqual(kinds, {"refused"} if claims else set())
        self.assertEqual(len(expected["open"]), bool(claims))

    @QUICK
    @given(
        st.sets(st.tuples(st.integers(0, 6), INDEXES), min_size=2, max_size=9),
        st.sampled_from(["daily", "hourly"]),
        st.sampled_from([0, 150]),
        st.data(),
    )
    def test_in_the_order_of_time_it_is_all_one_how_it_is_cut(
        self, readings, kind, limit, data
    ):
        """Also when indexes fall, contradict each other, roll over or are too high:
        the same are held back for the same reason, and the same is left to decide.

        An exception that one delivery answers may be raised anew by the next, so what
        is compared is what was ever raised, and what is open in the end.
        """
        self.tariff.version_ids.normal_max = limit
        rows = [
            self._row(index, str(FIRST + timedelta(hours=1 + 24 * day)), kind=kind)
            for day, index in sorted(readings)
        ]
        expected = self._deliver([rows])
        self.assertEqual(self._deliver([rows, rows]), expected)
        self.assertEqual(self._deliver(self._cut(data, rows)), expected)
        shuffled = data.draw(st.permutations(rows))
        self.assertEqual(self._deliver([shuffled]), expected)
        single = [one for one in expected["open"] if one[1] != "conflict"]
        self.assertEqual(len(single), len(set(single)))

    @settings(QUICK, max_examples=6)  # each of them is many deliveries
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([0, 0, 0, 1, 2, 45]),  # what it shows, or really used
                st.sampled_from([0, 0, 0, 700, 29, 31, -50]),  # what it was misread by
                st.integers(1, 3) | st.just(30),  # hours since
            ),
            min_size=3,
            max_size=40,
        ),
        st.sampled_from([1, 60]),
        st.data(),
    )
    def test_wild_hours_in_the_order_of_time_however_cut(self, course, ratio, data):
        """As with readings; what the average is made of may lie on either side."""
        self.meter.current_ratio = ratio
        at, index, rows = FIRST, 1000, []
        for used, misread, hours in course:
            at, index = at + timedelta(hours=hours), index + used
            rows.append(self._row(index + misread, str(at), kind="hourly"))
        expected = self._deliver([rows])
        self.assertEqual(self._deliver([rows, rows]), expected)
        self.assertEqual(self._deliver(self._cut(data, rows)), expected)
        self.assertEqual(self._deliver([[row] for row in rows]), expected)
        shuffled = data.draw(st.permutations(rows))
        self.assertEqual(self._deliver([shuffled]), expected)
        single = [one for one in expected["open"] if one[1] != "conflict"]
        self.assertEqual(len(single), len(set(single)))
