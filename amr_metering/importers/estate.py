"""Districts, communities, buildings and rooms: imported, each from its sheet."""

from ..estate_book import Place, look_alike
from .base import Plan, RowError, SheetImporter


class DistrictImporter(SheetImporter):
    sheet = "districts"
    model = "amr.district"

    def prepare(self, rows):
        self.archived = self.find_archived(lambda district: district.code)

    def plan(self, row):
        vals = dict(row.values)
        self.check_once(row, vals["code"], "code")
        district = self.places.districts.get(vals["code"])
        if district:
            return Plan(row, district, self.changes(district, vals))
        self.check_archived(vals["code"], "code")
        return Plan(row, None, vals)

    def done(self, plan, record):
        self.places.districts[record.code] = record


class CommunityImporter(SheetImporter):
    sheet = "communities"
    model = "amr.community"

    def prepare(self, rows):
        hidden = (
            self.env["amr.community"]
            .sudo()
            .with_context(active_test=False)
            .search([("company_id", "=", self.company.id)])
        )
        self.taken = set(hidden.mapped("full_code")) - self.places.by_code.keys()

    def plan(self, row):
        vals = dict(row.values)
        district = self.places.districts.get(vals.pop("district"))
        if not district:
            raise RowError(self.env._("There is no district of this code."), "district")
        full_code = district.code + vals["code"]
        self.check_once(row, full_code, "code")
        if full_code in self.taken:
            raise RowError(
                self.env._(
                    "Community %(code)s is outside your scope or archived.",
                    code=full_code,
                ),
                "code",
            )
        community = self.places.by_code.get(full_code)
        if community:
            return Plan(row, community, self.changes(community, vals))
        return Plan(row, None, {**vals, "district_id": district.id})

    def done(self, plan, record):
        if plan.record:
            self.places.index_communities()
        else:
            self.places.add_community(record)


class BuildingImporter(SheetImporter):
    sheet = "buildings"
    model = "amr.building"

    def prepare(self, rows):
        self.archived = self.find_archived(lambda one: (one.community_id, one.code))

    def plan(self, row):
        vals = dict(row.values)
        community = self.places.find_community(vals.pop("community"))
        self.check_once(row, (community.id, vals["code"]), "code")
        known = self.places.buildings_of(community).get(vals["code"], ())
        building = next((b for b in known if b.code == vals["code"]), None)
        if building:
            return Plan(row, building, self.changes(building, vals))
        self.check_archived((community, vals["code"]), "code")
        return Plan(row, None, {**vals, "community_id": community.id})

    def done(self, plan, record):
        self.places.buildings.pop(record.community_id.id, None)


class RoomImporter(SheetImporter):
    sheet = "rooms"
    model = "amr.room"

    def prepare(self, rows):
        self.archived = self.find_archived(
            lambda room: (room.building_id, look_alike(room.name))
        )

    def plan(self, row):
        vals = dict(row.values)
        community = self.places.find_community(vals.pop("community"))
        building = self.places.find_building(community, vals.pop("building"))
        name = vals.pop("room")
        self.check_once(row, (building.id, name), "room")
        rooms = self.places.rooms_of(building)
        if name in rooms:
            room = self.places.the_one(rooms[name])
            return Plan(row, room, self.changes(room, vals))
        self.check_archived((building, name), "room")
        padded = name.zfill(4)
        if isinstance(name, Place) and padded in rooms:
            raise RowError(self.places.zeros_lost(name, padded), "room")
        return Plan(row, None, {**vals, "name": str(name), "building_id": building.id})

    def done(self, plan, record):
        if not plan.record:
            self.places.add_room(record)
