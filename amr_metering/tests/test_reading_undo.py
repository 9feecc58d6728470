from datetime import datetime

from odoo.tests import tagged

from .common import MeteringCommon

MOMENT = "2026-02-01 16:00:00"


@tagged("post_install", "-at_install")
class TestReadingUndo(MeteringCommon):
    """A decision about readings can be taken back."""

    def _freeze(self, index, read_at=MOMENT, **values):
        self._ingest(self._row(index, read_at, kind="daily", **values))
        return self.env["amr.reading"].search(
            [
                ("meter_id", "=", self.meter.id),
                ("read_at", "=", read_at),
                ("index", "=", index),
            ]
        )

    def _used(self):
        return self.env["amr.reading"]._usable_at(
            self.meter, datetime.fromisoformat(MOMENT)
        )

    def test_the_wrong_one_of_two_was_accepted(self):
        right, wrong = self._freeze(100), self._freeze(105)
        wrong.action_accept()
        self.assertEqual(self._used(), {self.meter.id: wrong})
        wrong.action_put_aside()
        self.assertEqual(self._used(), {self.meter.id: right})
        self.assertEqual(self.meter.latest_index, 100)

    def test_of_three_the_last_decision_counts(self):
        first, second, third = (self._freeze(index) for index in (100, 105, 110))
        second.action_accept()
        third.action_accept()
        second.action_put_aside()
        self.assertEqual(self._used(), {self.meter.id: third})
        self.assertEqual(first.superseded_by_id, third)
        third.action_put_aside()
        self.assertEqual(self._used(), {self.meter.id: first})

    def test_what_does_not_fit_any_more_is_held_back(self):
        right, wrong = self._freeze(100), self._freeze(95)
        wrong.action_accept()
        self._freeze(97, "2026-02-02 16:00:00")
        wrong.action_put_aside()
        self.assertFalse(self._used())
        self.assertEqual((right.quality, right.superseded_by_id.id), ("suspect", False))

    def test_an_estimate_comes_back_when_the_reading_was_wrong(self):
        estimate = self._freeze(100, source="estimate")
        wrong = self._freeze(90)
        self.assertEqual(estimate.superseded_by_id, wrong)
        wrong.action_put_aside()
        self.assertEqual(self._used(), {self.meter.id: estimate})

    def test_an_estimate_does_not_come_back_beside_a_reading(self):
        estimate, wrong = self._freeze(100, source="estimate"), self._freeze(90)
        spot = self._row(96, MOMENT)
        self._ingest(spot)
        wrong.action_put_aside()
        self.assertEqual(self._used()[self.meter.id].index, 96)
        self.assertEqual(estimate.superseded_by_id, wrong)
