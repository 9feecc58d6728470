"""What the workbook looks like: sheets, their columns, what each cell may hold.

Titles are Chinese whatever the language of the person: they are the file's format.
"""

from dataclasses import dataclass
from decimal import Decimal

REASON_TITLE = "原因"
GUIDE_TITLE = "说明"
LISTS_TITLE = "选项"


@dataclass(frozen=True)
class Column:
    """One column.

    :param str kind: "text" as it is; "label" text without full-width letters and
        digits; "digits" a number that is a name; "decimal"; "integer"; "datetime"
        (local time of the community); "choice"
    :param int width: "digits": exactly so many, 0 for any number
    :param int places: "decimal": how many at most
    :param tuple choices: "choice": (code, title), the first title is written
    """

    key: str
    title: str
    kind: str = "text"
    required: bool = False
    width: int = 0
    places: int = 3
    choices: tuple = ()
    example: object = ""
    help: str = ""


@dataclass(frozen=True)
class Sheet:
    """One sheet; with ``fixed_order`` columns go by place, not by title."""

    key: str
    title: str
    columns: tuple
    help: str = ""
    fixed_order: bool = False

    def column(self, key):
        return next(column for column in self.columns if column.key == key)


UTILITIES = (
    ("electricity", "电"),
    ("cold_water", "冷水"),
    ("hot_water", "热水"),
    ("purified_water", "纯净水"),
    ("gas", "燃气"),
    ("heat", "热量"),
)
POINT_KINDS = (("normal", "普通"), ("public", "公共表"), ("master", "总表"))
PAYMENT_MODES = (("postpaid", "后付费"), ("prepaid", "预付费"))
YES_NO = (("yes", "是"), ("no", "否"))
REGISTERS = (
    ("total", "总"),
    ("t1", "尖"),
    ("t2", "峰"),
    ("t3", "平"),
    ("t4", "谷"),
)
READING_KINDS = (
    ("spot", "实时"),
    ("daily", "日冻结"),
    ("monthly", "月冻结"),
    ("opening", "起码"),
)

_community = Column(
    "community",
    "小区",
    "label",
    True,
    example="金三角小区",
    help="小区名称，须与小区表完全一致；有同名小区时填行政区加小区的 5 位编号。",
)
_building = Column(
    "building",
    "楼宇",
    "label",
    True,
    example="1号楼",
    help="楼宇名称，须与楼宇表完全一致；也可填 3 位编号。",
)
_room = Column(
    "room",
    "房间号",
    "label",
    True,
    example="0101",
    help="楼层加室号，如 1102 即 11 层 02 室。请设为文本格式，以免丢失前面的 0。",
)
_account = Column(
    "number",
    "户号",
    "digits",
    True,
    example="160605001",
    help="只能是数字，如发放的交费卡号；同一户有多个房间时，每个房间一行，户号相同。",
)
_note = Column("note", "备注")

DISTRICTS = Sheet(
    "districts",
    "行政区",
    (
        Column("code", "行政区编号", "digits", True, 1, example="1", help="一位数字。"),
        Column("name", "行政区名称", required=True, example="润州区"),
        _note,
    ),
)
COMMUNITIES = Sheet(
    "communities",
    "小区",
    (
        Column(
            "district", "行政区编号", "digits", True, 1, example="1", help="一位数字。"
        ),
        Column(
            "code",
            "小区编号",
            "digits",
            True,
            4,
            example="0371",
            help="四位数字，单号为单月小区，双号为双月小区。",
        ),
        Column("name", "小区名称", required=True, example="金三角小区"),
        Column("short_name", "简称"),
        Column("address", "地址", example="中山路 1 号"),
        _note,
    ),
)
BUILDINGS = Sheet(
    "buildings",
    "楼宇",
    (
        _community,
        Column(
            "code",
            "楼宇编号",
            "digits",
            True,
            3,
            example="001",
            help="三位数字，在小区内唯一。",
        ),
        Column("name", "楼宇名称", required=True, example="1号楼"),
        Column("floors", "层数", "integer", example=11),
        _note,
    ),
)
ROOMS = Sheet(
    "rooms",
    "房间",
    (
        _community,
        _building,
        _room,
        Column("area", "建筑面积", "decimal", places=2, example=89.5, help="平方米。"),
        _note,
    ),
)
ID_TYPES = (
    ("id_card", "身份证"),
    ("passport", "护照"),
    ("licence", "营业执照"),
    ("other", "其他"),
)
# the customer card in the order of KTAMR manual 3.3
_CARD = (
    Column("id_type", "证件名称", "choice", choices=ID_TYPES, example="身份证"),
    Column("id_number", "证件号码", "label", example="321100198001010011"),
    Column("phone", "联系电话", "label", example="0511-85012345"),
    Column("mobile", "手机号", "label", example="13800138000"),
    Column("street", "联系地址", example="金三角小区 1号楼 0101"),
    Column("zip", "邮政编码", "label", example="212000"),
    Column("bank_name", "开户行"),
    Column("bank_account", "开户帐号", "label"),
    Column("sex", "性别", "choice", choices=(("male", "男"), ("female", "女"))),
)
ACCOUNTS = Sheet(
    "accounts",
    "客户",
    (
        _account,
        Column("name", "户名", required=True, example="张三"),
        _community,
        Column("building", "楼宇", "label", example="1号楼", help=_building.help),
        Column("room", "房间号", "label", example="0101", help=_room.help),
        *_CARD,
        Column("email", "电子邮箱"),
        Column(
            "household_size", "家庭人口", "integer", help="阶梯计价用；不详可留空。"
        ),
    ),
)
_INSTALLED = (
    Column(
        "ratio_percent",
        "倍率",
        "decimal",
        places=4,
        example=100,
        help="百分数，默认 100。",
    ),
    Column(
        "voltage_ratio", "电压变比", "decimal", places=4, example=1, help="默认 1。"
    ),
    Column(
        "current_ratio", "电流变比", "decimal", places=4, example=1, help="默认 1。"
    ),
    Column(
        "date_from",
        "装表时间",
        "datetime",
        example="2016-06-05 00:00:00",
        help="当地时间；已抄过的表不能再改。",
    ),
    Column(
        "start_index",
        "起码",
        "decimal",
        example=5,
        help="装表时的示数；已抄过的表不能再改，请换表。",
    ),
)
# DH6200V3 manual 2.2: how a meter reports by itself, or its collector for it
_COLLECTED = (
    Column(
        "radio_id",
        "模块编号",
        "label",
        example="863703030668235",
        help="NB-IoT 模块的 15 位 IMEI 或 LoRaWAN 的 16 位 devEUI。请设为文本格式。",
    ),
    Column(
        "nb_collector",
        "NB采集器",
        "choice",
        choices=YES_NO,
        example="否",
        help="是否由 NB 采集器上报。",
    ),
    Column(
        "collector_no",
        "采集器编号",
        "label",
        example="10000138541",
        help="NB 采集器必填。请设为文本格式。",
    ),
    Column("collector_port", "采集器端口", "label", example="1"),
    Column(
        "read_item",
        "抄表项",
        "label",
        example="正向有功总电能",
        help="同一端口有多项时，抄哪一项。",
    ),
)
METERS = Sheet(
    "meters",
    "表计",
    (
        Column("number", "表号", "label", True, example="1606050001"),
        Column(
            "model",
            "表型号",
            required=True,
            example="DDS-1",
            help="表型号资料中的名称。",
        ),
        Column(
            "address",
            "通信地址",
            "digits",
            example="000016060500",
            help="1 至 14 位数字，须符合该型号的规则。请设为文本格式。",
        ),
        Column(
            "community",
            "小区",
            "label",
            example="金三角小区",
            help="留空表示库存表，未安装。",
        ),
        Column("building", "楼宇", "label", example="1号楼", help=_building.help),
        Column("room", "房间号", "label", example="0101", help=_room.help),
        Column(
            "kind",
            "总分表",
            "choice",
            choices=(*POINT_KINDS, ("normal", "分表")),
            example="普通",
            help="默认普通；公共表和总表可不填房间号。",
        ),
        Column(
            "ordinal",
            "点号",
            "integer",
            example=1,
            help="同一房间同类的第几个计量点，默认 1。",
        ),
        *_INSTALLED,
        Column(
            "account", "户号", "digits", example="160605001", help="用能协议的付费户。"
        ),
        Column("tariff", "收费类型", example="居民用电", help="收费类型的名称。"),
        Column(
            "payment_mode",
            "付费方式",
            "choice",
            choices=PAYMENT_MODES,
            example="后付费",
            help="默认后付费。",
        ),
        Column(
            "agreed_from", "协议开始", "datetime", help="留空即装表时间；当地时间。"
        ),
        Column("parent", "上级总表", "label", help="所在总表的表号。"),
        Column("line", "线路", "digits", width=10, help="线路的 10 位编号。"),
        Column("box", "表箱", help="小区内表箱的名称。"),
        *_COLLECTED,
        _note,
    ),
)
READINGS = Sheet(
    "readings",
    "读数",
    (
        Column(
            "number",
            "表号",
            "label",
            example="1606050001",
            help="表号和通信地址填一个即可。",
        ),
        Column("address", "通信地址", "digits", example="000016060500"),
        Column(
            "read_at",
            "抄表时间",
            "datetime",
            True,
            example="2016-07-01 00:00:00",
            help="小区当地时间。日冻结填当天 00:00。",
        ),
        Column("index", "示数", "decimal", True, example=115.5),
        Column(
            "register",
            "费率",
            "choice",
            choices=REGISTERS,
            example="总",
            help="默认总。",
        ),
        Column(
            "kind",
            "类别",
            "choice",
            choices=READING_KINDS,
            example="实时",
            help="默认实时；起码即装表时的示数。",
        ),
    ),
)
# KTAMR manual 3.2.3 (2) and 3.6: the columns' order is fixed, and the address is the
# names of community, building and room put together.
SEED = Sheet(
    "seed",
    "用户资料",
    (
        Column("number", "用户编号", "digits", True, example="160605001"),
        Column("name", "姓名", required=True, example="张三"),
        Column(
            "place",
            "用户地址",
            required=True,
            example="金三角小区1号楼0101",
            help="小区名、楼栋名、房间名的组合，须与档案完全一致。",
        ),
        *_CARD,
        Column("address", "表地址", "digits", example="1606050001"),
        Column("tariff", "收费类型", example="居民用电"),
        *(column for column in _INSTALLED if column.key == "ratio_percent"),
        Column("date_from", "装表时间", "datetime", example="2016-06-05"),
        Column(
            "kind",
            "总分表",
            "choice",
            choices=(("normal", "分表"), *POINT_KINDS),
            example="分表",
        ),
        Column("start_index", "期初度数", "decimal", example=5),
        Column("model", "表型号", help="收费类型的表类只有一种型号时可不填。"),
    ),
    fixed_order=True,
)

SHEETS = (
    DISTRICTS,
    COMMUNITIES,
    BUILDINGS,
    ROOMS,
    ACCOUNTS,
    METERS,
    READINGS,
    SEED,
)
BY_KEY = {sheet.key: sheet for sheet in SHEETS}
BY_TITLE = {sheet.title: sheet for sheet in SHEETS}

LIMITS = {"decimal": Decimal(10) ** 12, "integer": 10**6}
