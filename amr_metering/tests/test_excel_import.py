import base64
import io
from datetime import datetime, timedelta
from decimal import Decimal

from openpyxl import load_workbook

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.amr_base.tools import dec

from ..estate_book import BY_KEY, read_book, write_book
from .common import MeteringCommon

METER = {
    "number": "880000000001",
    "model": "DDS",
    "address": "000016060500",
    "community": "Golden Delta",
    "building": "Building 1",
    "room": "0102",
    "date_from": datetime(2016, 6, 5),
    "start_index": Decimal("5.125"),
    "account": "160605001",
    "tariff": "Residential",
}


@tagged("post_install", "-at_install")
class TestExcelImport(MeteringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._operator("excel_admin", "amr_base.group_community_admin")
        cls.manager = cls._operator("excel_manager", "amr_base.group_manager")

    def _file(self, **rows):
        return self._import_of(write_book(rows))

    def _import_of(self, data, user=None):
        return (
            self.env["amr.excel.import"]
            .with_user(user or self.admin)
            .create({"file": base64.b64encode(data), "filename": "archive.xlsx"})
        )

    def _run(self, record):
        record.action_check()
        record.action_import()
        return record

    def _counts(self, record):
        return {
            line.sheet: (line.new, line.changed, line.unchanged, line.bad)
            for line in record.sheet_ids
        }

    def _room_rows(self, *names):
        place = {"community": "Golden Delta", "building": "Building 1"}
        return [{**place, "room": name} for name in names]

    def _account_row(self, room="0102", **values):
        return {
            "number": "160605001",
            "name": "张三",
            "phone": "0511-85012345",
            **self._room_rows(room)[0],
            **values,
        }

    def _archive(self):
        """Rooms, a customer with two of them and his meter."""
        return {
            "rooms": self._room_rows("0102", "0103"),
            "accounts": [self._account_row(), self._account_row("0103")],
            "meters": [METER],
        }

    def _reasons(self, record):
        return [(p.sheet, p.row, p.column, p.reason) for p in record.problem_ids]

    def test_the_whole_archive_comes_in_by_one_workbook(self):
        """Districts to meters, as the system administrator."""
        place = {"community": "金三角小区", "building": "1号楼"}
        data = write_book(
            {
                "districts": [{"code": "8", "name": "润州区"}],
                "communities": [
                    {"district": "8", "code": "0372", "name": "金三角小区"}
                ],
                "buildings": [
                    {"community": "金三角小区", "code": "001", "name": "1号楼"}
                ],
                "rooms": [{**place, "room": "0101", "area": Decimal("89.5")}],
                "accounts": [self._account_row(**place, room="0101")],
                "meters": [{**METER, **place, "room": "0101"}],
            }
        )
        record = self._run(self._import_of(data, self.manager))
        self.assertFalse(self._reasons(record))
        meter = self.env["amr.meter"].search([("number", "=", METER["number"])])
        self.assertEqual(meter.building_id.full_code, "80372001")
        self.assertEqual(meter.point_id.name, "金三角小区 1号楼 0101 Electricity")
        self.assertEqual(meter.installation_ids.date_from, datetime(2016, 6, 4, 16))
        self.assertEqual(str(dec(meter.installation_ids.start_index)), "5.125")
        agreement = meter.point_id.agreement_id
        self.assertEqual(agreement.account_id.number, "160605001")
        self.assertEqual(agreement.tariff_id, self.tariff)
        self.assertEqual(agreement.payment_mode, "postpaid")
        self.assertEqual(agreement.account_id.room_ids.name, "0101")
        self.assertEqual(meter.state, "not_enabled")

    def test_a_check_writes_nothing_and_tells_what_would_come(self):
        record = self._file(**self._archive())
        before = self.env["amr.meter"].search_count([])
        record.action_check()
        self.assertEqual(
            self._counts(record),
            {"房间": (2, 0, 0, 0), "客户": (2, 0, 0, 0), "表计": (1, 0, 0, 0)},
        )
        self.assertEqual(self.env["amr.meter"].search_count([]), before)
        self.assertFalse(self.env["amr.account"].search([("number", "=", "160605001")]))
        self.assertEqual((record.state, record.good_count), ("checked", 5))

    def test_the_same_file_again_changes_nothing(self):
        data = write_book(self._archive())
        self._run(self._import_of(data))
        written = self.env["amr.meter"].search([]).mapped("write_date")
        again = self._run(self._import_of(data))
        self.assertEqual(
            self._counts(again),
            {"房间": (0, 0, 2, 0), "客户": (0, 0, 2, 0), "表计": (0, 0, 1, 0)},
        )
        self.assertEqual(self.env["amr.meter"].search([]).mapped("write_date"), written)

    def test_bad_rows_stay_out_with_their_reason_and_good_ones_come_in(self):
        rows = self._archive()
        rows["rooms"].append({**rows["rooms"][0], "room": "0104", "building": "X"})
        rows["meters"] += [
            {**METER, "number": "2", "address": "2", "room": "9999"},
            {**METER, "number": "3", "address": "3", "tariff": "None", "room": "0103"},
            {**METER, "number": "4", "address": None, "start_index": None},
            {**METER, "address": None},
        ]
        record = self._run(self._file(**rows))
        self.assertEqual(
            [(p.sheet, p.row, p.column) for p in record.problem_ids],
            [
                ("房间", 4, "楼宇"),
                ("表计", 3, "房间号"),
                ("表计", 4, "收费类型"),
                ("表计", 5, "点号"),
                ("表计", 6, "表号"),
            ],
        )
        self.assertIn("no building “X”", record.problem_ids[0].reason)
        self.assertEqual(self._counts(record)["表计"], (1, 0, 0, 4))
        self.assertEqual(record.bad_count, 5)
        action = record.action_download_bad_rows()
        file = self.env["amr.excel.file"].browse(int(action["url"].split("/")[4]))
        book = load_workbook(io.BytesIO(base64.b64decode(file.data)))
        self.assertEqual(book.sheetnames, ["房间", "表计"])
        lines = list(book["房间"].values)
        self.assertEqual(lines[1][:3], ("Golden Delta", "X", "0104"))
        self.assertIn("no building “X”", lines[1][-1])

    def test_changed_rows_edit_what_is_there(self):
        self._run(self._file(**self._archive()))
        meter = self.env["amr.meter"].search([("number", "=", METER["number"])])
        changed = {**METER, "address": "16060599", "start_index": Decimal(7)}
        record = self._run(
            self._file(
                accounts=[self._account_row(phone="139", name="张三丰")],
                meters=[changed],
            )
        )
        self.assertEqual(
            self._counts(record), {"客户": (0, 1, 0, 0), "表计": (0, 1, 0, 0)}
        )
        self.assertEqual(
            (meter.address, meter.installation_ids.start_index), ("16060599", 7)
        )
        self.assertEqual(len(meter.installation_ids), 1)
        self.assertEqual(meter.account_id.name, "张三丰")

    def test_history_of_a_meter_that_was_read_stays(self):
        """Rows 19 and 54: edited, not replaced; its opening index is evidence."""
        self._run(self._file(**self._archive()))
        meter = self.env["amr.meter"].search([("number", "=", METER["number"])])
        self._ingest(self._row(9, "2026-01-02 00:00:00", meter))
        for change, column in (
            ({"start_index": Decimal(6)}, "起码"),
            ({"date_from": datetime(2016, 6, 6)}, "装表时间"),
            ({"room": "0103"}, "房间号"),
            ({"ratio_percent": Decimal(200)}, "倍率"),
            ({"payment_mode": "prepaid"}, "payment_mode"),
        ):
            record = self._run(self._file(meters=[{**METER, **change}]))
            title = "付费方式" if column == "payment_mode" else column
            self.assertEqual(
                [(p.row, p.column) for p in record.problem_ids], [(2, title)]
            )
        record = self._run(self._file(meters=[{**METER, "note": "checked"}]))
        self.assertEqual(self._counts(record)["表计"], (0, 1, 0, 0))
        self.assertEqual(str(dec(meter.installation_ids.start_index)), "5.125")

    def test_a_new_meter_does_not_change_who_pays_for_the_former_ones_use(self):
        self._run(self._file(**self._archive()))
        meter = self.env["amr.meter"].search([("number", "=", METER["number"])])
        self._ingest(self._row(9, "2026-01-02 00:00:00", meter))
        meter.installation_ids.write({"date_to": "2026-01-02", "end_index": 9})
        new = {
            **METER,
            "number": "880000000002",
            "address": "000016060502",
            "date_from": datetime(2026, 1, 3),
        }
        record = self._run(self._file(meters=[{**new, "payment_mode": "prepaid"}]))
        self.assertEqual(record.problem_ids.mapped("column"), ["付费方式"])
        self.assertFalse(self._run(self._file(meters=[new])).problem_ids)

    def test_the_whole_card_and_the_wiring_come_in_and_go_out(self):
        """Rows 24 and 12: every column there is."""
        building = self.building
        line = self.env["amr.line"].create(
            {"name": "L", "code": "01", "building_id": building.id}
        )
        self.env["amr.box"].create({"name": "A-1", "building_id": building.id})
        card = {
            "id_type": "passport",
            "id_number": "E1234",
            "mobile": "13800138000",
            "street": "中山路 1 号",
            "zip": "212000",
            "bank_name": "工商银行",
            "bank_account": "6222020000000000000",
            "sex": "female",
            "email": "z@example.com",
            "household_size": 5,
        }
        wiring = {"line": line.full_code, "box": "A-1", "note": "x"}
        rows = self._archive()
        rows["accounts"] = [self._account_row(**card)]
        rows["meters"] = [{**METER, **wiring, "current_ratio": Decimal("1.5")}]
        self.assertFalse(self._reasons(self._run(self._file(**rows))))
        found = read_book(self._export(), 9999)[0]
        account = found["accounts"][-1].values
        self.assertEqual({key: account.get(key) for key in card}, card)
        meter = found["meters"][-1].values
        self.assertEqual({key: meter.get(key) for key in wiring}, wiring)
        self.assertEqual(meter["current_ratio"], Decimal("1.5000"))
        again = self._run(self._file(**rows))
        self.assertFalse(any(c[0] or c[1] for c in self._counts(again).values()))

    def test_the_card_of_who_works_here_stays(self):
        self.account.partner_id = self.manager.partner_id
        self.account.number = "99007"
        row = self._account_row(number="99007", name="X", room="0101")
        record = self._run(self._file(accounts=[row]))
        self.assertIn("known to others too", record.problem_ids.reason)
        self.assertNotEqual(self.manager.name, "X")

    def test_rows_of_one_account_say_the_same(self):
        rows = self._archive()
        rows["accounts"][1]["phone"] = "other"
        record = self._run(self._file(**rows))
        self.assertEqual(
            self._reasons(record),
            [("客户", 3, "联系电话", "Row 2 says otherwise of account 160605001.")],
        )

    def test_a_room_keeps_its_customer_and_its_meter(self):
        self._run(self._file(**self._archive()))
        record = self._run(
            self._file(
                accounts=[self._account_row(number="777", name="李四")],
                meters=[
                    {
                        **METER,
                        "number": "5",
                        "address": "5",
                        "account": None,
                        "tariff": None,
                    }
                ],
            )
        )
        reasons = " ".join(record.problem_ids.mapped("reason"))
        self.assertIn("belongs to account 160605001", reasons)
        self.assertIn("880000000001 is installed there already", reasons)

    def test_a_second_meter_of_one_kind_has_a_point_of_its_own(self):
        second = {**METER, "number": "5", "address": "5", "ordinal": 2}
        rows = self._archive()
        rows["meters"].append(second)
        self._run(self._file(**rows))
        meters = self.env["amr.meter"].search(
            [("number", "in", [METER["number"], "5"])]
        )
        self.assertEqual(len(meters.point_id), 2)
        self.assertEqual(meters.room_id.name, "0102")
        again = self._run(self._file(meters=rows["meters"]))
        self.assertEqual(self._counts(again)["表计"], (0, 0, 2, 0))

    def test_masters_come_before_what_they_measure(self):
        place = {"community": "Golden Delta", "building": "Building 1"}
        master = {
            **{key: METER[key] for key in ("model", "date_from", "start_index")},
            **place,
            "number": "M1",
            "kind": "master",
        }
        rows = self._archive()
        rows["meters"] = [{**METER, "parent": "M1"}, master]
        record = self._run(self._file(**rows))
        self.assertFalse(self._reasons(record))
        meter = self.env["amr.meter"].search([("number", "=", METER["number"])])
        self.assertEqual(meter.point_id.parent_id.meter_id.number, "M1")

    def test_somebody_elses_community_is_out_of_reach(self):
        room = self._room("0501", self.other_building)
        other = {"community": "Pilot Garden", "building": "Building 1"}
        self.env["amr.account"].create(
            {
                "number": "99001",
                "partner_id": self.partner.id,
                "community_id": self.other_community.id,
            }
        )
        __, foreign = self._install("990000000077", room)
        rows = {
            "buildings": [{"community": "Pilot Garden", "code": "009", "name": "9"}],
            "rooms": [{**other, "room": "0502"}],
            "accounts": [
                self._account_row(number="99001", room="0101", name="X"),
                {"number": "99002", "name": "Y", "community": "90374"},
            ],
            "meters": [
                {**METER, "number": foreign.number, "account": None, "tariff": None},
                {**METER, "number": "6", "address": foreign.address},
            ],
        }
        record = self._run(self._file(**rows))
        self.assertFalse(any(c[0] or c[1] for c in self._counts(record).values()))
        self.assertEqual(len(record.problem_ids), 6)
        reader = self._operator("excel_reader", "amr_base.group_reader")
        with self.assertRaises(AccessError):
            record.with_user(reader).read(["filename"])
        with self.assertRaises(AccessError):
            record.problem_ids[0].with_user(reader).read(["reason"])

    def test_only_who_keeps_the_archive_may_import_it(self):
        reader = self._operator("excel_reader", "amr_base.group_reader")
        data = write_book(
            {
                "rooms": self._room_rows("0102"),
                "districts": [{"code": "7", "name": "W"}],
            }
        )
        record = self._run(self._import_of(data, reader))
        self.assertEqual(len(record.problem_ids), 2)
        self.assertIn("You may not add", record.problem_ids[0].reason)
        admin = self._run(self._import_of(data))
        self.assertEqual([p.sheet for p in admin.problem_ids], ["行政区"])
        clerk = self._operator("excel_clerk", "amr_base.group_clerk")
        with self.assertRaises(AccessError):
            self._import_of(data, clerk)

    def test_the_older_layout_finds_its_rooms_by_name(self):
        """Row 27: the address is community, building and room, exactly."""
        self._room("0102")
        columns = [column.key for column in BY_KEY["seed"].columns]
        self.assertEqual(columns[:3], ["number", "name", "place"])
        row = {
            "number": "160605001",
            "name": "张三",
            "place": "Golden DeltaBuilding 10102",
            "address": "1606050001",
            "tariff": "Residential",
            "date_from": datetime(2016, 6, 5),
            "kind": "normal",
            "start_index": Decimal(5),
            "model": "DDS",
        }
        rows = [
            row,
            {**row, "number": "2", "place": "[Golden Delta] - Building 1 - 0999"},
            {**row, "number": "3", "address": None, "place": "Golden Delta 0101"},
        ]
        record = self._run(self._file(seed=rows))
        self.assertEqual(
            [(p.sheet, p.row, p.column) for p in record.problem_ids],
            [("用户资料", 3, "用户地址"), ("用户资料", 4, "用户地址")],
        )
        meter = self.env["amr.meter"].search([("number", "=", "1606050001")])
        self.assertEqual(meter.room_id.name, "0102")
        self.assertEqual(meter.account_id.number, "160605001")
        self.assertEqual(meter.room_id.account_id, meter.account_id)
        again = self._run(self._file(seed=rows[:1]))
        self.assertEqual(
            self._counts(again), {"客户": (0, 0, 1, 0), "表计": (0, 0, 1, 0)}
        )

    def test_export_and_import_are_each_others_reverse(self):
        rows = self._archive()
        rows["meters"][0] = {**METER, "payment_mode": "prepaid"}
        self._run(self._file(**rows))
        first = self._export()
        record = self._run(self._import_of(first, self.manager))
        self.assertFalse(self._reasons(record))
        self.assertFalse(any(c[0] or c[1] for c in self._counts(record).values()))
        self.assertEqual(read_book(self._export(), 9999), read_book(first, 9999))
        numbers = [row.values["number"] for row in read_book(first, 9999)[0]["meters"]]
        self.assertEqual(numbers, [self.meter.number, METER["number"]])

    def _export(self, user=None):
        wizard = (
            self.env["amr.excel.export"]
            .with_user(user or self.manager)
            .create({"community_ids": self.community.ids})
        )
        action = wizard.action_export()
        file = self.env["amr.excel.file"].browse(int(action["url"].split("/")[4]))
        return base64.b64decode(file.sudo().data)

    def test_export_keeps_to_the_operators_scope(self):
        action = (
            self.env["amr.excel.export"]
            .with_user(self.admin)
            .create({})
            .action_export()
        )
        file = self.env["amr.excel.file"].browse(int(action["url"].split("/")[4]))
        rows, __ = read_book(base64.b64decode(file.sudo().data), 9999)
        self.assertEqual([r.values["code"] for r in rows["communities"]], ["0371"])
        other = self._operator(
            "excel_other", "amr_base.group_community_admin", self.other_community
        )
        log = self.env["auditlog.log"].search(
            [("method", "=", "export_data"), ("user_id", "=", self.admin.id)]
        )
        self.assertEqual(log.model_id.model, "amr.community")
        self.assertEqual((log.name, log.res_ids), (file.name, f"{self.community.ids}"))
        with self.assertRaises(AccessError):
            self._export(other)
        with self.assertRaises(AccessError):
            file.with_user(other).read(["data"])

    def test_handed_over_readings_come_through_the_one_door(self):
        number = self.meter.number
        rows = [
            {
                "number": number,
                "read_at": datetime(2026, 2, 1),
                "index": Decimal("20.5"),
            },
            {
                "address": number,
                "read_at": datetime(2026, 3, 1),
                "index": Decimal("31.250"),
                "kind": "daily",
            },
            {"number": number, "read_at": datetime(2026, 3, 2), "index": Decimal(3)},
            {"number": "404", "read_at": datetime(2026, 3, 1), "index": Decimal(3)},
            {
                "number": number,
                "read_at": datetime(2026, 2, 1),
                "index": Decimal("20.5"),
            },
        ]
        reader = self._operator("excel_reader", "amr_base.group_reader")
        data = write_book({"readings": rows})
        record = self._import_of(data, reader)
        record.action_check()
        self.assertFalse(
            self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        )
        record.action_import()
        self.assertEqual(
            [(p.row, p.column, p.notice) for p in record.problem_ids],
            [(5, "表号", False), (6, "示数", False), (4, "示数", True)],
        )
        self.assertEqual(self._counts(record)["读数"], (3, 0, 0, 2))
        readings = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(set(readings.mapped("source")), {"import"})
        daily = readings.filtered(lambda r: r.kind == "daily")
        self.assertEqual(daily.read_at, datetime(2026, 2, 28, 16))
        self.assertEqual(str(dec(self.meter.latest_index)), "31.250")
        again = self._run(self._import_of(data, reader))
        self.assertEqual(self._counts(again)["读数"], (0, 0, 3, 2))

    def test_opening_readings_set_the_installation_until_it_is_read(self):
        row = {
            "number": self.meter.number,
            "read_at": datetime(2026, 1, 1),
            "index": Decimal(44),
            "kind": "opening",
        }
        record = self._run(self._file(readings=[row]))
        self.assertEqual(self._counts(record)["读数"], (0, 1, 0, 0))
        self.assertEqual(self.meter.installation_ids.start_index, 44)
        self._ingest(self._row(115, "2026-01-09 00:00:00"))
        again = self._run(self._file(readings=[row, {**row, "index": Decimal(45)}]))
        self.assertEqual(self._counts(again)["读数"], (0, 0, 1, 1))
        self.assertEqual(self.meter.installation_ids.start_index, 44)

    def test_an_imported_file_stays_as_its_report(self):
        record = self._file(rooms=self._room_rows("0102"))
        with self.assertRaisesRegex(UserError, "Check the file first"):
            record.action_import()
        record.action_check()
        record.file = base64.b64encode(write_book({"rooms": self._room_rows("0103")}))
        self.assertEqual((record.state, len(record.sheet_ids)), ("draft", 0))
        self._run(record)
        self.assertEqual((record.user_id, record.state), (self.admin, "done"))
        for attempt in (
            lambda: record.write({"file": False}),
            record.unlink,
            record.action_check,
            record.action_import,
        ):
            with self.assertRaises(UserError):
                attempt()
        with self.assertRaises(AccessError):
            record.write({"state": "draft"})

    def test_a_file_that_cannot_be_read_says_why(self):
        for data, message in (
            (b"x", "no Excel workbook"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel format"),
        ):
            with self.assertRaisesRegex(UserError, message):
                self._import_of(data).action_check()
        with self.assertRaisesRegex(UserError, "Choose the workbook"):
            self.env["amr.excel.import"].create({}).action_check()

    def test_templates_read_as_empty_books(self):
        Export = self.env["amr.excel.export"].with_user(self.admin)
        for action in (Export._download_template(), Export._download_seed_template()):
            file = self.env["amr.excel.file"].browse(int(action["url"].split("/")[4]))
            rows, problems = read_book(base64.b64decode(file.sudo().data), 10)
            self.assertFalse(problems or any(rows.values()))

    def test_queries_do_not_grow_with_the_rows(self):
        counts = []
        for first, size in ((1000, 10), (2000, 40)):
            names = [str(number) for number in range(first, first + size)]
            meters = [
                {
                    **METER,
                    "room": name,
                    "number": name,
                    "address": name,
                    "account": None,
                    "tariff": None,
                }
                for name in names
            ]
            record = self._file(rooms=self._room_rows(*names), meters=meters)
            before = self.env.cr.sql_log_count
            record._import()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLess(counts[1], counts[0] + 30)

    def test_the_future_is_refused(self):
        soon = datetime.now() + timedelta(days=3)
        row = {"number": self.meter.number, "read_at": soon, "index": Decimal(1)}
        record = self._run(self._file(readings=[row]))
        self.assertEqual(
            self._reasons(record), [("读数", 2, "抄表时间", "This is in the future.")]
        )
