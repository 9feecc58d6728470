"""Values that a concentrator tells before anybody compared its list (real sockets)."""

from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.amr_device_gateway.headend.protocols import registry

from .concentrator_common import ConcentratorCommon
from .head_end import WithHeadEnd

GDW376 = registry.get("gdw376")


@tagged("post_install", "-at_install")
class TestConcentratorReport(WithHeadEnd, ConcentratorCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.partner_id.lang = False
        cls.env["ir.config_parameter"].set_param("amr.reply_timeout", "0.5")
        cls.meter.write({"concentrator_id": False, "link_id": cls.link.id})
        cls.two = cls._meters(2)
        cls.env.flush_all()
        # entered long ago
        cls.two.sudo().place_since = fields.Datetime.now() - timedelta(days=9)
        cls.concentrator.capacity = 8

    def setUp(self):
        super().setUp()
        row = {
            "terminal": self.concentrator.terminal,
            "meters": [
                {"address": meter.address, "point": place, "index": str(100 + place)}
                for place, meter in enumerate(self.two, 1)
            ],
        }
        link = self.concentrator.link_id
        self.head_end = self.start_head_end(link, concentrators=[row])
        self.device = self.head_end.simulator.concentrators[self.concentrator.terminal]
        self._deliver(1, skip=True)  # its log-in

    def _deliver(self, count, skip=False):
        """Hand what the head-end spooled over to Odoo.

        :param int count: how many events there are
        """
        events = self.head_end.events(count)
        if not skip:
            self.env["amr.headend.event"]._receive("test", events)
        return events

    def _tell(self):
        """The concentrator tells what it holds, and last midnight's freezes."""
        terminal, points = self.concentrator.terminal, [1, 2]
        today = self.community._local_date(fields.Datetime.now())
        loop = self.head_end.loop
        for request in (
            GDW376.read_current(terminal, points),
            GDW376.read_day(terminal, points, today - timedelta(days=1)),
        ):
            loop.call_soon_threadsafe(self.device.report, request)
        self._deliver(2)
        return self.env["amr.headend.event"].search([], limit=2)

    def _commands(self):
        return self.concentrator.command_ids

    def _readings(self, meter=None):
        readings = self.env["amr.reading"].search(
            [("meter_id", "in", (meter or self.two).ids), ("register", "=", "total")]
        )
        return sorted(readings.mapped(lambda one: (one.meter_id.id, one.kind)))

    def test_what_was_told_before_the_list_was_seen_is_taken_when_it_is(self):
        events = self._tell()
        self.assertEqual(set(events.mapped("state")), {"rejected"})
        self.assertFalse(self._readings())
        command = self._commands()
        self.assertRecordValues(command, [{"kind": "archive_compare"}])
        self.run_jobs()
        self.assertEqual(command.state, "done")
        both = [(one.id, kind) for one in self.two for kind in ("daily", "spot")]
        self.assertEqual(self._readings(), both)
        self.assertEqual(self.two.mapped("latest_index"), [101, 102])
        self.assertEqual(set(events.mapped("state")), {"done"})
        self.assertFalse(events.awaited_id)
        # what comes now goes straight in or is known: nothing is compared again
        self._tell()
        self.run_jobs()
        self.assertEqual(self._commands(), command)

    def test_a_point_of_another_meter_gives_nothing_and_is_reported_once(self):
        """The list of the device was rewritten on site."""
        row = self.device.rows[1]
        self.device.rows[1] = row._replace(address="000000007777")
        for _time in range(2):
            self._tell()
            self.run_jobs()
        self.assertEqual({one for one, _kind in self._readings()}, {self.two[1].id})
        self.assertEqual(len(self._commands()), 1)
        found = self.env["amr.exception"].search(
            [("origin", "=", f"list {self.concentrator.terminal}")]
        )
        self.assertEqual(len(found), 1)
        self.assertIn(self.two[0].number, found.reason)
        self.assertNotIn(self.two[1].number, found.reason)
        self.assertEqual(found.community_id, self.community)
        # put right afterwards: what was told before may still be the other meter's
        self.device.rows[1] = row
        self.concentrator.action_archive_compare()
        self.run_jobs()
        self.assertTrue(self.two[0].is_listed)
        self.env["amr.headend.event"].search(
            [("state", "=", "rejected")]
        ).action_retry()
        self.run_jobs()
        self.assertFalse(self._readings(self.two[0]))

    def test_our_list_sent_down_gives_no_old_value_to_a_new_meter(self):
        self._tell()
        self.concentrator.command_ids.action_cancel()
        self.concentrator.action_archive_download()
        self.run_jobs()
        self.assertEqual(set(self.two.mapped("is_listed")), {True})
        self.assertFalse(self._readings())

    def test_a_meter_that_was_put_in_anothers_place_gets_nothing_of_that(self):
        self._tell()
        old = self.two[0]
        new = self._meters(1, 9_900_004_900, measuring_point=77)
        self._dismount(old)
        old.active = False
        new.measuring_point = 1
        self.env.flush_all()
        self.device.rows[1] = self.device.rows[1]._replace(
            address=new.address.zfill(12)
        )
        self.run_jobs()
        self.assertTrue(new.is_listed)
        self.assertFalse(self._readings(old | new))
        self.assertEqual(len(self._readings(self.two[1])), 2)

    def test_a_meter_that_was_not_installed_yet_gets_nothing(self):
        self.two[0].installation_ids.date_from = fields.Datetime.now() - timedelta(
            minutes=1
        )
        self.device.poll()
        moment, values = self.device.held[1]
        self.device.held[1] = (moment - timedelta(hours=2), values)
        self._tell()
        self.run_jobs()
        self.assertTrue(self.two[0].is_listed)
        self.assertFalse(self._readings(self.two[0]))

    def test_a_value_of_a_clock_ahead_is_not_right_when_it_is_taken_later(self):
        moment, values = self.device.held[1]
        self.device.held[1] = (moment + timedelta(hours=2), values)
        events = self._tell()
        before = fields.Datetime.now() - timedelta(hours=3)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_headend_event SET create_date = %s WHERE id IN %s",
            [before, tuple(events.ids)],
        )
        self.env.invalidate_all()
        self.run_jobs()
        self.assertNotIn((self.two[0].id, "spot"), self._readings())

    def test_its_list_is_compared_when_it_logs_in_for_the_first_time(self):
        link = self.concentrator.link_id
        for _time in range(2):
            link._on_link_up()
        self.assertRecordValues(
            self._commands(),
            [{"kind": "archive_compare", "community_id": self.community.id}],
        )
        self.run_jobs()
        self.assertEqual(set(self.two.mapped("is_listed")), {True})
        link._on_link_up()
        self.assertEqual(len(self._commands()), 1)

    def test_a_list_that_is_kept_at_the_device_is_not_asked_for(self):
        """Q/GDW 130-2005 has no such question."""
        self.concentrator.protocol = "gdw130"
        self.concentrator.link_id._on_link_up()
        self._tell()
        self.assertFalse(self._commands())
        self.assertFalse(self._readings())

    def test_a_list_that_cannot_be_read_is_reported_and_tried_later(self):
        self.device.silent = True
        self._tell()
        self.run_jobs()
        self.assertEqual(self._commands().state, "failed")
        found = self.env["amr.exception"].search(
            [("origin", "=", f"list {self.concentrator.terminal}")]
        )
        self.assertIn("could not be compared", found.reason)
        self.device.silent = False
        self._tell()
        self.assertEqual(len(self._commands()), 1, "not at every report")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_command SET create_date = create_date - interval '2 hours'"
            " WHERE id = %s",
            [self._commands().id],
        )
        self.env.invalidate_all()
        self.concentrator.link_id._on_link_up()
        self.run_jobs()
        self.assertEqual(len(self._readings()), 4)
