"""The estate of the demo: buildings, rooms, tariffs, meters, links."""

import random

from dateutil.relativedelta import relativedelta
from demo_concentrator import CONCENTRATOR, BehindConcentrators, Supply
from demo_people import People

# building, floors, units a floor, what reads its meters: a DTU, a concentrator, nobody
BUILDINGS = (
    ("0371", "1栋", "001", 6, 4, "10371001"),
    ("0371", "2栋", "002", 6, 4, "10371002"),
    ("0372", "1栋", "001", 3, 4, None),
    ("0372", "2栋", "002", 3, 2, CONCENTRATOR),
)
PREPAID_ROOMS = ("2栋 0601", "2栋 0602", "2栋 0603", "2栋 0604")
DEBTOR = "1栋 0304"
LEAK = "1栋 0502"
SILENT = "2栋 0203"
SLOW = ("1栋 0302", "2栋 0403", "2栋 0501")


class Estate(People, BehindConcentrators):
    """Creates the estate; afterwards its attributes hold what was made.

    ``rooms`` and ``accounts`` by short name ("1栋 0101"), ``supplies`` a list of
    :class:`Supply`.
    """

    def __init__(self, env):
        self.env = env
        self.random = random.Random(10371)
        self.rooms, self.accounts, self.supplies = {}, {}, []

    def create(self):
        self._create_communities()
        self.today = self.community._local_date(self.env.cr.now())
        self.first_day = self.today + relativedelta(months=-3, day=1)
        self.price_change = self.today + relativedelta(months=-1, day=16)
        self._create_rooms()
        self._create_accounts()
        self._create_tariffs()
        self._create_models()
        self._create_lines()
        self._create_links()
        self._create_concentrators()
        self._create_supplies()
        self._create_masters()

    def since(self):
        """Return when the history begins, naive UTC."""
        return self.community._local_midnight(self.first_day)

    # --- places ----------------------------------------------------------------------

    def _create_communities(self):
        district = self.env["amr.district"].create({"code": "1", "name": "宝安区"})
        self.communities = self.env["amr.community"].create(
            [
                {
                    "district_id": district.id,
                    "code": code,
                    "name": name,
                    "short_name": short,
                    "address": address,
                }
                for code, name, short, address in (
                    ("0371", "金三角小区", "金三角", "宝安区金三角路 18 号"),
                    ("0372", "试点小区", "试点", "宝安区金三角路 26 号"),
                )
            ]
        )
        self.community = self.communities[0]

    def _create_rooms(self):
        """Create buildings and rooms; the main community's rooms get short names."""
        by_code = {community.code: community for community in self.communities}
        self.buildings = []
        for code, name, number, floors, units, wire in BUILDINGS:
            building = self.env["amr.building"].create(
                {
                    "name": name,
                    "code": number,
                    "floors": floors,
                    "community_id": by_code[code].id,
                }
            )
            rooms = self.env["amr.room"].create(
                [
                    {
                        "name": f"{floor:02d}{unit:02d}",
                        "building_id": building.id,
                        "area": 68 + 12 * unit,
                    }
                    for floor in range(1, floors + 1)
                    for unit in range(1, units + 1)
                ]
            )
            self.buildings.append((building, rooms, wire))
            prefix = "" if building.community_id == self.community else "试点 "
            for room in rooms:
                self.rooms[f"{prefix}{name} {room.name}"] = room

    # --- tariffs ---------------------------------------------------------------------

    def _create_tariffs(self):
        self.electricity = self.env.ref("amr_base.utility_electricity")
        self.water = self.env.ref("amr_base.utility_cold_water")
        self.tariffs = {
            self.electricity: self._create_tariff(
                "居民生活用电", "D1", self.electricity, (0.6803, 0.7183), 800
            ),
            self.water: self._create_tariff(
                "居民生活用水", "S1", self.water, (2.67, 2.95), 30, sewage=1.05
            ),
        }

    def _create_tariff(self, name, code, utility, prices, normal_max, sewage=None):
        """Create a tariff whose price changes on the 16th of last month."""
        surcharges = []
        if sewage:
            surcharges.append((0, 0, {"name": "污水处理费", "amount": sewage}))
        starts = (self.first_day + relativedelta(years=-2, day=1), self.price_change)
        ends = (self.price_change, False)
        return self.env["amr.tariff"].create(
            {
                "name": name,
                "code": code,
                "utility_id": utility.id,
                "version_ids": [
                    (
                        0,
                        0,
                        {
                            "date_from": start,
                            "date_to": end,
                            "price": price,
                            "normal_max": normal_max,
                            "surcharge_ids": surcharges,
                        },
                    )
                    for price, start, end in zip(prices, starts, ends, strict=True)
                ],
            }
        )

    # --- devices ---------------------------------------------------------------------

    def _create_models(self):
        common = {"digits": 6, "decimals": 2}
        remote = {**common, "has_relay": True, "manufacturer": "金三角仪表"}
        electric = {"utility_id": self.electricity.id, "address_rule": "[0-9]{12}"}
        water = {"utility_id": self.water.id, "address_rule": "[0-9]{14}"}
        models = self.env["amr.meter.model"].create(
            [
                {**remote, **electric, **extra}
                for extra in (
                    {"name": "DDZY-1088 远程费控电表", "protocol": "dlt645-2007"},
                    {
                        "name": "DDSY-1088 预付费电表",
                        "protocol": "dlt645-2007",
                        "prepaid": True,
                    },
                )
            ]
            + [
                {**remote, **water, "name": "LXSY-20 阀控水表", "protocol": "cjt188"},
                {**common, **electric, "name": "DD-862 机械电表"},
                {**common, **water, "name": "LXS-20 机械水表"},
            ]
        )
        keys = ("electricity", "prepaid", "water", "old electricity", "old water")
        self.models = dict(zip(keys, models, strict=True))

    def _create_lines(self):
        """Give every building a line, which its meters hang on."""
        lines = self.env["amr.line"].create(
            [
                {"name": "一单元", "code": "01", "building_id": building.id}
                for building, _rooms, _wire in self.buildings
            ]
        )
        self.lines = {line.building_id: line for line in lines}

    def _create_links(self):
        self.links = {}
        for building, _rooms, dtu in self.buildings:
            if dtu and dtu != CONCENTRATOR:
                self.links[building] = self.env["amr.link"].create(
                    {
                        "name": f"{building.display_name} DTU",
                        "kind": "dtu",
                        "terminal": dtu,
                        "heartbeat": dtu,
                        "community_id": building.community_id.id,
                        "building_id": building.id,
                        "address": f"{building.name}一层弱电井",
                        "phone": f"1440000{dtu[-4:]}",
                    }
                )

    def _create_supplies(self):
        """Install an electricity and a water meter in every room, with agreements."""
        wanted = [
            (key, room, utility)
            for key, room in self.rooms.items()
            for utility in (self.electricity, self.water)
        ]
        points = self.env["amr.metering.point"].create(
            [{"utility_id": u.id, "room_id": room.id} for _key, room, u in wanted]
        )
        meters = self.env["amr.meter"].create(
            [self._prepare_meter(*one) for one in wanted]
        )
        self.start_indexes = [
            self.random.randrange(20_000, 900_000) / 100 for _one in wanted
        ]
        self.env["amr.installation"].create(
            [
                {
                    "meter_id": meter.id,
                    "point_id": point.id,
                    "date_from": self.since(),
                    "start_index": index,
                }
                for meter, point, index in zip(
                    meters, points, self.start_indexes, strict=True
                )
            ]
        )
        agreements = self.env["amr.agreement"].create(
            [
                self._prepare_agreement(*one, point)
                for one, point in zip(wanted, points, strict=True)
            ]
        )
        self.supplies = [
            Supply(key, meter, point, agreement, utility, meter.link_id)
            for (key, _room, utility), meter, point, agreement in zip(
                wanted, meters, points, agreements, strict=True
            )
        ]

    def _prepare_meter(self, key, room, utility):
        place = f"{room.building_id.full_code}{room.name}"
        electric = utility == self.electricity
        link = self.links.get(room.building_id)
        collector = self.collectors.get(room.building_id)
        kind = "electricity" if electric else "water"
        if not link:
            kind = f"old {kind}"
        elif electric and key in PREPAID_ROOMS:
            kind = "prepaid"
        address = place if electric else f"10{place}"
        return {
            "number": address,
            "address": address,
            "model_id": self.models[kind].id,
            "link_id": link.id if link else False,
            "line_id": self.lines[room.building_id].id,
            "collector_id": collector.id if collector else False,
        }

    def _prepare_agreement(self, key, _room, utility, point):
        prepaid = utility == self.electricity and key in PREPAID_ROOMS
        return {
            "account_id": self.accounts[key].id,
            "point_id": point.id,
            "tariff_id": self.tariffs[utility].id,
            "payment_mode": "prepaid" if prepaid else "postpaid",
            "date_from": self.since(),
        }
