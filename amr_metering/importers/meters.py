"""Meters with their points, installations and agreements, from one row each."""

import re

from ..estate_book import Place
from .base import Plan, RowError, plain
from .meter_place import MeterPlace
from .meter_terms import MeterTerms

DEVICE = ("address", "ratio_percent", "voltage_ratio", "current_ratio", "note")
BETWEEN = re.compile(r"[\s:-]")  # what people write inside an IMEI or devEUI
COLLECTED = ("radio_id", "collector_no", "collector_port", "read_item")
FACTORS = {"ratio_percent", "voltage_ratio", "current_ratio"}


class MeterImporter(MeterPlace, MeterTerms):
    """One row: the device, where it hangs, and on which terms."""

    # === WHAT A ROW ASKS FOR === #

    def work(self, rows):
        """Masters come before what is measured behind them, first points first."""
        self.prepare(rows)
        waiting = sorted(rows, key=lambda row: row.values.get("ordinal", 1))
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
        self._check_zeros(row.values, meter)
        model = self._find_model(row.values)
        vals = {"model_id": model.id}
        vals.update((key, row.values[key]) for key in DEVICE if key in row.values)
        if "address" in vals:
            # a card meter's: all zeros are no address
            address = str(vals["address"])
            vals["address"] = address if address.strip("0") else False
        self._check_address(vals, number)
        vals.update(self._find_wiring(row.values))
        vals.update(self._find_collected(row.values))
        extra = self._plan_place(row, meter, model)
        if not meter:
            vals["number"] = number
            self._tell_ratio(row, model)
            return Plan(row, None, vals, extra)
        changed = self.changes(meter, vals)
        self._check_device(meter, model, changed)
        return Plan(row, meter, changed, extra)

    def _check_zeros(self, values, meter):
        """Refuse a number or address that Excel has dropped the zeros of."""
        number, address = values["number"], values.get("address")
        if not meter and isinstance(number, Place) and number in self.padded:
            self.refuse_padded(number, self.padded[number], "number")
        known = meter.address if meter else None
        if isinstance(address, Place) and known and known != address:
            if known.lstrip("0") == address:
                self.refuse_padded(address, known, "address")

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

    def _tell_ratio(self, row, model):
        """A meter behind transformers asks for their ratio (IC-card manual 3)."""
        if model.phase == "three_ct" and not FACTORS & row.values.keys():
            self.report.tell(
                row,
                self.env._(
                    "Taken, but %s measures through transformers: without their "
                    "ratios its use counts once only. Is that meant?",
                    model.name,
                ),
                "current_ratio",
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

    def _find_collected(self, values):
        """Return how the meter reports, where there is an addon that listens."""
        found = {key: values[key] for key in COLLECTED if key in values}
        if "nb_collector" in values:
            found["nb_collector"] = values["nb_collector"] == "yes"
        for key in found.keys() - self.records._fields.keys():
            raise RowError(
                self.env._(
                    "Nothing here reads meters from afar: leave it empty, or install "
                    "the device gateway."
                ),
                key,
            )
        if "radio_id" in found:
            found["radio_id"] = BETWEEN.sub("", found["radio_id"]).lower()
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
                    "Meter %s was read: its ratios are not changed by an import. "
                    "Change them on the meter itself: new ones count from its last "
                    "reading on.",
                    meter.number,
                ),
                next(iter(FACTORS & changed.keys())),
            )

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
