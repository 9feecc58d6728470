"""Clocks of meters: read, set by hand, kept right by plan."""

from datetime import datetime, timedelta

from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, tagged

from odoo.addons.amr_device_gateway.tools import Exchange, drift_of, until_settable

from .common import GatewayCommon

NOON = "2026-03-10 04:00:00"  # in Shanghai


@tagged("post_install", "-at_install")
class TestClock(GatewayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False
        cls.link.online = True

    def setUp(self):
        super().setUp()
        self.startContext(freeze_time(NOON))
        self.head_end = self.startContext(self.fake_headend())

    def startContext(self, manager):
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def _device(self, meter=None, **row):
        meter = meter or self.meter
        row["protocol"] = meter.model_id.protocol
        return self.head_end.add(
            meter.link_id.key, {"address": meter.address, "index": "1", **row}
        )

    def _run(self, action):
        self.run_jobs()
        return self.env["amr.command"].browse(action["res_id"])

    def test_the_drift_is_what_the_meter_says_against_the_head_end(self):
        self._device(clock_offset=-75)
        command = self._run(self.meter.action_read_clock())
        self.assertRecordValues(command, [{"state": "done", "outcome": "done"}])
        self.assertEqual(command.result, "The clock is 0:01:15 behind.")
        self.assertRecordValues(
            self.meter,
            [{"clock_drift": -75, "clock_off": True, "clock_set_at": False}],
        )
        self.assertEqual(self.link.clock_off_count, 1)

    def test_a_drifting_clock_goes_on_drifting(self):
        device = self._device(clock_rate=30)
        device.state.origin_at -= 86400 * 2
        self._run(self.meter.action_read_clock())
        self.assertEqual(self.meter.clock_drift, 60)

    def test_a_small_drift_is_set_by_broadcast(self):
        device = self._device(clock_offset=100)
        command = self._run(self.meter.action_set_clock())
        self.assertRecordValues(command, [{"state": "done", "tries": 1}])
        self.assertEqual(device.clock_error(), 0)
        self.assertEqual(device.state.clock_adjusted_on, "2026-03-10")
        self.assertRecordValues(
            self.meter,
            [{"clock_drift": 0, "clock_off": False, "clock_set_at": datetime.now()}],
        )

    def test_a_second_broadcast_of_a_day_is_not_obeyed_so_it_is_written(self):
        device = self._device(clock_offset=100, clock_adjusted_on="2026-03-10")
        command = self._run(self.meter.action_set_clock())
        self.assertRecordValues(command, [{"state": "done", "tries": 2}])
        self.assertEqual(device.clock_error(), 0)
        self.assertIn("clock", self.head_end.kinds())

    def test_a_large_drift_is_written_and_its_password_is_not_kept(self):
        device = self._device(clock_offset=86400 * 3 + 7)
        command = self._run(self.meter.action_set_clock())
        self.assertRecordValues(command, [{"state": "done", "tries": 1}])
        self.assertEqual(device.clock_error(), 0)
        written = command.frame_ids.filtered(
            lambda frame: frame.direction == "out" and "**" in frame.data
        )
        self.assertEqual(len(written), 2)  # date and time, their passwords starred out

    def test_a_clock_that_is_right_is_left_alone(self):
        self._device(clock_offset=3)
        command = self._run(self.meter.action_set_clock())
        self.assertRecordValues(command, [{"state": "done", "tries": 0}])
        self.assertFalse(self.meter.clock_set_at)

    def test_clocks_are_not_moved_around_midnight(self):
        for offset, at in ((0, "2026-03-10 15:55:00"), (-4 * 3600, "2026-03-10 20:05")):
            with freeze_time(at):
                self.head_end.links_up.clear()
                device = self._device(clock_offset=offset - 100)
                command = self._run(self.meter.action_set_clock())
                self.assertRecordValues(command, [{"state": "failed", "tries": 0}])
                self.assertIn("around midnight", command.result)
                self.assertEqual(device.clock_error(), offset - 100)

    def test_a_clock_is_not_moved_over_midnight(self):
        """20 past, by ours; 40 to, by its own: its midnight would never come."""
        with freeze_time("2026-03-10 16:20:00"):
            device = self._device(clock_offset=-2400)
            command = self._run(self.meter.action_set_clock())
            self.assertRecordValues(command, [{"state": "failed", "tries": 0}])
            self.assertIn("nor over it. Try again in 30 minutes", command.result)
        with freeze_time("2026-03-10 16:51:00"):
            command = self._run(self.meter.action_set_clock())
            self.assertRecordValues(command, [{"state": "done", "tries": 1}])
            self.assertEqual(device.clock_error(), 0)

    def test_a_silent_meter_has_no_drift(self):
        self._device(silent=True)
        command = self._run(self.meter.action_read_clock())
        self.assertEqual(command.state, "failed")
        self.assertFalse(self.meter.clock_read_at)

    def test_a_lost_answer_is_read_back_before_it_is_sent_again(self):
        device = self._device(clock_offset=86400, drop_replies=2, only="clock")
        command = self._run(self.meter.action_set_clock())
        self.assertRecordValues(command, [{"state": "done", "tries": 1}])
        self.assertEqual(device.clock_error(), 0)

    def test_a_water_meter_is_set_too(self):
        meter = self._remote_meter("99000000000123", model=self.water_model)
        device = self._device(meter, clock_offset=4000)
        self._run(meter.action_set_clock())
        self.assertEqual((meter.clock_drift, device.clock_error()), (0, 0))

    def test_date_and_time_on_both_sides_of_midnight_tell_nothing(self):
        protocol = self.meter_model._get_protocol()
        device = self._device()
        exchanges = []
        for number, frame in enumerate(protocol.read_clock(self.meter.address)):
            at = (
                datetime.fromisoformat("2026-03-10T23:59:59+08:00").timestamp() + number
            )
            device.clock = lambda at=at: at
            exchanges.append(
                Exchange(
                    frame,
                    b"x",
                    None,
                    decoded=protocol.decode(device.answer(frame)[1]),
                    at=at,
                )
            )
        self.assertIsNone(drift_of(protocol, exchanges, "Asia/Shanghai"))

    # === Plan === #

    def _plan(self):
        self.env["amr.meter"]._cron_check_clocks()
        self.run_jobs()

    def test_the_plan_sets_what_is_off_and_leaves_the_rest(self):
        right = self._remote_meter("990000000002")
        far = self._remote_meter("990000000003")
        mute = self._remote_meter("990000000004")
        devices = [
            self._device(clock_offset=90),
            self._device(right, clock_offset=-40),
            self._device(far, clock_offset=3600),
            self._device(mute, silent=True),
        ]
        for _day in range(2):
            self._plan()
        self.assertEqual([one.clock_error() for one in devices[:3]], [0, 0, 3600])
        self.assertEqual(
            (self.meter | far).mapped("clock_drift"), [0, 3600], "as they are now"
        )
        self.assertFalse((right | far | mute).mapped("command_ids"))
        exception = self.env["amr.exception"].search([("origin", "=", "clock")])
        self.assertEqual(exception.meter_id, far)
        self.assertIn("The clock is 1:00:00 ahead.", exception.reason)
        self.assertEqual(exception.reason.count("ahead"), 1)
        self.assertFalse(mute.clock_read_at)

    def test_the_plan_sets_a_clock_once_a_day(self):
        self._device(clock_offset=90)
        self._plan()
        self.head_end.links_up.clear()
        self._device(clock_offset=90)
        self._plan()
        self.assertEqual(len(self.meter.command_ids), 1)
        with freeze_time("2026-03-11 04:00:00"):
            self._plan()
        self.assertEqual(len(self.meter.command_ids), 2)

    def test_what_the_budget_leaves_goes_to_another_job(self):
        self._device(clock_offset=1)
        self.env["ir.config_parameter"].set_param("amr.read_budget", "0")
        self.env["amr.meter"]._cron_check_clocks()
        self.run_jobs(rounds=1)
        self.assertFalse(self.meter.clock_read_at)

    # === Readings === #

    def test_a_freeze_of_a_wrong_clock_is_stamped_with_the_true_time_and_raised(self):
        self._device(clock_offset=-3600, per_hour="1")
        self._run(self.meter.action_read_clock())
        task = self.env["amr.read.task"].create(
            {
                "scope": "meters",
                "meter_ids": self.meter.ids,
                "kind": "daily",
                "freeze_date": "2026-03-10",
            }
        )
        task.action_start()
        self.run_jobs()
        reading = self.env["amr.reading"].search(
            [("meter_id", "=", self.meter.id), ("register", "=", "total")]
        )
        self.assertEqual(reading.read_at, datetime(2026, 3, 9, 17))
        self.assertEqual(task.done_count, 1)
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "skew")]
        )
        self.assertTrue(exception)

    # === Rights === #

    def test_who_may_set_clocks_and_whose(self):
        reader = self._operator("clock_reader", "amr_base.group_reader")
        with self.assertRaisesRegex(AccessError, "community administrator"):
            self.meter.with_user(reader).action_set_clock()
        self.meter.with_user(reader).action_read_clock()
        administrator = self._operator("clock_admin", "amr_base.group_community_admin")
        far_room = self._room("0201", self.other_building)
        far = self._remote_meter("990000000777", far_room, self.other_link)
        with self.assertRaises(AccessError):
            far.with_user(administrator).action_set_clock()
        with self.assertRaises(AccessError):
            self.meter.with_user(administrator).clock_drift = 0
        self.link.with_user(administrator).action_set_clocks()
        spare = self._link("990000399", self.community)
        with self.assertRaisesRegex(UserError, "no remote meter"):
            spare.action_read_clocks()


@tagged("post_install", "-at_install")
class TestWhenAClockMayBeSet(BaseCase):
    @given(
        st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 9)),
        st.integers(-200_000, 200_000),
    )
    @settings(max_examples=200, deadline=None)
    def test_when_a_clock_may_be_set(self, moment, drift):
        wait = until_settable(moment, drift)
        self.assertGreaterEqual(wait, timedelta(0))
        self.assertLessEqual(wait, timedelta(hours=13))
        at = moment + wait
        own = at + timedelta(seconds=drift)
        self.assertEqual(until_settable(at, drift), timedelta(0))
        for clock in (at, own):
            for minutes in (-9, 0, 9):
                near = clock + timedelta(minutes=minutes)
                self.assertEqual(near.date(), clock.date())
        if abs(drift) < 12 * 3600:
            self.assertEqual(at.date(), own.date())
