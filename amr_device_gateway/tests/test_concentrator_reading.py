"""Concentrators read by Odoo through the real head-end and simulator (KTAMR 4.2.3)."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.modules.migration import load_script
from odoo.tests import tagged

from odoo.addons.amr_device_gateway.headend.protocols import gdw376_frame, registry
from odoo.addons.amr_device_gateway.headend.simulator.app import Simulator

from .concentrator_common import ConcentratorCommon
from .head_end import WithHeadEnd

COUNT = 120
GDW376 = registry.get("gdw376")
SETTABLE = "odoo.addons.amr_device_gateway.models.amr_command_clock.until_settable"


@tagged("post_install", "-at_install")
class TestConcentratorReading(WithHeadEnd, ConcentratorCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False
        cls.env["ir.config_parameter"].set_param("amr.reply_timeout", "0.5")
        cls.meter.write({"concentrator_id": False, "link_id": cls.link.id})
        cls.few = cls._meters(4)
        cls.silent = cls.few[3]

    def setUp(self):
        super().setUp()
        self.device = None

    def _start(self, archive=True, **more):
        """A head-end with the simulated concentrator logged in."""
        row = {
            "terminal": self.concentrator.terminal,
            "archive": archive,
            "meters": [
                {
                    "address": meter.address,
                    "protocol": meter.protocol,
                    "point": meter.measuring_point,
                    "index": str(100 + meter.measuring_point),
                    "per_hour": "0.5",
                    "silent": meter in self.silent,
                }
                for meter in self.concentrator.meter_ids.sorted("measuring_point")
            ],
            **more,
        }
        head_end = self.start_head_end(self.concentrator.link_id, concentrators=[row])
        self.device = head_end.simulator.concentrators[self.concentrator.terminal]
        if archive:  # as if it had been sent and read back
            self._list()

    def _task(self, **vals):
        task = self.env["amr.read.task"].create(
            {
                "scope": "concentrator",
                "concentrator_id": self.concentrator.id,
                "reread_times": 0,
                **vals,
            }
        )
        task.action_start()
        self.run_jobs()
        return task

    def _scheduled(self):
        with self._test_mode():
            self.env.ref("amr_metering.ir_cron_read").method_direct_trigger()
        self.env.invalidate_all()

    def _simulated(self, meter):
        digits = meter.address.lstrip("0")
        return next(
            one for one in self.device.meters if one.address.lstrip("0") == digits
        )

    def _reading_requests(self):
        """Requests for values that reached the concentrator."""
        afn = 12
        return [raw for raw in self.device.requests if raw[afn] in (0x0C, 0x0D)]

    # === Reading === #

    def test_a_hundred_meters_come_with_one_request(self):
        many = self._meters(COUNT - 4, 9_900_005_000)
        self._start()
        task = self._task()
        self.assertRecordValues(
            task, [{"state": "done", "done_count": COUNT - 1, "missing_count": 1}]
        )
        meter = many[-1]
        self.assertAlmostEqual(
            meter.latest_index, 100 + meter.measuring_point, places=1
        )
        # 100 and 20; the silent one is asked for twice again
        self.assertEqual(len(self._reading_requests()), 4)
        self.assertTrue(self.silent.open_exception_count)
        self.assertFalse(many[0].open_exception_count)
        self.assertTrue(self.concentrator.answered_at)

    def test_the_stamp_is_when_the_concentrator_read_the_meter(self):
        self._start()
        self._task()
        polled = self.device.polled - timedelta(hours=8)
        self.assertEqual(self.few[0].latest_at, polled.replace(second=0, microsecond=0))
        # asked again, it holds the same: no second reading of the same moment
        self._task()
        self.assertEqual(self.few[0].reading_count, 5)

    def test_daily_and_monthly_freezes(self):
        self._start()
        today = self.community._local_date(fields.Datetime.now())
        for kind, day in (
            ("daily", today),
            ("daily", today - timedelta(days=31)),
            ("monthly", today.replace(day=1)),
        ):
            task = self._task(kind=kind, freeze_date=day)
            self.assertEqual((task.done_count, task.missing_count), (3, 1), kind)
            line = task.line_ids.filtered(lambda one: one.meter_id == self.few[0])
            self.assertEqual(line.read_at, self.community._local_midnight(day))
            device = self._simulated(self.few[0])
            self.assertAlmostEqual(line.index, float(device.index_on(day)), places=2)
            self.assertEqual(line.reading_id.kind, kind)

    def test_units_without_data_do_not_hide_those_behind(self):
        self.silent = self.few[0]
        self._start(no_data="ee")
        task = self._task()
        self.assertEqual((task.done_count, task.missing_count), (3, 1))
        missing = task.line_ids.filtered(lambda line: line.state == "missing")
        self.assertEqual(missing.meter_id, self.few[0])
        self.assertIn("holds no value", missing.error)

    def test_points_without_data_do_not_overrun_a_job(self):
        """What is told is kept; what there was no time for goes on in the next job."""
        many = self._meters(30, 9_900_005_000)
        self.silent = many | self.few
        self._start(no_data="ee")
        self.env["ir.config_parameter"].set_param("amr.read_budget", "0.05")
        task = self.env["amr.read.task"].create(
            {
                "scope": "concentrator",
                "concentrator_id": self.concentrator.id,
                "reread_times": 0,
            }
        )
        task.action_start()
        self.run_jobs(rounds=1)
        tried = task.line_ids.filtered("tries")
        self.assertTrue(tried)
        self.assertLess(len(tried), len(task.line_ids))
        self.assertFalse((task.line_ids - tried).filtered("error"))
        self.run_jobs(rounds=200)
        self.assertRecordValues(task, [{"state": "done", "missing_count": 34}])
        self.assertEqual(set(task.line_ids.mapped("tries")), {3})

    def test_the_missed_are_read_again(self):
        self._start()
        self._simulated(self.silent).state.silent = False
        # it answers now, but the concentrator holds nothing of it yet
        task = self._task(reread_times=1, reread_delay=0)
        self.assertEqual(task.missing_count, 1)
        self.device.poll()
        self._scheduled()
        self.run_jobs()
        self.assertEqual((task.done_count, task.missing_count), (4, 0))
        self.assertFalse(self.silent.open_exception_count)

    def test_old_values_are_not_passed_off_as_answers(self):
        self._start()
        meter = self.few[1]
        moment, values = self.device.held[meter.measuring_point]
        held = (moment - timedelta(days=3), values)
        self.device.held[meter.measuring_point] = held
        task = self._task()
        line = task.line_ids.filtered(lambda one: one.meter_id == meter)
        self.assertEqual(line.state, "missing")
        self.assertIn("too old", line.error)
        self.assertFalse(meter.latest_at)

    def test_a_clock_that_is_ahead_is_not_trusted(self):
        self._start(clock_offset=7200)
        task = self._task()
        self.assertEqual((task.done_count, task.missing_count), (0, 4))
        self.assertIn("clock is ahead", task.line_ids[0].error)

    def test_refresh_first_lets_the_concentrator_poll(self):
        self._start()
        self._simulated(self.few[0]).adjust({"index": "500"})
        task = self._task(refresh_first=True)
        self.assertTrue(task.collect_at)
        self.assertEqual(task.pending_count, 4)
        command = self.concentrator.command_ids
        self.assertRecordValues(command, [{"kind": "collect_again", "state": "done"}])
        task.sudo().collect_at = fields.Datetime.now()  # the waiting time is over
        self._scheduled()
        self.run_jobs()
        self.assertAlmostEqual(self.few[0].latest_index, 500, places=1)
        self.assertEqual((task.done_count, task.missing_count), (3, 1))

    def test_water_is_read_and_shut_through_the_concentrator(self):
        with patch.object(type(self), "meter_model", self.water_model):
            _point, water = self._install("99000000000555", self._room("5555"))
        water.concentrator_id = self.concentrator
        self._start()
        task = self._task(scope="meters", meter_ids=[(6, 0, water.ids)])
        self.assertEqual(task.done_count, 1)
        self.assertAlmostEqual(
            water.latest_index, 100 + water.measuring_point, places=1
        )
        water.action_open_relay()
        self.run_jobs()
        self.assertEqual(water.relay_state, "open")
        self.assertEqual(self._simulated(water).state.relay, "open")

    # === The concentrator itself === #

    def test_the_list_goes_down_and_is_compared(self):
        self._start(archive=False)
        self.concentrator.action_archive_compare()
        self.run_jobs()
        self.assertEqual(
            self.concentrator.difference_ids.mapped("kind"), ["missing"] * 4
        )
        self.concentrator.action_archive_download()
        self.run_jobs()
        command = self.concentrator.command_ids[0]
        self.assertRecordValues(
            command, [{"kind": "archive_download", "state": "done", "tries": 1}]
        )
        self.assertFalse(self.concentrator.difference_ids)
        self.assertEqual(
            [row.point for row in self.device.rows.values()],
            self.few.mapped("measuring_point"),
        )

    def test_the_difference_report_tells_what_differs_and_sending_mends_it(self):
        self._start()
        rows = self.device.rows
        rows[2] = rows[2]._replace(address="000000007777")
        rows[9] = rows[3]._replace(number=9, point=77)
        del rows[3]
        self.concentrator.action_archive_compare()
        self.run_jobs()
        found = self.concentrator.difference_ids.sorted("point")
        self.assertEqual(
            found.mapped(lambda one: (one.kind, one.point, one.number)),
            [("differs", 2, 2), ("missing", 3, 0), ("extra", 77, 9)],
        )
        self.assertIn("7777", found[0].theirs)
        self.assertEqual(found[0].meter_id, self.few[1])
        self.concentrator.action_archive_download()
        self.run_jobs()
        self.assertFalse(self.concentrator.difference_ids)
        self.assertEqual(sorted(self.device.rows), [1, 2, 3, 4])

    def test_a_point_that_had_another_meter_tells_nothing_until_the_list_is_sent(self):
        """The new meter at a measuring point never gets the old one's index."""
        self._start()
        old, point = self.few[0], self.few[0].measuring_point
        new = self._meters(1, 9_900_004_900, measuring_point=77)
        self._dismount(old)
        old.active = False
        new.measuring_point = point
        task = self._task(scope="meters", meter_ids=[(6, 0, new.ids)])
        self.assertEqual((task.done_count, task.missing_count), (0, 1))
        self.assertFalse(self._reading_requests())
        self.assertFalse(new.latest_at)
        # as if the device hung there now
        self._simulated(old).address = new.address.zfill(12)
        self.concentrator.action_archive_download()
        self.run_jobs()
        self.assertTrue(new.is_listed)
        # what it holds can have been read before the list came: the meter is asked
        task = self._task(scope="meters", meter_ids=[(6, 0, new.ids)])
        self.assertEqual((task.done_count, task.missing_count), (1, 0))
        self.assertFalse(self._reading_requests())
        new.sudo().listed_at -= timedelta(days=2)  # two days later
        self.device.poll()
        task = self._task(scope="meters", meter_ids=[(6, 0, new.ids)])
        self.assertEqual((task.done_count, task.missing_count), (1, 0))
        self.assertEqual(len(self._reading_requests()), 1)

    def test_a_freeze_from_before_the_list_is_asked_of_the_meter_itself(self):
        """The point's freeze of that night can be the meter's that hung there."""
        self._start()
        new = self.few[0]
        today = self.community._local_date(fields.Datetime.now())
        midnight = self.community._local_midnight(today)
        for listed_at, asked in (
            (midnight + timedelta(hours=1), 0),
            (midnight - timedelta(minutes=2), 0),  # its clock may be a bit ahead
            (midnight - timedelta(hours=1), 1),
        ):
            new.sudo().listed_at = listed_at
            self.device.requests.clear()
            task = self._task(
                scope="meters",
                meter_ids=[(6, 0, new.ids)],
                kind="daily",
                freeze_date=today,
            )
            self.assertEqual((task.done_count, task.missing_count), (1, 0))
            self.assertEqual(len(self._reading_requests()), asked, listed_at)

    def test_comparing_again_does_not_make_a_meter_new_in_the_list(self):
        self._start()
        since = self.few[0].listed_at
        self.concentrator.action_archive_compare()
        self.run_jobs()
        self.assertEqual(self.few[0].listed_at, since)
        row = self.device.rows[1]
        self.device.rows[1] = row._replace(address="000000007777")
        self.concentrator.action_archive_compare()
        self.run_jobs()
        self.assertFalse(self.few[0].is_listed)
        self.device.rows[1] = row
        self.concentrator.action_archive_compare()
        self.run_jobs()
        self.assertGreater(self.few[0].listed_at, since)

    def test_a_meter_that_no_list_takes_does_not_hold_up_the_concentrator(self):
        self._start()
        odd = self.few[2]
        model = self.env["amr.meter.model"].create(
            {
                "name": "SDM",
                "utility_id": self.electricity.id,
                "protocol": "modbus",
                "profile": "modbus_models/eastron_sdm120",
            }
        )
        odd.write({"model_id": model.id, "bus_address": "3"})
        self.concentrator.action_archive_compare()
        self.run_jobs()
        self.assertEqual(self.concentrator.command_ids.state, "done")
        self.assertEqual(self.concentrator.difference_ids.meter_id, odd)
        self.assertEqual(self.few.filtered("is_listed"), self.few - odd)
        # it became so after the list had left
        self.concentrator.action_archive_download()
        sent = self.concentrator.command_ids.filtered(
            lambda one: one.kind == "archive_download"
        )
        now = fields.Datetime.now()
        sent.sudo().write({"state": "sent", "tries": 1, "sent_at": now})
        self.concentrator.action_verify_address()
        self.run_jobs()
        self.assertEqual(sent.state, "failed")
        self.assertIn("cannot be in a concentrator's list", sent.result)
        behind = self.concentrator.command_ids - sent
        self.assertEqual(set(behind.mapped("state")), {"done"})

    def test_what_cannot_be_judged_ends_as_a_conflict(self):
        self._start()
        command = type(self.env["amr.command"])
        for name in ("_verify_frames", "_judge"):
            with patch.object(command, name, side_effect=UserError("No such place.")):
                self.concentrator.action_archive_download()
                self.run_jobs()
            self.assertRecordValues(
                self.concentrator.command_ids[0],
                [{"state": "failed", "outcome": "unknown", "result": "No such place."}],
            )

    def test_collecting_is_started_and_its_state_is_read(self):
        self._start()
        self.concentrator.action_collect_start()
        self.concentrator.action_collect_state()
        self.run_jobs()
        self.assertEqual(
            self.concentrator.command_ids.mapped("state"), ["done", "done"]
        )
        self.assertIn("3 of 4 meters read", self.concentrator.collecting)

    def test_one_of_2005_is_read_meter_by_meter(self):
        """Q/GDW 130-2005: its values are no proof of whose index they are."""
        self.concentrator.protocol = "gdw130"
        self._start(protocol="gdw130", clock_offset=7200)
        task = self._task(refresh_first=True)
        self.assertRecordValues(
            task, [{"state": "done", "done_count": 3, "missing_count": 1}]
        )
        meter = self.few[0]
        reading = self.env["amr.reading"].search(
            [("meter_id", "=", meter.id), ("register", "=", "total")], limit=1
        )
        self.assertAlmostEqual(reading.index, 100 + meter.measuring_point, delta=1)
        self.assertFalse(self._reading_requests())
        with patch(SETTABLE, return_value=timedelta(0)):
            self.concentrator.action_set_clock()
            self.run_jobs()
        self.assertEqual(self.concentrator.command_ids.state, "done")
        self.assertLess(abs(self.device.clock_offset), 60)
        with self.assertRaisesRegex(UserError, "read one by one"):
            self.concentrator.action_archive_compare()

    def test_its_clock_is_set_and_read_back(self):
        self._start(clock_offset=7200)
        with patch(SETTABLE, return_value=timedelta(0)):
            self.concentrator.action_set_clock()
            self.run_jobs()
        self.assertEqual(self.concentrator.command_ids.state, "done")
        self.assertLess(abs(self.device.clock_offset), 60)

    def test_the_plan_keeps_its_clock_right_and_leaves_a_far_one_to_people(self):
        self._start(clock_offset=120)
        self.concentrator.link_id.online = True
        plan = self.env["amr.concentrator"]._cron_check_clocks
        with patch(SETTABLE, return_value=timedelta(0)):
            plan()
            plan()  # one at a time
            self.run_jobs()
        self.assertRecordValues(
            self.concentrator.command_ids, [{"state": "done", "tries": 1}]
        )
        self.assertLess(abs(self.device.clock_offset), 60)
        self.assertLess(abs(self.concentrator.clock_drift), 60)
        self.device.clock_offset = 7200
        for _day in range(2):
            plan()
            self.run_jobs()
        command = self.concentrator.command_ids[0]
        self.assertRecordValues(command, [{"state": "failed", "tries": 0}])
        self.assertAlmostEqual(self.concentrator.clock_drift, 7200, delta=3)
        found = self.env["amr.exception"].search([("origin", "like", "clock 0")])
        self.assertEqual(len(found), 1)
        self.assertEqual(found.community_id, self.community)
        self.assertIn("off by 2:00", found.reason)

    def test_its_clock_is_not_set_around_midnight(self):
        """A freeze of all its meters would be lost, or taken twice."""
        self._start(clock_offset=600)
        midnight = self.community._local_date(fields.Datetime.now())
        for minutes in (-15, -5, 5):  # the first: midnight by its own clock
            now = datetime.combine(midnight, datetime.min.time())
            now += timedelta(minutes=minutes)
            ours = fields.Datetime.now() + timedelta(hours=8)
            self.device.clock_offset = 600 + (now - ours).total_seconds()
            model = type(self.concentrator)
            with patch.object(model, "_local_now", lambda _one, now=now: now):
                self.concentrator.action_set_clock()
                self.run_jobs()
            command = self.concentrator.command_ids[0]
            self.assertRecordValues(command, [{"state": "failed", "tries": 0}])
            self.assertIn("around midnight", command.result)

    def test_an_address_is_verified_by_reading_it(self):
        self._start()
        self.concentrator.action_verify_address()
        self.run_jobs()
        command = self.concentrator.command_ids
        self.assertEqual(command.state, "done")
        self.assertIn(self.concentrator.terminal, command.result)
        self.device.silent = True
        self.concentrator.action_verify_address()
        self.run_jobs()
        self.assertEqual(self.concentrator.command_ids[0].state, "failed")


@tagged("post_install", "-at_install")
class TestConcentratorReports(ConcentratorCommon):
    """What concentrators say by themselves, as the head-end hands it on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False

    def _receive(self, frame):
        event = {
            "id": str(uuid.uuid4()),
            "at": datetime.now().isoformat(),
            "type": "uplink",
            "link": self.concentrator.link_id.key,
            "terminal": self.concentrator.terminal,
            "protocol": "gdw376",
            "frame": frame.hex(),
        }
        answer = self.env["amr.headend.event"]._receive("test", [event])
        self.assertEqual(answer["rejected"], [])

    def _device(self):
        """A simulated concentrator whose reports are caught instead of sent."""
        row = {
            "terminal": self.concentrator.terminal,
            "meters": [{"address": self.meter.address, "index": "77"}],
        }
        simulator = Simulator({"dtus": [], "concentrators": [row]})
        device = simulator.concentrators[self.concentrator.terminal]
        device.uplink = self._receive
        return device

    def _report(self, device):
        """The concentrator tells by itself what it holds of point 1."""
        request = GDW376.read_current(self.concentrator.terminal, [1])
        for raw in device.answer(gdw376_frame.parse(request), request):
            self._receive(raw)

    def test_a_report_gives_nothing_to_a_meter_whose_place_was_not_seen(self):
        device = self._device()
        self._report(device)
        self.assertFalse(self.meter.latest_at)
        self._list(self.meter)
        self._report(device)
        self.assertEqual(self.meter.latest_index, 77)

    def test_a_report_that_was_not_taken_is_kept_with_its_reason(self):
        """Its list was read back, but nobody knows since when it has the meter."""
        self.env.company.partner_id.lang = False
        self._list(self.meter)
        self.meter.sudo().listed_at = False
        self._report(self._device())
        event = self.env["amr.headend.event"].search([], limit=1)
        self.assertEqual(event.state, "rejected")
        self.assertIn(self.meter.number, event.error)
        self.assertFalse(self.meter.latest_at)

    def test_the_upgrade_tells_since_when_lists_have_their_meters(self):
        """Never earlier than a list was read back, never later than now."""
        now = fields.Datetime.now()
        few = self._meters(4)
        known, new, away, old = few
        self._list(few)
        few.sudo().listed_at = False
        away.sudo().is_listed = False
        kept = now - timedelta(days=9)
        old.sudo().listed_at = kept
        self.concentrator.sudo().compared_at = now - timedelta(days=3)
        self._upgrade()
        for meter in known | new:
            self.assertEqual(meter.listed_at, now - timedelta(days=3))
        self.assertFalse(away.listed_at)
        self.assertEqual(old.listed_at, kept)
        self.assertTrue(known._is_read_by_frame(now))
        self.concentrator.sudo().compared_at = now + timedelta(days=3)
        known.sudo().listed_at = False
        self._upgrade()
        self.assertLessEqual(known.listed_at, fields.Datetime.now())
        self.concentrator.sudo().compared_at = False
        known.sudo().listed_at = False
        self._upgrade()
        self.assertLessEqual(known.listed_at, fields.Datetime.now())

    def _upgrade(self):
        self.env.flush_all()
        folder = Path(__file__).parent.parent / "migrations" / "19.0.1.0.1"
        load_script(str(folder / "post-migration.py"), "listed").migrate(self.cr, "")
        self.env.invalidate_all()

    def test_a_report_of_the_wrong_time_is_not_taken(self):
        """What was read too long ago, or by a clock that is ahead, is no index now."""
        self._list(self.meter)
        device = self._device()
        moment, values = device.held[1]
        for off in (timedelta(days=-3), timedelta(hours=2)):
            device.held[1] = (moment + off, values)
            self._report(device)
            self.assertFalse(self.meter.latest_at, off)
        device.held[1] = (moment, values)
        self._report(device)
        self.assertEqual(self.meter.latest_index, 77)

    def test_a_report_by_way_of_a_platform_is_not_a_concentrators(self):
        """Without a link it says nothing of concentrators that have none either."""
        device = self._device()
        self.concentrator.write({"connection": "kt410_com", "link_id": False})
        self._list(self.meter)
        event = {
            "id": str(uuid.uuid4()),
            "at": datetime.now().isoformat(),
            "type": "uplink",
            "link": "nbiot:860000000000001",
            "terminal": self.concentrator.terminal,
            "protocol": "gdw376",
            "frame": device.packet.hex(),
        }
        self.env["amr.headend.event"]._receive("test", [event])
        self.assertFalse(self.concentrator.answered_at)

    def test_an_alarm_opens_an_exception_of_its_meter(self):
        self._device().alarm(37, 1)
        self.assertFalse(self.meter.open_exception_count)
        self._device().alarm(31, 1)
        found = self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(found.kind, "device")
        self.assertIn("meter cannot be read (ERC31)", found.reason)

    def test_an_alarm_is_in_the_event_log_with_what_was_measured(self):
        """Row 70: time, voltage, current and energy of the moment (S3 七.2)."""
        device = self._device()
        device.alarm(10, 1)
        device.alarm(10, 9)  # nobody's measuring point
        event = self.env["amr.snapshot"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(event.event, "voltage")
        self.assertEqual(
            (event.voltage_a, event.current_c, event.import_index), (0,) * 3
        )
        self.assertIs(event.frequency, False)
        self.assertLess(abs(event.read_at - datetime.now()), timedelta(minutes=2))

    def test_a_second_log_in_is_kept_to_be_looked_at(self):
        event = {
            "id": "00000000-0000-4000-8000-000000000009",
            "at": datetime.now().isoformat(),
            "type": "link_replaced",
            "link": self.concentrator.link_id.key,
            "peer": "10.0.0.2:5",
            "old": "10.0.0.1:5",
        }
        answer = self.env["amr.headend.event"]._receive("test", [event])
        self.assertEqual(answer["rejected"], [])
        kept = self.env["amr.headend.event"].search(
            [("link_id", "=", self.concentrator.link_id.id)]
        )
        self.assertEqual(kept.type, "link_replaced")
