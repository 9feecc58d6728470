"""From records to the rows of the workbook, as the importers take them."""

from odoo.addons.amr_base.tools import dec

from ..estate_book import look_alike
from .accounts import CARD, OWN
from .base import local
from .meter_facts import point_order
from .meters import COLLECTED
from .places import Places


class ArchiveRows:
    """The rows of some communities, all sheets.

    :param communities: recordset of amr.community
    """

    def __init__(self, communities):
        self.env = communities.env
        self.communities = communities
        self.places = Places(self.env)
        self.domain = [("community_id", "in", communities.ids)]

    def sheets(self):
        """Return ``{sheet key: [values]}`` in the workbook's order."""
        return {
            "districts": list(self._districts()),
            "communities": list(self._communities()),
            "buildings": list(self._buildings()),
            "rooms": list(self._rooms()),
            "accounts": list(self._accounts()),
            "meters": list(self._meters()),
        }

    def _community_label(self, community):
        """Return the name, or the code where another community has that name."""
        alone = len(self.places.by_name[look_alike(community.name)]) == 1
        return community.name if alone else community.full_code

    def _building_label(self, building):
        if not building:
            return None
        name = look_alike(building.name)
        same = self.places.buildings_of(building.community_id)[name]
        alone = [b for b in same if look_alike(b.name) == name] == [building]
        return building.name if alone else building.full_code

    def _place(self, community, building, room):
        return {
            "community": self._community_label(community) if community else None,
            "building": self._building_label(building),
            "room": room.name or None,
        }

    def _districts(self):
        for district in self.communities.district_id.sorted("code"):
            yield {"code": district.code, "name": district.name, "note": district.note}

    def _communities(self):
        for community in self.communities.sorted("full_code"):
            names = ("code", "name", "short_name", "address", "note")
            yield {
                "district": community.district_id.code,
                **{name: community[name] for name in names},
            }

    def _buildings(self):
        for building in self.env["amr.building"].search(self.domain):
            yield {
                "community": self._community_label(building.community_id),
                "code": building.code,
                "name": building.name,
                "floors": building.floors or None,
                "note": building.note,
            }

    def _rooms(self):
        rooms = self.env["amr.room"].search(self.domain)
        for room in rooms.sorted(lambda r: (r.building_id.full_code, r.name)):
            yield {
                **self._place(room.community_id, room.building_id, room),
                "area": dec(room.area, 2) or None,
                "note": room.note,
            }

    def _accounts(self):
        accounts = self.env["amr.account"].search(
            [*self.domain, ("state", "=", "active")], order="number"
        )
        own = [
            name
            for name in OWN
            if accounts._has_field_access(accounts._fields[name], "read")
        ]
        for account in accounts:
            partner = account.partner_id.sudo()
            card = {"number": account.number}
            card.update((name, partner[name]) for name in CARD)
            card.update((name, account[name] or None) for name in own)
            rooms = account.room_ids & account.room_ids._filtered_access("read")
            for room in rooms.sorted(lambda r: (r.building_id.full_code, r.name)):
                yield {**card, **self._place(room.community_id, room.building_id, room)}
            if not rooms:
                community = self._community_label(account.community_id)
                yield {**card, "community": community}

    def _meters(self):
        self.ordinals = {}
        points = self.env["amr.metering.point"].search(self.domain)
        for point in points.sorted(point_order):
            key = (
                point.utility_id.id,
                point.kind,
                point.community_id.id,
                point.building_id.id,
                point.room_id.id,
            )
            place = self.ordinals.setdefault(key, [])
            place.append(point.id)
            self.ordinals[point.id] = len(place)
        meters = self.env["amr.meter"].search(self.domain)
        for meter in meters.sorted(self._meter_order):
            yield {**self._device(meter), **self._where(meter), **self._terms(meter)}

    @staticmethod
    def _meter_order(meter):
        return (
            meter.building_id.full_code or meter.community_id.full_code or "",
            meter.room_id.name or "",
            meter.number,
        )

    @staticmethod
    def _device(meter):
        values = {
            "number": meter.number,
            "model": meter.model_id.name,
            "address": meter.address,
            "note": meter.note,
            "line": meter.line_id.full_code,
            "box": meter.box_id.name,
        }
        for name in ("ratio_percent", "voltage_ratio", "current_ratio"):
            values[name] = dec(meter[name], 4)
        for name in meter._fields.keys() & set(COLLECTED):
            values[name] = meter[name]
        if values.get("collector_no"):
            values["nb_collector"] = "yes" if meter.nb_collector else "no"
        return values

    def _where(self, meter):
        point = meter.point_id
        if not point:
            return {}
        installation = meter.installation_ids.filtered(lambda i: not i.date_to)[:1]
        return {
            **self._place(point.community_id, point.building_id, point.room_id),
            "kind": point.kind,
            "ordinal": self.ordinals[point.id],
            "date_from": local(installation.date_from, point.community_id.tz),
            "start_index": dec(installation.start_index),
            "parent": point.parent_id.meter_id.number,
        }

    def _terms(self, meter):
        point = meter.point_id
        running = point.agreement_ids.filtered(lambda a: a.state != "ended")
        agreement = running.sorted("date_from")[:1]
        if not agreement:
            return {}
        return {
            "account": agreement.account_id.number,
            "tariff": agreement.tariff_id.name,
            "payment_mode": agreement.payment_mode,
            "agreed_from": local(agreement.date_from, point.community_id.tz),
        }
