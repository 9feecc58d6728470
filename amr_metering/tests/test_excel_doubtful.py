import base64
from datetime import datetime
from decimal import Decimal

from odoo.tests import tagged

from ..estate_book import write_book
from .common import MeteringCommon

PLACE = {"community": "Golden Delta", "building": "Building 1"}


@tagged("post_install", "-at_install")
class TestExcelDoubtful(MeteringCommon):
    """Rows that could mean two things are not guessed at: the report tells."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._operator("doubt_admin", "amr_base.group_community_admin")
        cls.manager = cls._operator("doubt_manager", "amr_base.group_manager")

    def _import(self, user=None, **rows):
        data = base64.b64encode(write_book(rows))
        record = (
            self.env["amr.excel.import"]
            .with_user(user or self.admin)
            .create({"file": data, "filename": "archive.xlsx"})
        )
        record.action_check()
        record.action_import()
        return record

    def _reasons(self, record):
        return [(p.sheet, p.row, p.column, p.reason) for p in record.problem_ids]

    def _meter_row(self, **values):
        return {
            **PLACE,
            "room": "0102",
            "number": "880000000001",
            "model": self.meter_model.name,
            "date_from": datetime(2026, 1, 5),
            "start_index": Decimal(5),
            **values,
        }

    def test_rooms_that_look_alike_are_told_apart_on_screen(self):
        """０１０２ is 0102 to a workbook, and another room here."""
        wide = self._room("０１０２")
        plain = self._room("0102")
        record = self._import(
            rooms=[{**PLACE, "room": "0102", "area": Decimal(90)}],
            meters=[self._meter_row()],
        )
        problems = self._reasons(record)
        self.assertEqual(
            [row[:3] for row in problems],
            [("房间", 2, "房间号"), ("表计", 2, "房间号")],
        )
        for problem in problems:
            self.assertIn("look alike: “0102”, “０１０２”", problem[3])
        self.assertFalse((wide | plain).point_ids)
        wide.name = "0192"
        record = self._import(meters=[self._meter_row()])
        self.assertFalse(record.problem_ids)
        self.assertTrue(plain.point_ids.meter_id)

    def test_the_older_layout_reads_full_width_numbers(self):
        self._room("０１０２")
        row = {"number": "160605001", "name": "张三"}
        row["place"] = "Golden Delta Building 1 ０１０２"
        record = self._import(seed=[row])
        self.assertFalse(self._reasons(record))
        account = self.env["amr.account"].search([("number", "=", row["number"])])
        self.assertEqual(account.room_ids.name, "０１０２")

    def test_what_is_archived_is_said_to_be(self):
        self._room("0102").active = False
        building = self.building.copy({"code": "002", "name": "Annex"})
        building.active = False
        self.env["amr.district"].create({"code": "8", "name": "Old", "active": False})
        record = self._import(
            self.manager,
            districts=[{"code": "8", "name": "Old"}],
            buildings=[{"community": "Golden Delta", "code": "002", "name": "Annex"}],
            rooms=[{**PLACE, "room": "0102"}],
        )
        self.assertEqual(
            [row[:3] for row in self._reasons(record)],
            [
                ("行政区", 2, "行政区编号"),
                ("楼宇", 2, "楼宇编号"),
                ("房间", 2, "房间号"),
            ],
        )
        for problem in record.problem_ids:
            self.assertIn("unarchive it", problem.reason)

    def test_a_point_number_moves_no_meter_and_this_is_told(self):
        self._room("0102")
        second = {"number": "880000000002", "ordinal": 2}
        rows = [self._meter_row(ordinal=1), self._meter_row(**second)]
        self.assertFalse(self._import(meters=rows).problem_ids)
        meters = self.env["amr.meter"].search([("number", "like", "88000000000%")])
        before = meters.mapped("point_id")
        rows = [self._meter_row(ordinal=2, note="x"), self._meter_row(**second)]
        record = self._import(meters=rows)
        self.assertEqual(meters.mapped("point_id"), before)
        problem = record.problem_ids
        self.assertEqual((problem.row, problem.column), (2, "点号"))
        self.assertTrue(problem.notice)
        self.assertIn("is at point 1 of this kind here", problem.reason)
        self.assertFalse(record.bad_count)
        self.assertEqual(meters[0].note, "x")

    def test_a_meter_behind_transformers_asks_for_their_ratio(self):
        """IC-card manual 3: a three-phase meter by transformers has a ratio."""
        self._room("0102")
        self.meter_model.phase = "three_ct"
        problem = self._import(meters=[self._meter_row()]).problem_ids
        self.assertEqual((problem.column, problem.notice), ("电流变比", True))
        row = self._meter_row(number="880000000002", ordinal=2)
        row["current_ratio"] = Decimal(40)
        self.assertFalse(self._import(meters=[row]).problem_ids)

    def test_an_agreement_may_begin_before_its_meter_hangs(self):
        """He moved in on the 1st, the meter came on the 5th: use counts from then."""
        self._room("0102")
        agreed = {
            "account": self.account.number,
            "tariff": self.tariff.name,
            "agreed_from": datetime(2026, 1, 1),
        }
        record = self._import(meters=[self._meter_row(**agreed)])
        self.assertFalse(self._reasons(record))
        meter = self.env["amr.meter"].search([("number", "=", "880000000001")])
        agreement = meter.point_id.agreement_ids
        self.assertLess(agreement.date_from, meter.installation_ids.date_from)
        self._ingest(self._row(12, "2026-01-20 00:00:00", meter))
        again = self._import(meters=[self._meter_row(**agreed)])
        self.assertFalse(again.good_count)
        self.assertFalse(again.problem_ids)
