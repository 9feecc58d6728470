"""Odoo's side against the real head-end and the real simulator, over real sockets."""

from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.amr_device_gateway.tools import GatewaySettings

from .common import GatewayCommon
from .head_end import EXCHANGE, WithHeadEnd


@tagged("post_install", "-at_install")
class TestHeadEnd(WithHeadEnd, GatewayCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("amr.reply_timeout", "0.5")
        cls.water = cls._remote_meter("99000000000123", model=cls.water_model)
        cls.silent = cls._remote_meter("990000000002")
        far_room = cls._room("0201", cls.other_building)
        cls.far = cls._remote_meter("990000000777", far_room, cls.other_link)

    def setUp(self):
        super().setUp()
        self.head_end = self.start_head_end(self.link | self.other_link, self._dtus())

    def _dtus(self):
        return [
            {
                "terminal": self.link.terminal,
                "meters": [
                    {"address": self.meter.address, "index": "100"},
                    {
                        "address": self.water.address,
                        "protocol": "cjt188",
                        "index": "5.25",
                    },
                    {"address": self.silent.address, "silent": True},
                ],
            },
            {
                "terminal": self.other_link.terminal,
                "meters": [{"address": self.far.address, "index": "7"}],
            },
        ]

    def _device(self, meter):
        return self.head_end.simulator.meters[meter.address.lstrip("0")]

    def test_a_task_reads_through_real_sockets(self):
        meters = self.meter | self.water | self.silent | self.far
        task = self.env["amr.read.task"].create(
            {"scope": "meters", "meter_ids": meters.ids}
        )
        task.action_start()
        self.run_jobs()
        self.assertRecordValues(
            task, [{"state": "done", "done_count": 3, "missing_count": 1}]
        )
        self.assertEqual(
            (self.meter | self.water | self.far).mapped("latest_index"),
            [100, 5.25, 7],
        )
        self.assertTrue(self.silent.open_exception_count)

    def test_a_relay_is_opened_and_closed_again(self):
        self.meter.action_open_relay()
        self.run_jobs()
        self.assertEqual(self._device(self.meter).state.relay, "open")
        self.assertEqual(self.meter.relay_state, "open")
        self.meter.action_close_relay()
        self.run_jobs()
        self.assertEqual(self._device(self.meter).state.relay, "closed")
        self.assertEqual(self.meter.command_ids.mapped("state"), ["done", "done"])

    def test_a_lost_acknowledgement_still_switches_once(self):
        self._device(self.meter).adjust({"drop_replies": 1, "only": "relay"})
        self.meter.action_open_relay()
        self.run_jobs()
        self.assertRecordValues(self.meter.command_ids, [{"state": "done", "tries": 1}])

    def test_clocks_are_read_and_set(self):
        no_midnight = patch(
            "odoo.addons.amr_device_gateway.models.amr_command_clock.until_settable",
            return_value=timedelta(0),
        )
        for meter, offset in (
            (self.meter, 120),
            (self.meter, 7200),
            (self.water, -600),
        ):
            device = self._device(meter)
            device.adjust({"clock_offset": offset})
            meter.action_read_clock()
            self.run_jobs()
            self.assertAlmostEqual(meter.clock_drift, offset, delta=3)
            self.assertTrue(meter.clock_off)
            with no_midnight:
                meter.action_set_clock()
                self.run_jobs()
            self.assertAlmostEqual(device.clock_error(), 0, delta=3)
            self.assertFalse(meter.clock_off)
            self.assertEqual(meter.command_ids[0].state, "done")

    def test_presence_is_what_the_head_end_lists(self):
        self.env["amr.link"]._cron_sync_presence()
        self.assertTrue(self.link.online)
        self.assertTrue(self.other_link.online)

    def test_a_wrong_token_is_an_error_and_nothing_is_sent(self):
        settings = GatewaySettings(self.head_end.url, "wrong", "02000000", "0")
        with patch(f"{EXCHANGE}.gateway_settings", lambda: settings):
            command = self.env["amr.command"].create(
                {"kind": "relay_open", "meter_id": self.meter.id}
            )
            command._enqueue()
            self.run_jobs(rounds=2)
        self.assertRecordValues(command, [{"state": "queued", "tries": 0}])
        self.assertIn("token", command.result)
        self.assertEqual(self._device(self.meter).state.relay, "closed")
