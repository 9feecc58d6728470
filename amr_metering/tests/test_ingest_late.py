from datetime import datetime

from odoo.tests import tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestIngestLate(MeteringCommon):
    """What comes late or after something else: an estimate, a new beginning."""

    def _readings(self, **values):
        domain = [("meter_id", "=", self.meter.id), ("superseded_by_id", "=", False)]
        domain += [(name, "=", value) for name, value in values.items()]
        return self.env["amr.reading"].search(domain)

    def _freeze(self, index, read_at, **values):
        return self._row(index, read_at, kind="daily", **values)

    def test_a_reading_equal_to_the_estimate_before_it_counts_as_read(self):
        self._ingest(self._freeze(10, "2026-02-01 16:00:00"))
        self._ingest(self._freeze(10, "2026-02-02 16:00:00", source="estimate"))
        self.assertEqual(self.meter.latest_at, datetime(2026, 2, 1, 16))
        missing = self.env["amr.exception"]._raise_all(
            [
                {
                    "kind": "missing",
                    "reason": "No freeze.",
                    "meter": self.meter,
                    "found_at": datetime(2026, 2, 2, 16),
                }
            ]
        )
        result = self._ingest(self._freeze(10, "2026-02-02 16:00:00"))
        self.assertEqual((result.inserted, result.suspects), (0, 0))
        reading = self._readings(read_at="2026-02-02 16:00:00")
        self.assertEqual((len(reading), reading.quality), (1, "ok"))
        self.assertFalse(reading.verdict_ids, "it came in once")
        self.assertEqual(self.meter.latest_at, datetime(2026, 2, 2, 16))
        self.assertEqual(missing.state, "resolved")
        self._ingest(self._freeze(10, "2026-02-02 16:00:00", source="estimate"))
        self.assertEqual(reading.quality, "ok", "an estimate does not undo it")

    def test_the_same_estimate_twice_is_an_estimate(self):
        for _time in range(2):
            self._ingest(self._freeze(10, "2026-02-02 16:00:00", source="estimate"))
        self.assertEqual(self._readings().quality, "estimated")

    def test_an_overhauled_meter_begins_anew_where_it_is_installed_again(self):
        self._ingest(
            self._freeze(400, "2026-01-20 16:00:00"),
            self._freeze(500, "2026-02-01 16:00:00"),
        )
        self.meter.installation_ids.write(
            {"date_to": "2026-02-10 16:00:00", "end_index": 500}
        )
        self.env["amr.installation"].create(
            {
                "meter_id": self.meter.id,
                "point_id": self.point.id,
                "date_from": "2026-03-01 16:00:00",
                "start_index": 0,
            }
        )
        for index, read_at in ((0, "2026-03-01 16:00:00"), (3, "2026-03-02 16:00:00")):
            result = self._ingest(self._freeze(index, read_at))
            self.assertEqual(result.suspects, 0, read_at)
        self.assertEqual(self.meter.latest_index, 3)
