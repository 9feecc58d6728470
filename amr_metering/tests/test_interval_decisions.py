from datetime import datetime

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from .common import HoursCommon


@tagged("post_install", "-at_install")
class TestIntervalDecisions(HoursCommon):
    """People decide about hours as they do about readings."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False

    def _at(self, hour):
        """Return the hours of 1 March 2026, UTC."""
        return self._stored().filtered(
            lambda row: row.read_at == datetime(2026, 3, 1, hour)
        )

    def _qualities(self):
        return [(float(row.index), row.quality) for row in self._stored()]

    def _raised(self):
        return self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])

    def _freezes(self):
        return self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])

    def _hold(self):
        """Let 2900 and 2901 at 3:00 and 4:00 be held back."""
        self._ingest(*self._hours(100, 101, 2900, 2901))
        self.assertEqual([q for __, q in self._qualities()][2:], ["suspect"] * 2)
        return self._raised()

    def test_accepted_by_their_exception_they_are_used(self):
        exception = self._hold()
        self.assertTrue(exception.blocks_billing)
        listed = self.env["amr.exception"].search([("blocks_billing", "=", True)])
        self.assertIn(exception, listed)
        exception.action_accept()
        self.assertEqual([q for __, q in self._qualities()], ["ok"] * 4)
        self.assertEqual(self.meter.latest_index, 2901)
        self.assertEqual(self._usage()[-2:].mapped("usage"), [2799, 1])
        self.assertEqual(exception.state, "resolved")
        self.assertFalse(exception.blocks_billing)
        listed = self.env["amr.exception"].search([("blocks_billing", "=", True)])
        self.assertNotIn(exception, listed)

    def test_put_aside_by_their_exception_they_stay_out(self):
        rows = self._hours(100, 101, 2900, 2901)
        exception = self._hold()
        exception.action_put_aside()
        self.assertEqual([q for __, q in self._qualities()][2:], ["aside"] * 2)
        self.assertEqual(exception.state, "resolved")
        self._ingest(*rows)
        exception.action_reopen()
        self._ingest(*rows)
        self.assertEqual([q for __, q in self._qualities()][2:], ["aside"] * 2)
        self.assertEqual(self.meter.latest_index, 101)
        self._at(3).action_accept()
        self.assertEqual(self.meter.latest_index, 2900, "a person may think again")

    def test_a_wrong_first_hour_put_aside_frees_the_right_ones(self):
        """All that came after it was held back; its exception closes by itself."""
        self._ingest(*self._hours(500, 100, 101))
        self._ingest(*self._hours(102, start="2026-03-01 04:00:00"))
        self.assertEqual(
            [q for __, q in self._qualities()], ["ok", "suspect", "suspect", "suspect"]
        )
        exception = self._raised()
        self.assertEqual((exception.kind, exception.state), ("negative", "open"))
        self._at(1).action_put_aside()
        self.assertEqual([q for __, q in self._qualities()], ["aside"] + ["ok"] * 3)
        self.assertEqual(self.meter.latest_index, 102)
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(self._usage().mapped("usage"), [False, 1, 1])

    def test_what_its_neighbours_contradict_cannot_be_accepted(self):
        self._ingest(*self._hours(100, 101, 90, 102))
        with self.assertRaisesRegex(UserError, "cannot be right while 101"):
            self._at(3).action_accept()
        self._ingest(*self._hours(900, 103, start="2026-03-01 05:00:00"))
        with self.assertRaisesRegex(UserError, "cannot be right while 103"):
            self._at(5).action_accept()

    def test_of_two_held_back_for_one_time_a_person_chooses(self):
        self._ingest(*self._hours(100, 101))
        for index in (102, 103):
            self._ingest(*self._hours(index, start="2026-03-01 02:00:00"))
        exception = self._raised()
        self.assertEqual((exception.kind, exception.suspect_count), ("conflict", 2))
        with self.assertRaisesRegex(UserError, "2026-03-01 10:00"):
            exception.action_accept()
        self._at(2).filtered(lambda row: row.index == 103).action_accept()
        self.assertEqual(
            self._qualities(),
            [(100, "ok"), (101, "superseded"), (102, "superseded"), (103, "ok")],
        )
        self.assertEqual(exception.state, "resolved")

    def test_what_won_and_was_wrong_gives_way_back(self):
        self._ingest(*self._hours(100, 101))
        self._ingest(*self._hours(103, start="2026-03-01 02:00:00"))
        held = self._at(2).filtered(lambda row: row.quality == "suspect")
        held.action_accept()
        self.assertEqual(self.meter.latest_index, 103)
        held.action_put_aside()
        self.assertEqual(self._qualities()[1:], [(101, "ok"), (103, "aside")])
        self.assertEqual(self.meter.latest_index, 101)

    def test_the_seam_of_a_factor_stays(self):
        self._ingest(*self._hours(100, 101))
        self.meter.current_ratio = 30
        with self.assertRaisesRegex(UserError, "its ratios changed"):
            self._at(2).action_put_aside()

    def test_an_accepted_midnight_becomes_the_freeze(self):
        self._ingest(*self._hours(100, 101, 900, start="2026-03-01 14:00:00"))
        self.assertFalse(self._freezes())
        self._at(16).action_accept()
        freeze = self._freezes()
        self.assertEqual((freeze.index, freeze.quality), (900, "ok"))

    def test_a_midnight_that_is_put_aside_takes_its_freeze_along(self):
        self._ingest(*self._hours(100, 101, start="2026-03-01 15:00:00"))
        self.assertEqual(self._freezes().quality, "ok")
        self._at(16).action_put_aside()
        self.assertEqual(
            (self._freezes().quality, self._freezes().put_aside), ("suspect", True)
        )
        self._at(16).action_accept()
        self.assertEqual(self._freezes().quality, "ok")
        self.assertEqual(self.meter.latest_index, 101)

    def test_a_freeze_that_is_decided_on_takes_its_hour_along(self):
        """Its day was too much, though no hour of it was."""
        self.tariff.version_ids.normal_max = 300
        freeze = self._row(100, "2026-02-28 16:00:00", kind="daily")
        self._ingest(freeze, *self._hours(300, 550, start="2026-03-01 15:00:00"))
        high = self._freezes()[0]
        self.assertEqual((high.index, high.quality), (550, "suspect"))
        high.verdict_ids.exception_id.action_put_aside()
        self.assertEqual(self._at(16).quality, "aside")
        self.assertEqual(self.meter.latest_index, 300)
        high.action_accept()
        self.assertEqual(self._at(16).quality, "ok")
        self.assertEqual(self.meter.latest_index, 550)

    def test_a_held_midnight_that_is_put_aside_takes_its_good_freeze_along(self):
        """The same wrong index also came in as a freeze, which no rule held back."""
        self._ingest(*self._hours(100, 101, 950, start="2026-03-01 14:00:00"))
        self._ingest(self._row(950, "2026-03-01 16:00:00", kind="daily"))
        freeze = self._freezes()
        self.assertEqual((self._at(16).quality, freeze.quality), ("suspect", "ok"))
        self._raised().filtered("hourly").action_put_aside()
        self.assertEqual((freeze.quality, freeze.put_aside), ("suspect", True))
        self.assertEqual(self.meter.latest_index, 101)

    def _hold_midnight_twice(self):
        """Let 950 be held back at midnight, as an hour and as a freeze."""
        self.tariff.version_ids.normal_max = 300
        freeze = self._row(100, "2026-02-28 16:00:00", kind="daily")
        self._ingest(freeze, *self._hours(300, 950, start="2026-03-01 15:00:00"))
        self._ingest(self._row(950, "2026-03-01 16:00:00", kind="daily"))
        high = self._freezes()[0]
        self.assertEqual((self._at(16).quality, high.quality), ("suspect",) * 2)
        return high

    def test_a_decision_on_the_freeze_settles_its_hour(self):
        high = self._hold_midnight_twice()
        high.verdict_ids.exception_id.action_put_aside()
        self.assertEqual(self._at(16).quality, "aside")
        self.assertEqual(set(self._raised().mapped("state")), {"resolved"})

    def test_an_accepted_freeze_settles_its_hour(self):
        self._hold_midnight_twice().action_accept()
        self.assertEqual(self._at(16).quality, "ok")
        self.assertEqual(set(self._raised().mapped("state")), {"resolved"})

    def test_a_wrong_freeze_put_aside_frees_the_right_hours(self):
        """It was the midnight hour, against which all later ones were held back."""
        self._ingest(*self._hours(500, 100, 101, start="2026-03-01 16:00:00"))
        self.assertEqual(
            [q for __, q in self._qualities()], ["ok", "suspect", "suspect"]
        )
        self._freezes().action_put_aside()
        self.assertEqual([q for __, q in self._qualities()], ["aside", "ok", "ok"])
        self.assertEqual(self._raised().mapped("state"), ["resolved"])
        self.assertEqual(self.meter.latest_index, 101)

    def test_a_wrong_freeze_put_aside_by_its_exception_frees_the_right_hours(self):
        self.tariff.version_ids.normal_max = 300
        freeze = self._row(100, "2026-02-28 16:00:00", kind="daily")
        self._ingest(freeze, *self._hours(300, 550, start="2026-03-01 15:00:00"))
        self._ingest(*self._hours(301, 302, start="2026-03-01 17:00:00"))
        self.assertEqual([q for __, q in self._qualities()][2:], ["suspect"] * 2)
        high = self._freezes()[0].verdict_ids.exception_id
        high.action_put_aside()
        self.assertEqual([q for __, q in self._qualities()][1:], ["aside", "ok", "ok"])
        self.assertEqual(set(self._raised().mapped("state")), {"resolved"})

    def test_of_two_freezes_the_accepted_one_is_the_hour_of_midnight(self):
        self._ingest(self._row(102, "2026-03-01 16:00:00", kind="daily"))
        self._ingest(*self._hours(100, 101, start="2026-03-01 15:00:00"))
        rival = self._freezes().filtered(lambda reading: reading.index == 101)
        self.assertEqual(rival.quality, "suspect")
        rival.verdict_ids.exception_id.action_accept()
        self.assertEqual((rival.quality, self._at(16).quality), ("ok", "ok"))
        self._freezes().filtered(lambda reading: reading.index == 102)._accept()
        self.assertEqual(self._at(16).quality, "superseded")

    def test_an_estimate_is_proposed_for_the_time_of_the_hour(self):
        exception = self._hold()
        values = exception._prepare_estimate()
        self.assertEqual(values["at"], datetime(2026, 3, 1, 4))
        self.assertEqual(values["register"], "total")

    def test_only_an_administrator_of_the_place_decides(self):
        exception = self._hold()
        reader = self._operator("hours_reader", "amr_base.group_reader")
        for action in ("action_accept", "action_put_aside"):
            with self.assertRaises(AccessError), self.cr.savepoint():
                getattr(self._at(3).with_user(reader), action)()
        __, other = self._install(
            "990000000012", self._room("0102", self.other_building)
        )
        self._ingest(*self._hours(100, 101, 900, meter=other))
        admin = self._operator("hours_admin", "amr_base.group_community_admin")
        theirs = self._stored(other)[-1]
        for action in ("action_accept", "action_put_aside"):
            with self.assertRaises(AccessError), self.cr.savepoint():
                getattr(theirs.with_user(admin), action)()
        exception.with_user(admin).action_accept()
        self.assertEqual(dec(self.meter.latest_index), dec(2901))
