import base64
import io
import re
from datetime import datetime

from openpyxl import Workbook, load_workbook

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..estate_book import BY_KEY, write_book
from .common import MeteringCommon

CHINESE = re.compile("[\u4e00-\u9fff]")
HERE = ("Golden Delta", "Building 1")
ROOMS = ("小区", "楼宇", "房间号", "建筑面积", "备注")
ACCOUNTS = ("户号", "户名", "小区", "楼宇", "房间号", "联系电话")
METERS = (
    *("表号", "表型号", "通信地址", "小区", "楼宇", "房间号", "装表时间", "起码"),
    *("户号", "收费类型", "上级总表"),
)
SINCE = datetime(2026, 1, 1)


def saved(**sheets):
    """Return a workbook as a person would have typed it, cell by cell."""
    book = Workbook()
    del book["Sheet"]
    for title, lines in sheets.items():
        page = book.create_sheet(title)
        for line in lines:
            page.append(line)
    return book


def data_of(book):
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@tagged("post_install", "-at_install")
class TestExcelDoor(MeteringCommon, HttpCase):
    """Import as its user does it: by the web client's calls, with what people send."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("zh_CN")
        cls.admin = cls._operator("door_admin", "amr_base.group_community_admin")
        cls.admin.password = "a long pass phrase"
        cls.env["amr.meter"].create(
            {"number": "00012345", "model_id": cls.meter_model.id}
        )

    def setUp(self):
        super().setUp()
        self.authenticate("door_admin", "a long pass phrase")

    def _call(self, model, method, args, lang="en_US", **kwargs):
        context = {"lang": lang, "allowed_company_ids": self.env.company.ids}
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{model}/{method}",
            {
                "model": model,
                "method": method,
                "args": args,
                "kwargs": {"context": context, **kwargs},
            },
        )

    def _bring(self, data, lang="en_US", name="archive.xlsx"):
        [record] = self._call(
            "amr.excel.import",
            "web_save",
            [[], {"file": base64.b64encode(data).decode(), "filename": name}],
            lang,
            specification={},
        )
        self._call("amr.excel.import", "action_check", [[record["id"]]], lang)
        return record["id"]

    def _bring_refused(self, data):
        """Return what the web client gets told when a file cannot be read."""
        record = self.env["amr.excel.import"].with_user(self.admin)
        record = record.create({"file": base64.b64encode(data)})
        args = {"model": record._name, "method": "action_check", "args": [record.ids]}
        answer = self.url_open(
            "/web/dataset/call_kw",
            json={"params": {**args, "kwargs": {"context": {"lang": "en_US"}}}},
        )
        return answer.json()["error"]["data"]

    def _read(self, import_id, lang="en_US"):
        [values] = self._call(
            "amr.excel.import",
            "web_read",
            [[import_id]],
            lang,
            specification={
                "state": {},
                "bad_count": {},
                "good_count": {},
                "sheet_ids": {
                    "fields": {
                        name: {} for name in ("sheet", "new", "bad", "unchanged")
                    }
                },
                "problem_ids": {
                    "fields": {
                        name: {}
                        for name in ("sheet", "row", "column", "reason", "notice")
                    }
                },
            },
        )
        return values

    def _messy(self):
        """Return a workbook with a bad row of every kind between good ones."""
        account = ("160605001", "张三", *HERE, "0201", None)
        meter = ("880000000001", "DDS", "16060501", *HERE, "0201", SINCE, 5)
        book = saved(
            房间=[
                ROOMS,
                (*HERE, "0201", 80.5),
                (*HERE, "０２０２"),  # full-width digits
                (*HERE, "0201"),
                ("Golden Delta", "Nowhere", "0203"),
                (*HERE, "0204", "large"),
                (*HERE, "0205"),
                (*HERE, "0206"),
                (*HERE, "=A1"),
                (*HERE, datetime(2026, 3, 1)),
                (*HERE, None),
                (*HERE, 101.0),  # 0101 without its zero
                (*HERE, "0207", -1),
                *[(None, None)] * 3,
                (*HERE, "0208", "#N/A"),
            ],
            客户=[
                ACCOUNTS,
                account,
                (160605002.0, "李四", *HERE, "0202"),
                ("16-A", "王五", *HERE, "0202"),
                ("160605003", "王五", *HERE, "9999"),
                ("160605004", "王五", *HERE, "0201"),
                ("160605001", "张三", *HERE, "0202", "139"),
                (1234567890123456789, "王五", *HERE, None),
            ],
            表计=[
                METERS,
                (*meter, "160605001", "Residential"),
                (*("880000000002", "DDS", "16O605"), *HERE, "0201", SINCE, 5),
                (*("880000000003", "None", None), *HERE, "0201", SINCE, 5),
                (*("880000000004", "DDS", None), *HERE, "0201", 46023, 5),
                (*("880000000005", "DDS", None), *HERE, "0201", "2026年13月1日", 5),
                (*("880000000006", "DDS", None), *HERE, "0202", "2099-01-01", 5),
                (*("880000000007", "DDS", None), *HERE, "0202", "2026/1/1", "12,3.5"),
                (*("880000000008", "DDS", None), *HERE, "0202", SINCE, 1.23456),
                (*("880000000009", "DDS", "16060501"), *HERE, "0202", SINCE, 5),
                (12345, "DDS", None, *HERE, "0202", SINCE, 5),
                (*meter[:2], "16060502", *meter[3:]),
                (
                    *("880000000010", "DDS", "2"),
                    *(*HERE, "0202", SINCE, 5, None, None, "M9"),
                ),
                (*("880000000011", "DDS", 16060511.0), *HERE, "0202", SINCE, "１２.５"),
            ],
            房间列表=[("x",)],
        )
        book["房间"].merge_cells("A7:A8")
        return data_of(book)

    BAD = (
        ("房间", 4, "房间号"),
        ("房间", 5, "楼宇"),
        ("房间", 6, "建筑面积"),
        ("房间", 7, ""),
        ("房间", 8, ""),
        ("房间", 9, "房间号"),
        ("房间", 10, "房间号"),
        ("房间", 11, "房间号"),
        ("房间", 12, "房间号"),
        ("房间", 13, "建筑面积"),
        ("房间", 17, "建筑面积"),
        ("房间列表", 1, ""),
        ("客户", 4, "户号"),
        ("客户", 5, "房间号"),
        ("客户", 6, "房间号"),
        ("客户", 7, "房间号"),
        ("客户", 8, "户号"),
        ("表计", 3, "通信地址"),
        ("表计", 4, "表型号"),
        ("表计", 5, "装表时间"),
        ("表计", 6, "装表时间"),
        ("表计", 7, "装表时间"),
        ("表计", 8, "起码"),
        ("表计", 9, "起码"),
        ("表计", 10, "通信地址"),
        ("表计", 11, "表号"),
        ("表计", 12, "表号"),
        ("表计", 13, "上级总表"),
    )

    def test_bad_rows_of_every_kind_are_named_and_nothing_is_lost(self):
        data = self._messy()
        found = {}
        for lang in ("en_US", "zh_CN"):
            import_id = self._bring(data, lang)
            found[lang] = self._read(import_id, lang)
            told = sorted(
                (p["sheet"], p["row"], p["column"] or "")
                for p in found[lang]["problem_ids"]
            )
            self.assertEqual(told, sorted(self.BAD))
        for problem in found["zh_CN"]["problem_ids"]:
            if problem["row"] != 11 or problem["sheet"] != "表计":
                self.assertRegex(problem["reason"], CHINESE)
        counts = {
            line["sheet"]: (line["new"], line["bad"])
            for line in found["en_US"]["sheet_ids"]
        }
        self.assertEqual(counts, {"房间": (2, 11), "客户": (2, 5), "表计": (2, 11)})
        self._call("amr.excel.import", "action_import", [[import_id]])
        self.assertEqual(self._read(import_id)["state"], "done")
        rooms = self.building.room_ids.filtered(lambda room: room.floor == 2)
        self.assertEqual(rooms.mapped("name"), ["0201", "0202"])
        self.assertEqual(rooms.account_id.mapped("number"), ["160605001", "160605002"])
        meters = self.env["amr.meter"].search([("number", "=like", "8800000000%")])
        self.assertEqual(meters.mapped("address"), ["16060501", "16060511"])
        self.assertEqual(
            meters.installation_ids.sorted("start_index").mapped("start_index"),
            [5, 12.5],
        )
        self._send_the_bad_rows_again(import_id)

    def _send_the_bad_rows_again(self, import_id):
        """What was bad comes back as a workbook, is corrected there and comes in."""
        action = self._call(
            "amr.excel.import", "action_download_bad_rows", [[import_id]]
        )
        response = self.url_open(action["url"])
        self.assertIn(".xlsx", response.headers["Content-Disposition"])
        book = load_workbook(io.BytesIO(response.content))
        self.assertEqual(len(list(book["表计"].values)), 12)
        page = book["房间"]
        for line in page.iter_rows(2):
            if line[2].value == "0204":
                line[3].value = 70
        again = self._read(self._bring(data_of(book)))
        rooms = next(line for line in again["sheet_ids"] if line["sheet"] == "房间")
        self.assertEqual(rooms["new"], 3)  # 0204; 0205 and 0206 are not merged any more

    def test_files_that_are_none_say_why_in_one_sentence(self):
        old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
        for data, message in (
            ("户号,户名\n1,张三".encode("gbk"), "no Excel workbook"),
            (old, "old Excel format"),
            (old + "EncryptedPackage".encode("utf-16-le"), "password"),
            (write_book({"rooms": []}), "no rows below its headings"),
            (data_of(saved(Sheet1=[ROOMS])), "No sheet has a name"),
        ):
            with mute_logger("odoo.http"):
                error = self._bring_refused(data)
            self.assertEqual(error["name"], "odoo.exceptions.UserError")
            self.assertIn(message, error["message"])
            self.assertEqual(error["message"].count("\n"), 0)

    def test_a_sheet_without_its_columns_is_not_called_complete(self):
        book = saved(房间=[ROOMS[1:], ("Building 1", "0201")])
        values = self._read(self._bring(data_of(book)))
        self.assertEqual((values["good_count"], values["bad_count"]), (0, 0))
        [problem] = values["problem_ids"]
        self.assertEqual((problem["row"], problem["column"]), (1, "小区"))

    def test_hidden_rows_come_in_and_are_told(self):
        book = saved(房间=[ROOMS, (*HERE, "0201"), (*HERE, "0202")])
        book["房间"].row_dimensions[3].hidden = True
        values = self._read(self._bring(data_of(book)))
        self.assertEqual((values["good_count"], values["bad_count"]), (2, 0))
        [problem] = values["problem_ids"]
        self.assertEqual((problem["row"], problem["notice"]), (3, True))

    def test_zeros_that_excel_dropped_do_not_make_something_else(self):
        meter = self.env["amr.meter"].search([("number", "=", "00012345")])
        meter.address = "000016060599"
        self.account.number = "00777"
        book = saved(
            客户=[ACCOUNTS, (777, "Zhang San", *HERE, None)],
            表计=[METERS[:3], (12345, "DDS", None), ("00012345", "DDS", 16060599)],
        )
        values = self._read(self._bring(data_of(book)))
        self.assertEqual(values["good_count"], 0)
        known = ("00777", "00012345", "000016060599")
        for problem, number in zip(values["problem_ids"], known, strict=True):
            self.assertIn(f"Is {number} meant?", problem["reason"])

    def test_the_log_tells_who_gave_a_room_its_customer(self):
        titles = [column.title for column in BY_KEY["accounts"].columns[:5]]
        room = self._room("0301")
        book = saved(客户=[titles, ("160605009", "张三", *HERE, "0301")])
        import_id = self._bring(data_of(book))
        self._call("amr.excel.import", "action_import", [[import_id]])
        self.assertEqual(room.account_id.number, "160605009")
        self.assertEqual(room.account_id.room_ids, room)
        log = self.env["auditlog.log"].search(
            [
                ("model_id.model", "=", "amr.room"),
                ("res_id", "=", room.id),
                ("method", "=", "write"),
            ]
        )
        self.assertEqual((log.user_id, log.name), (self.admin, room.display_name))
        self.assertEqual(log.amr_company_ids, self.env.company)
        self.assertEqual(log.line_ids.field_name, "account_id")
        self.assertIn("160605009", log.changes)
