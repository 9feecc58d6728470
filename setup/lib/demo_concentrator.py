"""The part of the demo's estate that concentrators read, a master meter before it."""

from collections import namedtuple

CONCENTRATOR = "concentrator"
COLLECTOR = "1F"
# Of a small concentrator: comparing its list takes frames by its capacity.
CAPACITY = 64

Supply = namedtuple("Supply", "room meter point agreement utility link")


class BehindConcentrators:
    """Concentrators, collectors and masters of :class:`demo_estate.Estate`."""

    def _create_concentrators(self):
        """Put a concentrator with one collector into the buildings that have one."""
        self.collectors = {}
        for building, _rooms, wire in self.buildings:
            if wire == CONCENTRATOR:
                concentrator = self.env["amr.concentrator"].create(
                    {
                        "name": "一层弱电井",
                        "line_id": self.lines[building].id,
                        "capacity": CAPACITY,
                    }
                )
                self.links[building] = concentrator.link_id
                self.collectors[building] = self.env["amr.collector"].create(
                    {
                        "name": "一至三层",
                        "address": COLLECTOR,
                        "concentrator_id": concentrator.id,
                    }
                )

    def _create_masters(self):
        """Measure what goes into a building with a concentrator: its losses."""
        for building, collector in self.collectors.items():
            subs = [
                supply.point
                for supply in self.supplies
                if supply.point.building_id == building
                and supply.utility == self.electricity
            ]
            point = self.env["amr.metering.point"].create(
                {
                    "utility_id": self.electricity.id,
                    "building_id": building.id,
                    "kind": "master",
                }
            )
            self.env["amr.metering.point"].union(*subs).parent_id = point
            meter = self.env["amr.meter"].create(
                {
                    "number": f"{building.full_code}0000",
                    "address": f"{building.full_code}0000",
                    "model_id": self.models["electricity"].id,
                    "line_id": self.lines[building].id,
                    "collector_id": collector.id,
                }
            )
            self._install_master(meter, point)

    def _install_master(self, meter, point):
        index = self.random.randrange(20_000, 900_000) / 100
        self.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": point.id,
                "date_from": self.since(),
                "start_index": index,
            }
        )
        self.start_indexes.append(index)
        nobody = self.env["amr.agreement"]
        name = point.display_name
        self.supplies.append(
            Supply(name, meter, point, nobody, self.electricity, meter.link_id)
        )
