"""Where a row wants its meter: the point, the installation and the master."""

from odoo import fields

from .base import TOMORROW, RowError, utc
from .meter_facts import MeterFacts, Spot


class MeterPlace(MeterFacts):
    """Plans of points and installations; what was read stays as it is."""

    def _plan_place(self, row, meter, model):
        """Return what the row asks for around the meter, nothing when it is so already.

        :return: dict with "spot", "installation" (values) and "agreement" (values)
        """
        values = row.values
        community, building, room = self.places.find(values)
        if not community:
            self._check_spare(values)
            return {}
        kind = values.get("kind", "normal")
        if kind == "normal" and not room:
            raise RowError(self.env._("A normal meter needs a room."), "room")
        key = (model.utility_id.id, kind, community.id, building.id, room.id)
        spot = self._find_spot(row, key)
        extra = {"spot": spot}
        installation = self._plan_installation(values, meter, spot, community)
        agreement = self._plan_agreement(values, meter, spot, model, community)
        parent = self._plan_parent(values, spot, model, community)
        if installation:
            extra["installation"] = installation
        if agreement:
            extra["agreement"] = agreement
        if parent:
            extra["parent"] = parent
        spot.number = str(values["number"])
        return extra if len(extra) > 1 else {}

    def _check_spare(self, values):
        for key in ("date_from", "start_index", "account", "tariff"):
            if key in values:
                raise RowError(
                    self.env._("Say where the meter is installed."), "community"
                )

    def _tell_ordinal(self, row, ordinal):
        """A point's number says where a new meter goes; it does not move one."""
        self.report.tell(
            row,
            self.env._(
                "Taken without this number: meter %(meter)s is at point %(point)s of "
                "this kind here, and stays there.",
                meter=row.values["number"],
                point=ordinal,
            ),
            "ordinal",
        )

    def _find_spot(self, row, key):
        """Return the point of this place that the row means, a new one if need be."""
        values = row.values
        spots = self.spots[key]
        number = str(values["number"])
        own = [place for place, spot in enumerate(spots) if spot.number == number]
        ordinal = values.get("ordinal", 1)
        if own:
            if "ordinal" in values and ordinal != own[0] + 1:
                self._tell_ordinal(row, own[0] + 1)
            return spots[own[0]]
        if not 1 <= ordinal <= len(spots) + 1:
            raise RowError(
                self.env._(
                    "There are %s points of this kind here: take the next number.",
                    len(spots),
                ),
                "ordinal",
            )
        if ordinal == len(spots) + 1:
            utility, kind, community, building, room = key
            vals = {"utility_id": utility, "kind": kind, "community_id": community}
            if building:
                vals["building_id"] = building
            if room:
                vals["room_id"] = room
            spots.append(Spot(vals=vals))
        spot = spots[ordinal - 1]
        if spot.number and spot.number != number:
            raise RowError(
                self.env._(
                    "Meter %(meter)s is installed there already: use Replace meter, or "
                    "give this one the next point number.",
                    meter=spot.number,
                ),
                "ordinal",
            )
        return spot

    def _plan_installation(self, values, meter, spot, community):
        """Return the installation's new or changed values, or None."""
        current = self._current_installation(meter)
        vals = {}
        if "start_index" in values:
            vals["start_index"] = values["start_index"]
        if "date_from" in values:
            vals["date_from"] = utc(values["date_from"], community.tz)
            if vals["date_from"] > fields.Datetime.now() + TOMORROW:
                raise RowError(self.env._("This is in the future."), "date_from")
        if current:
            return self._plan_move(current, vals, spot, meter)
        for key in ("date_from", "start_index"):
            if key not in vals:
                raise RowError(
                    self.env._("A meter is installed at a time, with its index then."),
                    key,
                )
        last = meter and max(meter.installation_ids.mapped("date_to"), default=None)
        if last and last > vals["date_from"]:
            raise RowError(
                self.env._("The meter was installed elsewhere until %s (UTC).", last),
                "date_from",
            )
        return vals

    @staticmethod
    def _current_installation(meter):
        if not meter:
            return None
        return meter.installation_ids.filtered(lambda i: not i.date_to)[:1]

    def _plan_move(self, current, vals, spot, meter):
        changed = self.changes(current, vals)
        if spot.point != current.point_id:
            changed["point"] = True
        if changed and self.was_read(meter, current.date_from):
            column = next(iter(changed))
            raise RowError(
                self.env._(
                    "Meter %(meter)s was read at %(point)s: place, time and opening "
                    "index of its installation stay. Use Replace meter.",
                    meter=meter.number,
                    point=current.point_id.name,
                ),
                "room" if column == "point" else column,
            )
        return {**changed, "record": current} if changed else None

    def _plan_parent(self, values, spot, model, community):
        """Return the master's point when the row's point is not behind it yet."""
        if "parent" not in values:
            return None
        master = self.meters.get(str(values["parent"]))
        if (
            not master
            or master.point_id.kind != "master"
            or master.number == str(values["number"])
        ):
            raise RowError(
                self.env._("There is no installed master meter %s.", values["parent"]),
                "parent",
            )
        self._check_behind(master, model, community)
        same = spot.point and spot.point.parent_id == master.point_id
        return None if same else master.point_id

    def _check_behind(self, master, model, community):
        if master.utility_id != model.utility_id:
            raise RowError(
                self.env._(
                    "Master meter %(meter)s measures %(utility)s.",
                    meter=master.number,
                    utility=master.utility_id.name,
                ),
                "parent",
            )
        if master.community_id != community:
            raise RowError(
                self.env._(
                    "Master meter %(meter)s is in %(community)s.",
                    meter=master.number,
                    community=master.community_id.display_name,
                ),
                "parent",
            )
