from datetime import datetime
from decimal import Decimal

from odoo import fields
from odoo.tests import freeze_time, tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestDashboard(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reader = cls._operator("amr_reader", "amr_base.group_reader")

    def _data(self, user=None):
        Dashboard = self.env["amr.dashboard"].with_user(user or self.reader)
        return Dashboard.get_data(self.community.id)

    def _card(self, key, **options):
        return next(c for c in self._data(**options)["cards"] if c["key"] == key)

    def _daily(self, meter, first, *indexes):
        start = datetime.fromisoformat(f"{first} 16:00:00")
        self._ingest(
            *(
                self._row(
                    index,
                    str(fields.Datetime.add(start, days=number)),
                    meter=meter,
                    kind="daily",
                )
                for number, index in enumerate(indexes)
            )
        )

    def test_the_app_lands_on_the_dashboard(self):
        menus = self.env["ir.ui.menu"].with_user(self.reader).load_web_menus(False)
        root = menus[self.env.ref("amr_base.menu_root").id]
        action = self.env.ref("amr_metering.amr_dashboard_action")
        self.assertEqual(root["actionID"], action.id)

    def test_shares_of_the_meters_states(self):
        """KTAMR manual 2.2: the share of each state, with its number."""
        meters = [self.meter]
        for number in range(3):
            room = self._room(f"020{number}")
            meters.append(self._install(f"99000000001{number}", room)[1])
        for meter in meters[:3]:
            self._ingest(self._row(10, "2026-01-02 00:00:00", meter=meter))
        meters[0].sudo().relay_state = "open"
        card = self._card("meters")
        self.assertEqual(card["total"], 4)
        shares = {row["level"]: (row["count"], row["share"]) for row in card["rows"]}
        self.assertEqual(shares, {"ok": (2, 50), "cut": (1, 25), "new": (1, 25)})
        domain = next(r for r in card["rows"] if r["level"] == "cut")["action"][
            "domain"
        ]
        self.assertEqual(self.env["amr.meter"].search(domain), meters[0])

    def test_alarms_and_exceptions(self):
        self.env["amr.alarm"]._check_limits([(self.meter.id, "voltage", Decimal(999))])
        found = self.env["amr.exception"]._raise_exception(
            "high", "much", meter=self.meter
        )
        found.flush_recordset()
        self.env.cr.execute(
            "UPDATE amr_exception SET create_date = create_date - INTERVAL '4 days' "
            "WHERE id = %s",
            [found.id],
        )
        self.env.invalidate_all()
        [row] = self._card("alarms")["rows"]
        self.assertEqual((row["label"], row["count"]), ("Voltage (V)", 1))
        [row] = self._card("exceptions")["rows"]
        self.assertEqual(row["count"], 1)
        self.assertIn("older than 3 days", row["note"])
        todo = {item["icon"]: item["count"] for item in self._data()["todo"]}
        self.assertEqual(todo["fa-bell"], 1)
        self.assertEqual(todo["fa-exclamation-triangle"], 1)

    def test_read_success_of_the_last_days(self):
        _point, silent = self._install(
            "990000000002", self._room("0102"), since="2026-01-02 16:00:00"
        )
        with freeze_time("2026-01-03 17:00:00"):  # the 4th in Shanghai
            self._daily(self.meter, "2025-12-31", 0, 1, 2, 3)
            self._ingest(
                self._row(1, "2026-01-03 16:30:00", meter=silent, source="estimate")
            )
            days = self._data()["read_success"]
        self.assertEqual(
            [(day["day"], day["read"], day["total"]) for day in days],
            [
                ("2026-01-01", 1, 1),
                ("2026-01-02", 1, 1),
                ("2026-01-03", 1, 2),
                ("2026-01-04", 1, 2),
            ],
        )
        self.assertEqual(days[-1]["share"], 50)

    def test_this_month_against_last(self):
        self.meter.current_ratio = 10
        with freeze_time("2026-02-02 16:00:00"):  # the 3rd at 00:00 in Shanghai
            self._daily(self.meter, "2025-12-31", *range(34))
            _point, late = self._install(
                "990000000002", self._room("0102"), since="2026-02-01 16:00:00"
            )
            self._ingest(self._row(5, "2026-02-02 15:00:00", meter=late))
            [use] = self._data()["consumption"]
        self.assertEqual((use["month"], use["same"], use["last"]), (25, 20, 310))
        # only meters that have both months are compared
        self.assertEqual(use["change"], 0)
        self.assertEqual((use["measured"], use["total"]), (2, 2))

    def test_what_a_replaced_meter_measured_counts(self):
        with freeze_time("2026-02-02 16:00:00"):
            self._daily(self.meter, "2025-12-31", *range(34))
            replaced_at = "2026-02-02 02:00:00"
            self.point.installation_ids.write({"date_to": replaced_at, "end_index": 40})
            new = self.env["amr.meter"].create(
                {
                    "number": "990000000009",
                    "address": "990000000009",
                    "model_id": self.meter_model.id,
                }
            )
            self.env["amr.installation"].create(
                {
                    "meter_id": new.id,
                    "point_id": self.point.id,
                    "date_from": replaced_at,
                    "start_index": 1000,
                }
            )
            self._ingest(self._row(1005, "2026-02-02 15:00:00", meter=new))
            [use] = self._data()["consumption"]
        # 31 at the first of February: 9 until the replacement, 5 since
        self.assertEqual((use["month"], use["last"]), (14, 31))

    def test_a_new_company_is_led_into_service(self):
        # whatever else the database has: this company has nothing yet
        company = self.env["res.company"].create({"name": "New"})
        manager = self._operator("amr_manager", "amr_base.group_manager")
        manager.write(
            {
                "company_id": company.id,
                "company_ids": [fields.Command.set(company.ids)],
            }
        )
        Dashboard = self.env["amr.dashboard"].with_user(manager)
        guide = Dashboard.with_context(allowed_company_ids=company.ids).get_data()[
            "guide"
        ]
        self.assertGreaterEqual(len(guide), 5)
        self.assertFalse(guide[0]["done"])
        for step in guide:
            self.assertTrue(self.env.ref(step["action"]))
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        self.assertFalse(self._data()["guide"])

    def test_figures_of_ones_own_scope_only(self):
        stranger = self._operator(
            "amr_stranger", "amr_base.group_reader", self.other_community
        )
        self._ingest(self._row(10, "2026-01-02 00:00:00"))
        self.env["amr.alarm"]._check_limits([(self.meter.id, "voltage", Decimal(999))])
        data = self._data(user=stranger)
        self.assertFalse(data["community_id"])
        self.assertFalse([card for card in data["cards"] if card["total"]])
        self.assertFalse(data["consumption"] or data["read_success"] or data["todo"])

    def test_every_role_may_open_it(self):
        for group in ("clerk", "community_admin", "manager"):
            user = self._operator(f"amr_{group}", f"amr_base.group_{group}")
            self.assertTrue(self._data(user=user)["cards"])
