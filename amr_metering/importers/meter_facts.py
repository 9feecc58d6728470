"""What is known about the meters, points and agreements that rows name."""

from collections import defaultdict

from odoo import fields
from odoo.tools import SQL

from ..estate_book import clean
from .base import RowError, SheetImporter, by_any_name


def point_order(point):
    """Number the points of a room so that those with meters have no gaps."""
    return not point.meter_id, point.id


class Spot:
    """One metering point: an existing one, or one that a row of the file makes."""

    __slots__ = ("point", "number", "vals")

    def __init__(self, point=None, vals=None):
        self.point = point
        self.vals = vals
        self.number = point.meter_id.number if point else None


class MeterFacts(SheetImporter):
    """Everything that plans are made from, fetched at once for all rows."""

    sheet = "meters"
    model = "amr.meter"

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
        self.padded = self.find_padded("number", [r.values["number"] for r in rows])
        self.hidden = set(everywhere.mapped("number")) - self.meters.keys()
        addresses = [
            str(row.values["address"]) for row in rows if "address" in row.values
        ]
        self.addresses = {
            meter.address: meter.number
            for meter in self.records.sudo().search_fetch(
                [*company, ("address", "in", addresses)], ["address", "number"]
            )
        }
        accounts = {
            str(row.values["account"]) for row in rows if "account" in row.values
        }
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
                lambda box: (box.community_id.id, clean(box.name))
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
        points = self.env["amr.metering.point"].search(domain)
        for point in points.sorted(point_order):
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
