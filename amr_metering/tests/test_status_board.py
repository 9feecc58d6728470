from decimal import Decimal

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from .common import MeteringCommon

EVIL = "<img src=x onerror=alert(1)>"


@tagged("post_install", "-at_install")
class TestStatusBoard(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reader = cls._operator("amr_reader", "amr_base.group_reader")
        cls.Board = cls.env["amr.status.board"].with_user(cls.reader)

    def _tiles(self, **options):
        board = self.Board.get_board(self.community.id, **options)
        return {
            tile[0]: tile
            for building in board["buildings"]
            for floor in building["floors"]
            for tile in floor["tiles"]
        }

    def _status(self, meter=None):
        return self._tiles()[(meter or self.meter).id][5]

    def test_tiles_by_building_and_floor(self):
        self._install("990000000002", self._room("0201"))
        public = self.env["amr.metering.point"].create(
            {
                "utility_id": self.electricity.id,
                "kind": "public",
                "building_id": self.building.id,
            }
        )
        _point, lamp = self._install("990000000003", self._room("0202"))
        lamp.installation_ids.point_id = public
        board = self.Board.get_board(self.community.id)
        [building] = board["buildings"]
        self.assertEqual(building["name"], self.building.name)
        floors = [(floor["floor"], floor["shared"]) for floor in building["floors"]]
        self.assertEqual(floors, [(1, False), (2, False), (0, True)])
        tile = building["floors"][0]["tiles"][0]
        self.assertEqual(
            tile[1:5],
            ["990000000001", "0101", "Zhang San", self.electricity.id],
        )

    def test_the_manuals_four_colours(self):
        """Black is cut, white works, red is a fault, yellow is an alarm (S4 2.2)."""
        self.assertEqual(self._status(), "new")
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        self.assertEqual(self._status(), "ok")
        self.env["amr.alarm"]._check_limits([(self.meter.id, "voltage", Decimal(999))])
        self.assertEqual(self._status(), "alarm")
        self.meter.sudo().comm_fault_since = "2026-01-03 00:00:00"
        self.assertEqual(self._status(), "fault")
        self.meter.sudo().relay_state = "open"
        self.assertEqual(self._status(), "cut")
        self.assertEqual(self._tiles()[self.meter.id][6], 1)

    def test_unusual_use_shows_as_an_alarm(self):
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        self._ingest(self._row(5, "2026-01-03 00:00:00"))
        self.assertEqual(self._status(), "alarm")
        self.meter.alarm_ids._end()
        self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id)]
        ).action_resolve()
        self.assertEqual(self._status(), "ok")

    def test_events_of_a_meter(self):
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        self._ingest(self._row(5, "2026-01-03 00:00:00"))
        self.env["amr.alarm"]._check_limits([(self.meter.id, "voltage", Decimal(999))])
        events = self.Board.get_events(self.meter.id)
        self.assertEqual(events["meter"]["latest_index"], 10)
        self.assertEqual(events["alarms"][0]["last_value"], 999)
        self.assertEqual(events["exceptions"][0]["kind"], "Negative consumption")
        self.assertEqual([row["index"] for row in events["readings"]], [5, 10])

    def test_only_ones_own_scope_is_shown(self):
        room = self._room("0101", self.other_building)
        _point, other = self._install("990000000002", room)
        board = self.Board.get_board(self.other_community.id)
        self.assertEqual(
            board["communities"], [[self.community.id, self.community.name]]
        )
        self.assertEqual(board["community_id"], self.community.id)
        self.assertNotIn(other.id, self._tiles())
        with self.assertRaises(AccessError):
            self.Board.get_events(other.id)
        with self.assertRaises(AccessError):
            nobody = self.env.ref("base.public_user")
            self.Board.with_user(nobody).get_board(self.community.id)

    def test_queries_do_not_grow_with_meters(self):
        self.Board.get_board(self.community.id)
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.Board.get_board(self.community.id)
        few = self.env.cr.sql_log_count - before
        for number in range(5):
            self._install(f"99000000001{number}", self._room(f"030{number}"))
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.Board.get_board(self.community.id)
        self.assertEqual(self.env.cr.sql_log_count - before, few)

    def test_open_boards_hear_of_a_change(self):
        self.env.cr.precommit.run()
        last = self.env["bus.bus"].search([], order="id desc", limit=1).id
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        self.env.cr.precommit.run()
        told = self.env["bus.bus"].search([("id", ">", last)]).mapped("message")
        self.assertTrue(
            any(
                "amr_status" in message and str(self.community.id) in message
                for message in told
            )
        )


@tagged("post_install", "-at_install")
class TestOverviewTour(MeteringCommon, HttpCase):
    def test_dashboard_and_status_board(self):
        """Landing page, filters, search, keyboard, events and acknowledgement."""
        reader = self._operator("amr_reader", "amr_base.group_reader")
        other = self.partner.copy({"name": EVIL})
        point, _meter = self._install("990000000002", self._room("0102"))
        account = self.env["amr.account"].create(
            {"partner_id": other.id, "community_id": self.community.id}
        )
        self._agree(point, account=account)
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        self.env["amr.alarm.limit"].create(
            {"community_id": self.community.id, "voltage_max": 250}
        )
        self.env["amr.alarm"]._check_limits([(self.meter.id, "voltage", Decimal(251))])
        self.env.flush_all()
        self.start_tour("/odoo", "amr_metering_overview", login=reader.login)
        alarm = self.meter.alarm_ids
        alarm.invalidate_recordset()
        self.assertEqual(
            (alarm.state, alarm.note), ("acknowledged", "asked the tenant")
        )
        self.assertEqual(alarm.acknowledged_by_id, reader)
