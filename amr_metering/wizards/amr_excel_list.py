from typing import NamedTuple

from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.amr_base.tools import dec

from ..importers.base import local
from ..tools import make_workbook

ZONE = "Asia/Shanghai"


class Field(NamedTuple):
    """One column: its heading in the manuals' words, and the path to its value."""

    heading: str
    path: str
    kind: str = "char"


def _customer(path):
    return (
        Field("用户编号", f"{path}.number"),
        Field("用户名", f"{path}.partner_id.name"),
    )


_PLACE = (
    Field("表号", "meter_id.number"),
    Field("小区", "meter_id.community_id.name"),
    Field("楼宇", "meter_id.building_id.name"),
    Field("房间号", "meter_id.room_id.name"),
)
# KTAMR manual 4.2.3
RESULTS = (
    *_customer("account_id"),
    Field("表号", "meter_id.number"),
    Field("小区", "community_id.name"),
    Field("楼宇", "building_id.name"),
    Field("房间号", "room_id.name"),
    Field("抄收读数", "index", "float"),
    Field("抄收时间", "read_at", "datetime"),
    Field("状态", "state"),
    Field("说明", "error"),
)
# remote prepaid manual 4.7.5: monitor, anomaly and alarm lists
READINGS = (
    *_customer("meter_id.account_id"),
    *_PLACE,
    Field("费率", "register"),
    Field("示数", "index", "float"),
    Field("抄收时间", "read_at", "datetime"),
    Field("类别", "kind"),
    Field("来源", "source"),
    Field("质量", "quality"),
)
EXCEPTIONS = (
    *_customer("meter_id.account_id"),
    *_PLACE,
    Field("异常", "kind"),
    Field("原因", "reason"),
    Field("发现时间", "create_date", "datetime"),
    Field("状态", "state"),
    Field("负责人", "user_id.name"),
    Field("处理结果", "resolution"),
)
ALARMS = (
    *_customer("meter_id.account_id"),
    *_PLACE,
    Field("报警", "kind"),
    Field("数值", "value", "float"),
    Field("限值", "limit_value", "float"),
    Field("开始时间", "began_at", "datetime"),
    Field("结束时间", "ended_at", "datetime"),
    Field("状态", "state"),
)
# KTAMR manual 3.2.5
ROOMS = (
    Field("用户编号", "account_number"),
    Field("房间编号", "room_id.name"),
    Field("房主", "partner_id.name"),
    Field("表地址", "meter_id.address"),
    Field("最近抄表时间", "latest_at", "datetime"),
    Field("最近度数", "latest_index", "float"),
    Field("上期度数", "previous_index", "float"),
    Field("状态", "meter_state"),
    Field("本期用量", "period_usage", "float"),
    Field("装表时间", "installed_at", "datetime"),
)
LISTS = {
    "amr.read.task.line": ("抄收情况", RESULTS),
    "amr.reading": ("监控信息", READINGS),
    "amr.exception": ("异常信息", EXCEPTIONS),
    "amr.alarm": ("报警信息", ALARMS),
    "amr.metering.point": ("房间列表", ROOMS),
}
UNREAD = {"index", "latest_index", "previous_index", "period_usage"}


class AmrExcelList(models.AbstractModel):
    """The result lists of the manuals as workbooks, with the manuals' columns."""

    _name = "amr.excel.list"
    _description = "Lists for Excel"

    @api.model
    def _download(self, records):
        """Return the action that downloads records in the order given.

        :param records: of one of the models in LISTS, or what holds such records
        """
        records = self._get_lines(records)
        if not records:
            raise UserError(self.env._("There is nothing in this list."))
        title, columns = LISTS[records._name]
        return self._download_rows(title, columns, records, records)

    @api.model
    def _get_lines(self, records):
        return records.line_ids if records._name == "amr.read.task" else records

    @api.model
    def _download_rooms(self, buildings):
        """Return the action that downloads all rooms of buildings, with meters or not.

        Rooms without a meter stay in the list, as in the manual's.
        """
        lines = []
        rooms = buildings.room_ids.sorted(lambda r: (r.building_id.full_code, r.name))
        for room in rooms:
            lines += room.point_ids or [room]
        title, columns = LISTS["amr.metering.point"]
        if len(buildings) == 1:
            title = f"{buildings.display_name}{title}"
        return self._download_rows(title, columns, lines, rooms)

    def _download_rows(self, title, columns, records, logged):
        rows = (
            ([number, *self._get_values(record, columns)], False)
            for number, record in enumerate(records, 1)
        )
        heads = [("序号", "integer"), *((each.heading, each.kind) for each in columns)]
        data = make_workbook(title, heads, rows)
        return self.env["amr.excel.file"]._download(title, data, logged)

    def _get_values(self, record, columns):
        if record._name == "amr.room":
            account = record.account_id
            known = {"用户编号": account.number, "房间编号": record.name}
            known["房主"] = account.partner_id.name
            return [known.get(each.heading) for each in columns]
        return [self._get_value(record, each.path) for each in columns]

    def _get_value(self, record, path):
        """Return one cell: labels of selections, local times, exact numbers."""
        if path in UNREAD and not self._was_read(record):
            return None
        *steps, name = path.split(".")
        owner = record
        for step in steps:
            owner = owner[step]
        value, field = owner[name], owner._fields[name]
        if field.type == "selection":
            labels = dict(field._description_selection(self.env))
            return labels.get(value)
        if field.type == "datetime":
            meter = record["meter_id"]
            return local(value, meter.community_id.tz or ZONE)
        if field.type == "float":
            return dec(value, field.get_digits(self.env)[1])
        return value or None

    @staticmethod
    def _was_read(record):
        if record._name == "amr.metering.point":
            return bool(record.meter_id)
        return record._name == "amr.reading" or bool(record.reading_id)
