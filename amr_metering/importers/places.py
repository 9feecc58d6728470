"""Districts, communities, buildings and rooms: found by name or code."""

from collections import defaultdict

from ..estate_book import Place, look_alike
from .base import RowError


class Places:
    """The estate as the person sees it, by names and codes.

    Names are compared as the workbook's cells are read: without blanks too many, with
    plain letters and digits for the full-width ones that somebody typed on screen.
    """

    def __init__(self, env):
        self.env = env
        self.districts = {}
        self.communities = {}
        self.by_name = defaultdict(list)
        self.by_code = {}
        self.buildings = {}
        self.rooms = {}
        company = [("company_id", "=", env.company.id)]
        for district in env["amr.district"].search(company):
            self.districts[district.code] = district
        for community in env["amr.community"].search(company):
            self.add_community(community)

    def add_community(self, community):
        self.communities[community.id] = community
        self.by_name[look_alike(community.name)].append(community)
        self.by_code[community.full_code] = community

    def index_communities(self):
        """Learn of new names."""
        self.by_name.clear()
        for community in self.communities.values():
            self.by_name[look_alike(community.name)].append(community)

    def find_community(self, text):
        """Return the community of this name, else of this five-digit code.

        :raises RowError: there is none in the person's scope, or more than one
        """
        found = self.by_name.get(text, ())
        if len(found) > 1:
            raise RowError(
                self.env._(
                    "Several communities are called “%(name)s”: write the five-digit "
                    "code instead.",
                    name=text,
                ),
                "community",
            )
        if found or text in self.by_code:
            return found[0] if found else self.by_code[text]
        raise RowError(
            self.env._(
                "There is no community “%(name)s” in your scope: write it exactly as "
                "in the archive.",
                name=text,
            ),
            "community",
        )

    def buildings_of(self, community):
        """Return ``{name or code: [building]}`` of a community."""
        if community.id not in self.buildings:
            self.buildings[community.id] = defaultdict(list)
            domain = [("community_id", "=", community.id)]
            for building in self.env["amr.building"].search(domain):
                self.add_building(building)
        return self.buildings[community.id]

    def add_building(self, building):
        known = self.buildings[building.community_id.id]
        name = look_alike(building.name)
        for key in {name, building.code, building.full_code}:
            known[key].append(building)

    def find_building(self, community, text):
        """Return the building of this name, else of this code, in a community."""
        found = self.buildings_of(community).get(text, ())
        named = [one for one in found if look_alike(one.name) == text] or found
        if len(named) > 1:
            raise RowError(
                self.env._(
                    "Several buildings of %(community)s are called “%(name)s”: write "
                    "the three-digit code instead.",
                    community=community.name,
                    name=text,
                ),
                "building",
            )
        if not named:
            raise RowError(
                self.env._(
                    "%(community)s has no building “%(name)s”: write it exactly as in "
                    "the archive.",
                    community=community.name,
                    name=text,
                ),
                "building",
            )
        return named[0]

    def rooms_of(self, building):
        """Return ``{name: rooms}`` of a building, fetched by community.

        Names that differ in blanks or in full-width letters only are one name here.
        """
        if building.id not in self.rooms:
            community = building.community_id
            for each in self.env["amr.building"].search(
                [("community_id", "=", community.id)]
            ):
                self.rooms.setdefault(each.id, {})
            self.rooms.setdefault(building.id, {})
            for room in self.env["amr.room"].search(
                [("community_id", "=", community.id)]
            ):
                self._keep_room(room)
        return self.rooms[building.id]

    def _keep_room(self, room):
        known = self.rooms[room.building_id.id]
        name = look_alike(room.name)
        known[name] = known.get(name, room) | room

    def add_room(self, room):
        self.rooms_of(room.building_id)
        self._keep_room(room)

    def the_one(self, rooms):
        """Return the room of a name.

        :raises RowError: there are several whose names look alike
        """
        if len(rooms) > 1:
            raise RowError(
                self.env._(
                    "%(building)s has rooms whose numbers look alike: %(rooms)s. Give "
                    "one of them another number on screen first.",
                    building=rooms.building_id.display_name,
                    rooms=", ".join(f"“{room.name}”" for room in rooms),
                ),
                "room",
            )
        return rooms

    def find_room(self, building, text):
        """Return the room of exactly this number in a building."""
        rooms = self.rooms_of(building)
        if text in rooms:
            return self.the_one(rooms[text])
        padded = text.zfill(4)
        if isinstance(text, Place) and padded in rooms:
            raise RowError(self.zeros_lost(text, padded), "room")
        raise RowError(
            self.env._(
                "%(building)s has no room “%(name)s”: write it exactly as in the "
                "archive.",
                building=building.display_name,
                name=text,
            ),
            "room",
        )

    def zeros_lost(self, text, padded):
        return self.env._(
            "Room %(room)s is meant? Excel has dropped its zeros (%(text)s): format "
            "the column as text and type it again.",
            room=padded,
            text=text,
        )

    def find(self, values):
        """Return (community, building, room) of a row, each possibly empty."""
        building = self.env["amr.building"]
        room = self.env["amr.room"]
        if not values.get("community"):
            if values.get("building") or values.get("room"):
                raise RowError(
                    self.env._("Name the community of this building or room."),
                    "community",
                )
            return self.env["amr.community"], building, room
        community = self.find_community(values["community"])
        if values.get("building"):
            building = self.find_building(community, values["building"])
        if values.get("room"):
            if not building:
                raise RowError(
                    self.env._("Name the building of this room."), "building"
                )
            room = self.find_room(building, values["room"])
        return community, building, room
