from dateutil.relativedelta import relativedelta
from lxml import etree

from odoo import fields
from odoo.tests import HttpCase, JsonRpcException, tagged
from odoo.tools import mute_logger

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestDoor(BillingCommon, HttpCase):
    """Generating and finding bills as the web client does it, session and all."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.month = fields.Date.context_today(cls.env.user) + relativedelta(
            months=-1, day=1
        )
        cls.day = cls.month + relativedelta(months=1)
        cls.tenant = cls.account.copy(
            {"community_id": cls.other_community.id, "room_ids": False}
        )
        cls.other_room = cls._room("0101", cls.other_building)
        point, cls.other_meter = cls._install("990000000099", cls.other_room)
        cls._agree(point, account=cls.tenant)
        cls._freeze(cls.day, 100)
        cls._freeze(cls.day, 40, cls.other_meter)
        both = cls.community | cls.other_community
        cls.admin = cls._operator("door_admin", "amr_base.group_community_admin", both)
        cls.clerk = cls._operator("door_clerk", "amr_base.group_clerk")
        for user in cls.admin | cls.clerk:
            user.password = user.login

    def _log_in(self, user):
        self.authenticate(user.login, user.login)

    def _call(self, model, method, *args, **kwargs):
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": args, "kwargs": kwargs},
        )

    def _find(self, action):
        """Return the records that an action's list shows."""
        found = self._call(
            action["res_model"],
            "web_search_read",
            domain=action["domain"],
            specification={},
        )
        return self.env[action["res_model"]].browse(
            [row["id"] for row in found["records"]]
        )

    def _run_jobs(self, records):
        """Press "Generate bills", and work the jobs it enqueues."""
        self._call("amr.billing.run", "action_start", records.ids)
        self.env.invalidate_all()
        for run in records:
            jobs = self.env["queue.job"].sudo()
            key = f"amr_billing.run.{run.id}"
            self.assertTrue(jobs.search([("identity_key", "=", key)]))
            run._process_slice()

    def test_all_communities_of_the_operator_at_once(self):
        """Row 76: all."""
        self._log_in(self.admin)
        both = (self.community | self.other_community).ids
        runs = self._find(self._call("amr.community", "action_bill_all", both))
        self.assertEqual(runs.community_id, self.community | self.other_community)
        self.assertEqual(set(runs.mapped("state")), {"draft"})
        again = self._find(self._call("amr.community", "action_bill_all", both))
        self.assertEqual(again, runs, "prepared once")
        self._run_jobs(runs)
        self.assertEqual(set(runs.mapped("state")), {"done"})
        self.assertEqual(sorted(runs.move_ids.mapped("amount_total")), [21.13, 52.83])
        with mute_logger("odoo.http"), self.assertRaises(JsonRpcException):
            self._call("amr.community", "action_bill_all", both)

    def test_a_building_and_one_customer(self):
        """Row 76: building, one customer."""
        second, meter, _agreement = self._new_account("0102")
        self._freeze(self.day, 10, meter)
        self._log_in(self.admin)
        for scope in ({"account_id": second.id}, {"building_id": self.building.id}):
            values = {"community_id": self.community.id, **scope}
            [run_id] = self._call("amr.billing.run", "create", [values])
            run = self.env["amr.billing.run"].browse(run_id)
            self._run_jobs(run)
            self.assertEqual(len(run.move_ids), 1)
        self.assertEqual(second.move_ids.amount_total, 5.28)

    def test_what_is_out_of_scope_is_not_billed(self):
        self.admin.amr_community_ids = self.community
        self._log_in(self.admin)
        with mute_logger("odoo.http"), self.assertRaises(JsonRpcException):
            self._call("amr.community", "action_bill_all", self.other_community.ids)
        self.assertFalse(
            self.env["amr.billing.run"].search(
                [("community_id", "=", self.other_community.id)]
            )
        )

    def test_the_warning_comes_before_anything_is_billed(self):
        """Row 78: what the client shows and asks, in the form and in the list."""
        self._log_in(self.admin)
        views = self._call(
            "amr.billing.run", "get_views", [[False, "form"], [False, "list"]]
        )["views"]
        for kind in ("form", "list"):
            tree = etree.fromstring(views[kind]["arch"])
            buttons = tree.xpath("//button[@name='action_start']")
            self.assertTrue(buttons, kind)
            for button in buttons:
                self.assertIn("cannot be undone", button.get("confirm"))
        shown = {"account_count": {}, "agreement_count": {}}
        [[run_id]] = [
            self._call(
                "amr.billing.run", "create", [{"community_id": self.community.id}]
            )
        ]
        [preview] = self._call(
            "amr.billing.run", "web_read", [run_id], specification=shown
        )
        self.assertEqual((preview["account_count"], preview["agreement_count"]), (1, 1))
        self.assertFalse(self.account.move_ids, "nothing is billed by looking")

    def test_the_front_desk_does_not_generate_bills(self):
        run = self._make_run(self.month)
        self._log_in(self.clerk)
        for call in (
            ("amr.billing.run", "action_start", run.ids),
            ("amr.community", "action_bill_all", self.community.ids),
        ):
            with mute_logger("odoo.http"), self.assertRaises(JsonRpcException):
                self._call(*call)
        self.assertEqual(run.state, "draft")

    def test_bills_are_found_from_community_building_and_customer(self):
        """Row 79, and nothing of other people's."""
        runs = self._bill(self.month) | self._bill(
            self.month, community_id=self.other_community.id
        )
        mine = runs[0].move_ids
        self._log_in(self.clerk)
        for record in (self.community, self.building, self.account):
            action = self._call(record._name, "action_open_bills", record.ids)
            self.assertEqual(self._find(action), mine, record._name)
        ids = self.other_building.ids
        action = self._call("amr.building", "action_open_bills", ids)
        self.assertFalse(self._find(action))
        self.assertEqual(
            self._find(
                {
                    "res_model": "account.move",
                    "domain": [("amr_run_id", "in", runs.ids)],
                }
            ),
            mine,
        )

    def test_a_bill_of_a_room_is_found_after_the_customer_moved_out(self):
        bill = self._bill(self.month).move_ids
        self.room.account_id = False
        self._log_in(self.clerk)
        action = self._call("amr.building", "action_open_bills", self.building.ids)
        self.assertEqual(self._find(action), bill)
