"""Meters with their points, installations and agreements, from one row each."""

from collections import defaultdict
from datetime import timedelta

from odoo import fields
from odoo.tools import SQL

from .base import Plan, RowError, SheetImporter, by_any_name, plain, utc

DEVICE = ("address", "ratio_percent", "voltage_ratio", "current_ratio", "note")
FACTORS = {"ratio_percent", "voltage_ratio", "current_ratio"}
TOMORROW = timedelta(days=1)


class Spot:
    """One metering point: an existing one, or one that a row of the file makes."""

    __slots__ = ("point", "number", "vals")

    def __init__(self, point=None, vals=None):
        self.point = point
        self.vals = vals
        self.number = point.meter_id.number if point else None


class MeterImporter(SheetImporter):
    sheet = "meters"
    model = "amr.meter"

    # === WHAT IS KNOWN === #

    def prepare(self, rows):
        company = [("company_id", "=", self.company.id)]
        self.models = by_any_name(
            self.env["amr.meter.model"].search([]), lambda model, name: name
        )
        self.tariffs = by_any_name(
            self.env["amr.tariff"].search(company),
            lambda tariff, name: (tariff.utility_id.id, name),
        )
        numbers = {str(row.values["number"]) for row in rows} | {
            str(row.values["parent"]) for row in rows if "parent" in row.values
        }
        meters = self.records.search([*company, ("number", "in", list(numbers))])
        self.meters = {meter.number: meter for meter in meters}
        everywhere = self.records.sudo().search_fetch(
            [*company, ("number", "in", list(numbers))], ["number"]
        )
        self.hidden = set(everywhere.mapped("number")) - self.meters.keys()
        addresses = [row.values["address"] for row in rows if "address" in row.values]
        self.addresses = {
            meter.address: meter.number
            for meter in self.records.sudo().search_fetch(
                [*company, ("address", "in", addresses)], ["address", "number"]
            )
        }
        accounts = {row.values["account"] for row in rows if "account" in row.values}
        self.accounts = {
            account.number: account
            for account in self.env["amr.account"].search(
                [*company, ("number", "in", list(accounts))]
            )
        }
        self._fetch_wiring(rows, company)
        self._fetch_points(rows)
        self._fetch_read(meters)

    def _fetch_wiring(self, rows, company):
        self.lines, self.boxes = {}, {}
        if any("line" in row.values for row in rows):
            for line in self.env["amr.line"].search(company):
                self.lines[line.full_code] = line
        if any("box" in row.values for row in rows):
            boxes = self.env["amr.box"].search(company)
            for key, group in boxes.grouped(
                lambda box: (box.community_id.id, box.name)
            ).items():
                self.boxes[key] = group

    def _fetch_points(self, rows):
        """Fetch the metering points of the communities that the rows name."""
        names = {row.values.get("community") for row in rows} - {None}
        communities = self.env["amr.community"]
        for name in names:
            try:
                communities |= self.places.find_community(name)
            except RowError:
                continue
        self.spots = defaultdict(list)
        domain = [("community_id", "in", communities.ids)]
        for point in self.env["amr.metering.point"].search(domain, order="id"):
            self.spots[self._place_key(point)].append(Spot(point))

    @staticmethod
    def _place_key(point):
        return (
            point.utility_id.id,
            point.kind,
            point.community_id.id,
            point.building_id.id,
            point.room_id.id,
        )

    def _fetch_read(self, meters):
        """Fetch which meters were read at all, and since when they are where."""
        self.env["amr.reading"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.id, (SELECT max(read_at) FROM amr_reading
                               WHERE meter_id = m.id)
                  FROM amr_meter m WHERE m.id = ANY(%s)
                """,
                list(meters.ids),
            )
        )
        self.last_read = {meter_id: at for meter_id, at in rows if at}

    def was_read(self, meter, since=None):
        at = self.last_read.get(meter.id) if meter else None
        return bool(at and (since is None or at > since))

    def was_used(self, agreement):
        """Whether any meter, also a former one, was read under the agreement."""
        return any(
            self.env["amr.reading"].search_count(
                [
                    ("meter_id", "=", one.meter_id.id),
                    ("read_at", ">", max(one.date_from, agreement.date_from)),
                    ("read_at", "<=", one.date_to or fields.Datetime.now()),
                ],
                limit=1,
            )
            for one in agreement.point_id.installation_ids
        )

    # === WHAT A ROW ASKS FOR === #

    def work(self, rows):
        """Masters come before what is measured behind them."""
        self.prepare(rows)
        waiting = rows
        while waiting:
            names = {str(row.values["number"]) for row in waiting}
            ready = [
                row for row in waiting if str(row.values.get("parent")) not in names
            ]
            self.work_rows(ready or waiting)
            taken = {id(row) for row in ready}
            waiting = [row for row in waiting if id(row) not in taken] if ready else []

    def plan(self, row):
        number = str(row.values["number"])
        self.check_once(row, number, "number")
        if number in self.hidden:
            raise RowError(
                self.env._("A meter outside your scope has the number %s.", number),
                "number",
            )
        meter = self.meters.get(number)
        model = self._find_model(row.values)
        vals = {"model_id": model.id}
        vals.update((key, row.values[key]) for key in DEVICE if key in row.values)
        if "address" in vals and not vals["address"].strip("0"):
            vals["address"] = False  # a card meter's: all zeros are no address
        self._check_address(vals, number)
        vals.update(self._find_wiring(row.values))
        extra = self._plan_place(row.values, meter, model)
        if not meter:
            vals["number"] = number
            return Plan(row, None, vals, extra)
        changed = self.changes(meter, vals)
        self._check_device(meter, model, changed)
        return Plan(row, meter, changed, extra)

    def _find_model(self, values):
        found = self.models.get(values["model"], ())
        if len(found) == 1:
            return found[0]
        raise RowError(
            self.env._(
                "There is no meter model “%s”, or more than one: see their list.",
                values["model"],
            ),
            "model",
        )

    def _find_wiring(self, values):
        """Return line and box of a meter, as ids."""
        found = {}
        if "line" in values:
            line = self.lines.get(values["line"])
            if not line:
                raise RowError(
                    self.env._("There is no such line in your scope."), "line"
                )
            found["line_id"] = line.id
        if "box" in values:
            found["box_id"] = self._find_box(values).id
        return found

    def _find_box(self, values):
        community, building, __ = self.places.find(values)
        boxes = self.boxes.get((community.id, values["box"]), self.env["amr.box"])
        near = boxes.filtered(lambda box: box.building_id == building)
        if len(near or boxes) != 1:
            raise RowError(
                self.env._("The community has no such meter box, or several."), "box"
            )
        return near or boxes

    def _check_address(self, vals, number):
        address = vals.get("address")
        if not address:
            return
        owner = self.addresses.setdefault(address, number)
        if owner != number:
            raise RowError(
                self.env._(
                    "Meter %(meter)s has the address %(address)s already.",
                    meter=owner,
                    address=address,
                ),
                "address",
            )

    def _check_device(self, meter, model, changed):
        if model.utility_id != meter.utility_id:
            raise RowError(
                self.env._(
                    "Meter %s measures something else: its model cannot change to this "
                    "one.",
                    meter.number,
                ),
                "model",
            )
        if FACTORS & changed.keys() and self.was_read(meter):
            raise RowError(
                self.env._(
                    "Meter %s was read: its ratios stay, or all its consumption would "
                    "change. Replace the meter instead.",
                    meter.number,
                ),
                next(iter(FACTORS & changed.keys())),
            )

    def _plan_place(self, values, meter, model):
        """Return what the row asks for around the meter, nothing when it is so already.

        :return: dict with "spot", "installation" (values) and "agreement" (values)
        """
        community, building, room = self.places.find(values)
        if not community:
            self._check_spare(values)
            return {}
        kind = values.get("kind", "normal")
        if kind == "normal" and not room:
            raise RowError(self.env._("A normal meter needs a room."), "room")
        key = (model.utility_id.id, kind, community.id, building.id, room.id)
        spot = self._find_spot(values, meter, key)
        extra = {"spot": spot}
        installation = self._plan_installation(values, meter, spot, community)
        agreement = self._plan_agreement(values, meter, spot, model, community)
        parent = self._plan_parent(values, spot)
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

    def _find_spot(self, values, meter, key):
        """Return the point of this place that the row means, a new one if need be."""
        spots = self.spots[key]
        number = str(values["number"])
        if "ordinal" not in values:
            own = [spot for spot in spots if spot.number == number]
            if own:
                return own[0]
        ordinal = values.get("ordinal", 1)
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

    def _plan_agreement(self, values, meter, spot, model, community):
        """Return the agreement's new or changed values, or None."""
        if not ("account" in values or "tariff" in values):
            return None
        for key in ("account", "tariff"):
            if key not in values:
                raise RowError(
                    self.env._("An agreement needs both account and tariff."), key
                )
        vals = {
            "account_id": self._find_account(values["account"]).id,
            "tariff_id": self._find_tariff(values["tariff"], model).id,
        }
        if "payment_mode" in values:
            vals["payment_mode"] = values["payment_mode"]
        if "agreed_from" in values:
            vals["date_from"] = utc(values["agreed_from"], community.tz)
        known = spot.point.agreement_ids if spot.point else ()
        now = fields.Datetime.now()
        current = [a for a in known if not a.date_to or a.date_to > now]
        if current:
            return self._plan_terms(current[0], vals, meter)
        if "date_from" not in vals:
            vals["date_from"] = self._installed_at(values, meter, community)
        ended = max((a.date_to for a in known), default=None)
        if ended and ended > vals["date_from"]:
            raise RowError(
                self.env._("An earlier agreement ended at %s (UTC).", ended),
                "agreed_from",
            )
        return vals

    def _installed_at(self, values, meter, community):
        if "date_from" in values:
            return utc(values["date_from"], community.tz)
        return self._current_installation(meter).date_from

    def _plan_terms(self, current, vals, meter):
        changed = self.changes(current, vals)
        if changed and (
            self.was_read(meter, current.date_from) or self.was_used(current)
        ):
            columns = {"account_id": "account", "tariff_id": "tariff"}
            column = next(iter(changed))
            raise RowError(
                self.env._(
                    "Agreement %(name)s is in force and its meter was read: its terms "
                    "change at a reading. Use Transfer, or Move out and Move in.",
                    name=current.display_name,
                ),
                columns.get(column, column.replace("date_from", "agreed_from")),
            )
        return {**changed, "record": current} if changed else None

    def _find_account(self, number):
        account = self.accounts.get(number)
        if not account:
            raise RowError(
                self.env._("There is no account %s in your scope.", number), "account"
            )
        if account.state == "closed":
            raise RowError(
                self.env._("Account %s is closed.", account.display_name), "account"
            )
        return account

    def _find_tariff(self, name, model):
        found = self.tariffs.get((model.utility_id.id, name), ())
        if len(found) == 1:
            return found[0]
        raise RowError(
            self.env._(
                "There is no tariff “%(name)s” for %(utility)s, or more than one.",
                name=name,
                utility=model.utility_id.name,
            ),
            "tariff",
        )

    def _plan_parent(self, values, spot):
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
        same = spot.point and spot.point.parent_id == master.point_id
        return None if same else master.point_id

    # === CARRYING IT OUT === #

    def apply(self, plans):
        self._make_points([plan for plan in plans if plan.extra])
        records = super().apply(plans)
        installations, agreements = [], []
        for plan, meter in zip(plans, records, strict=True):
            point = plan.extra["made"] if plan.extra else None
            if plan.extra.get("parent"):
                point.parent_id = plan.extra["parent"]
            for key, queue in (
                ("installation", installations),
                ("agreement", agreements),
            ):
                vals = dict(plan.extra.get(key) or ())
                record = vals.pop("record", None)
                if vals.pop("point", None):
                    vals["point_id"] = point.id
                if record:
                    record.write(plain(vals))
                elif vals:
                    vals["point_id"] = point.id
                    if key == "installation":
                        vals["meter_id"] = meter.id
                    queue.append(plain(vals))
        self.make("amr.installation", installations)
        self._name_agreements(agreements)
        self.make("amr.agreement", agreements)
        return records

    def _name_agreements(self, vals_list):
        """Number agreements; a dry run takes no numbers from the sequence."""
        sequence = self.env["ir.sequence"].sudo()
        domain = [
            ("code", "=", "amr.agreement"),
            ("company_id", "in", [self.company.id, False]),
        ]
        sequence = sequence.search(domain, order="company_id", limit=1)
        for vals in vals_list:
            vals["name"] = "-" if self.dry_run else sequence.next_by_id()

    def _make_points(self, plans):
        new = [plan for plan in plans if not plan.extra["spot"].point]
        points = self.make(
            "amr.metering.point", [plan.extra["spot"].vals for plan in new]
        )
        for plan, point in zip(new, points, strict=True):
            plan.extra["made"] = point
        for plan in plans:
            plan.extra.setdefault("made", plan.extra["spot"].point)

    def done(self, plan, record):
        if plan.extra:
            plan.extra["spot"].point = plan.extra["made"]
        self.meters[record.number] = record
