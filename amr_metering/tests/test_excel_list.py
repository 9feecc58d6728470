import base64
import io
import json
from datetime import datetime

from lxml import etree
from openpyxl import load_workbook

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged

from .common import MeteringCommon


class ListCommon(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reader = cls._operator("list_reader", "amr_base.group_reader")

    def _lines(self, action, records, user=None):
        """Run a server action as on screen; return the rows of its workbook."""
        action = (
            self.env.ref(f"amr_metering.{action}")
            .with_user(user or self.reader)
            .with_context(
                active_model=records._name,
                active_ids=records.ids,
                active_id=records[:1].id,
            )
        )
        url = action.run()["url"]
        file = self.env["amr.excel.file"].browse(int(url.split("/")[4])).sudo()
        book = load_workbook(io.BytesIO(base64.b64decode(file.data)))
        return [tuple(row) for row in book.active.values][1:]


@tagged("post_install", "-at_install")
class TestExcelList(ListCommon):
    """Rows 10, 49 and 51: the manuals' lists with the manuals' columns."""

    def test_results_of_a_read_task(self):
        __, other = self._install("990000000002", self._room("0102"))
        task = (
            self.env["amr.read.task"]
            .with_user(self.reader)
            .create({"scope": "community", "community_id": self.community.id})
        )
        task.action_start()
        task.sudo()._record_readings([self._row(33.5, "2026-05-10 16:53:39")])
        head, first, second = self._lines("amr_read_task_excel_action", task)
        self.assertEqual(
            head[:10],
            ("序号", "用户编号", "用户名", "表号", "小区", "楼宇", "房间号", "抄收读数")
            + ("抄收时间", "状态"),
        )
        moment = datetime(2026, 5, 11, 0, 53, 39)
        self.assertEqual(
            first[:9],
            (1, self.account.number, "Zhang San", self.meter.number)
            + ("Golden Delta", "Building 1", "0101", 33.5, moment),
        )
        self.assertEqual(second[3:8], (other.number, *first[4:6], "0102", None))

    def test_monitor_and_anomaly_lists(self):
        self._ingest(
            self._row(106, "2026-01-02 00:00:00"), self._row(21, "2026-02-02 00:00:00")
        )
        readings = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        lines = self._lines("amr_reading_excel_action", readings)
        self.assertEqual([line[8] for line in lines], ["示数", 21, 106])
        exception = self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        head, line = self._lines("amr_exception_excel_action", exception)[:2]
        self.assertEqual(head[7:9], ("异常", "原因"))
        self.assertEqual((line[3], line[8]), (self.meter.number, exception[0].reason))

    def test_alarm_list(self):
        alarm = self.env["amr.alarm"].create(
            {
                "meter_id": self.meter.id,
                "company_id": self.env.company.id,
                "community_id": self.community.id,
                "kind": self.env["amr.alarm"]._fields["kind"].get_values(self.env)[0],
                "value": 260,
                "limit_value": 250,
                "began_at": "2026-01-01 00:00:00",
            }
        )
        head, line = self._lines("amr_alarm_excel_action", alarm)
        self.assertEqual(head[7:10], ("报警", "数值", "限值"))
        self.assertEqual(line[8:11], (260, 250, datetime(2026, 1, 1, 8)))

    def test_rooms_of_a_building_with_their_meters_or_without(self):
        """Row 10, KTAMR manual 3.2.5."""
        self._room("1801")
        self._ingest(self._row(21, "2026-06-03 00:46:00"))
        head, first, second = self._lines("amr_building_excel_action", self.building)
        self.assertEqual(
            head,
            ("序号", "用户编号", "房间编号", "房主", "表地址", "最近抄表时间")
            + ("最近度数", "上期度数", "状态", "本期用量", "装表时间"),
        )
        self.assertEqual(
            first[:6],
            (1, self.account.number, "0101", "Zhang San", self.meter.address)
            + (datetime(2026, 6, 3, 8, 46),),
        )
        self.assertEqual((first[6], first[10]), (21, datetime(2026, 1, 1)))
        self.assertEqual(second, (2, None, "1801", *[None] * 8))
        point = self._lines("amr_metering_point_excel_action", self.point)[1]
        self.assertEqual(point, first)

    def test_an_empty_list_says_so_and_a_foreign_one_is_refused(self):
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        with self.assertRaises(UserError):
            self._lines("amr_read_task_excel_action", task, self.env.user)
        with self.assertRaises(AccessError):
            self._lines("amr_building_excel_action", self.other_building)


@tagged("post_install", "-at_install")
class TestEveryList(ListCommon, HttpCase):
    """Row 101: every list in the menu goes out to Excel, by whoever sees it there.

    Run with all addons, it walks the lists of all of them.
    """

    def _get_lists(self, user):
        """Return ``{action: model}`` of the lists in this operator's menu."""
        menus = self.env["ir.ui.menu"].with_user(user)
        menus = menus.browse(menus._visible_menu_ids())  # as this operator's are
        root = self.env.ref("amr_base.menu_root")
        ours = menus.filtered(
            lambda m: str(root.id) in (m.parent_path or "").split("/")
        )
        return {
            menu.action: menu.action.res_model
            for menu in ours.sudo()
            if menu.action
            and menu.action._name == "ir.actions.act_window"
            and "list" in menu.action.view_mode.split(",")
        }

    def _get_columns(self, action, user):
        """Return the columns that the action's list shows this operator."""
        view = next((view for view, mode in action.views if mode == "list"), False)
        model = self.env[action.res_model].with_user(user)
        arch = etree.fromstring(model.get_view(view, "list")["arch"])
        names = [node.get("name") for node in arch.xpath("/list/field")]
        return [{"name": n, "label": n, "type": "char"} for n in dict.fromkeys(names)]

    def _export(self, model, columns, ids):
        params = {
            "model": model,
            "fields": columns,
            "ids": ids,
            "domain": [],
            "import_compat": False,
            "groupby": [],
            "context": {},
        }
        answer = self.url_open(
            "/web/export/xlsx",
            data={
                "data": json.dumps(params),
                "csrf_token": http.Request.csrf_token(self),
            },
        )
        self.assertEqual(answer.status_code, 200, model)
        return list(load_workbook(io.BytesIO(answer.content)).active.values)

    def test_every_list_is_exported_by_its_operator(self):
        self._ingest(self._row(1, "2026-01-02 00:00:00"))
        walked = set()
        for role in ("reader", "clerk", "community_admin", "manager"):
            user = self._operator(f"export_{role}", f"amr_base.group_{role}")
            self.assertTrue(user.has_group("base.group_allow_export"))
            self.authenticate(user.login, user.login)
            for action, model in self._get_lists(user).items():
                if action.id in walked:
                    continue
                walked.add(action.id)
                ids = self.env[model].with_user(user).search([], limit=3).ids
                rows = self._export(model, self._get_columns(action, user), ids)
                self.assertEqual(len(rows), len(ids) + 1, f"{role}: {action.name}")
        self.assertGreater(len(walked), 40)
        exports = self.env["auditlog.log"].search([("method", "=", "export_data")])
        ours = [log for log in exports if log.user_id.login.startswith("export_")]
        self.assertGreater(len(ours), 40)
