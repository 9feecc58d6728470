"""The older system's sheet: one row a customer with his room and meter.

KTAMR manual 3.2.3 (2) and 3.6: the order of the columns is fixed, and the address is
the names of community, building and room put together; it must be exactly those.
"""

import re
from collections import defaultdict

from ..estate_book import Row, look_alike
from . import accounts
from .base import RowError

BETWEEN = re.compile(r"[\s\[\]［］【】\-－–—]+")
CARD = ("number", *accounts.CARD, *accounts.OWN)
DEVICE = ("tariff", "ratio_percent", "date_from", "kind", "start_index", "model")


class SeedSheet:
    """Splits rows of the older layout into rows of accounts and of meters."""

    def __init__(self, env, report, places):
        self.env = env
        self.report = report
        self.places = places

    def split(self, rows):
        """Return (rows of accounts, rows of meters); what matches nothing is told."""
        customers, meters = {}, []
        self._index_rooms()
        for row in rows:
            try:
                place = self._find_place(row.values["place"])
                # a second row of the same room brings a second meter only
                key = (row.values["number"], row.values["name"], *place.values())
                customers.setdefault(key, self._pick(row, CARD, place))
                if row.values.get("address"):
                    meters.append(self._prepare_meter(row, place))
            except RowError as error:
                self.report.refuse(row, error)
        return list(customers.values()), meters

    def _index_rooms(self):
        self.by_address = defaultdict(list)
        rooms = self.env["amr.room"].search([("company_id", "=", self.env.company.id)])
        for room in rooms:
            names = (room.community_id.name, room.building_id.name, room.name)
            self.by_address[self._squeeze("".join(names))].append(room)

    @staticmethod
    def _squeeze(address):
        return BETWEEN.sub("", look_alike(address))

    def _find_place(self, address):
        rooms = self.by_address.get(self._squeeze(address), ())
        if len(rooms) != 1:
            message = (
                self.env._(
                    "Several rooms have this address: use the sheets of customers and "
                    "meters instead."
                )
                if rooms
                else self.env._(
                    "No room in your scope has this address: write community, building "
                    "and room exactly as in the archive."
                )
            )
            raise RowError(message, "place")
        room = rooms[0]
        return {
            "community": room.community_id.full_code,
            "building": room.building_id.code,
            "room": look_alike(room.name),
        }

    @staticmethod
    def _pick(row, keys, place):
        values = {key: row.values[key] for key in keys if key in row.values}
        return Row(row.sheet, row.number, {**values, **place})

    def _prepare_meter(self, row, place):
        meter = self._pick(row, DEVICE, place)
        address = row.values["address"]
        meter.values.update(number=address, address=address)
        if "tariff" in row.values:
            meter.values["account"] = row.values["number"]
        if "model" not in row.values:
            meter.values["model"] = self._only_model(row.values.get("tariff"))
        return meter

    def _only_model(self, tariff_name):
        """Return the model of the tariff's utility when there is one only."""
        tariff = self.env["amr.tariff"].search(
            [("name", "=", tariff_name), ("company_id", "=", self.env.company.id)]
        )
        models = self.env["amr.meter.model"].search(
            [("utility_id", "in", tariff.utility_id.ids)]
        )
        if len(models) != 1:
            raise RowError(self.env._("Name the meter's model."), "model")
        return models.name
