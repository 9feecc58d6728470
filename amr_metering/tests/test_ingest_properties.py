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
            "raised": values("amr.exception", "meter_id", "kind"),
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
        self.assertEqual(len(expected["raised"]), bool(claims))

    @QUICK
    @given(
        st.lists(st.integers(0, 300), min_size=2, max_size=6),
        st.sampled_from(["daily", "hourly"]),
        st.data(),
    )
    def test_in_the_order_of_time_it_is_all_one_how_it_is_cut(
        self, indexes, kind, data
    ):
        """Also when indexes fall: the same are held back, each meter raised once."""
        rows = [
            self._row(
                index,
                str(FIRST + timedelta(hours=1 + number * 24)),
                kind=kind,
            )
            for number, index in enumerate(indexes)
        ]
        expected = self._deliver([rows])
        self.assertEqual(self._deliver([rows, rows]), expected)
        self.assertEqual(self._deliver(self._cut(data, rows)), expected)
        self.assertEqual(len(expected["raised"]), len(set(expected["raised"])))
