from decimal import Decimal

from odoo import fields, models

from odoo.addons.amr_base.tools import dec

from ..handheld.book import Meter
from .amr_route_book import FLAGS


class AmrRouteBookLine(models.Model):
    """One meter of a route book, or a record for a meter that is not in it."""

    _name = "amr.route.book.line"
    _description = "Meter of a route book"
    _order = "book_id, sequence, id"
    _rec_name = "address"

    book_id = fields.Many2one(
        "amr.route.book", required=True, readonly=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(readonly=True)
    task_line_id = fields.Many2one(
        "amr.read.task.line", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    meter_id = fields.Many2one(related="task_line_id.meter_id")
    room_id = fields.Many2one(related="task_line_id.room_id")
    community_id = fields.Many2one(
        related="book_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(related="book_id.company_id", store=True)
    address = fields.Char(readonly=True, help="As the handheld told it.")
    index = fields.Float(digits="AMR Index", readonly=True, aggregator=None)
    read_at = fields.Datetime("Read at", readonly=True)
    flag = fields.Selection(FLAGS, "Not read because", readonly=True)
    note = fields.Char("Remark", readonly=True)
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("done", "Read"),
            ("flagged", "Not readable"),
            ("failed", "Not taken"),
        ],
        default="waiting",
        required=True,
        readonly=True,
    )
    error = fields.Char("Why not", readonly=True)

    def _prepare_meter(self, row):
        """Return this line as the file has it.

        :param dict row: of the entry sheet
        :rtype: Meter
        """
        self.ensure_one()
        previous = dec(row["previous_index"])
        low = high = None
        if row["per_day"] is not None and row["days"] > 0:
            use = Decimal(row["per_day"]) * Decimal(str(row["days"]))
            low = dec(previous + use / 2)
            high = dec(previous + max(2 * use, use + 5))
        meter = self.meter_id.sudo()
        return Meter(
            sequence=self.sequence,
            key=str(self.id),
            address=meter.address or meter.number,
            number=meter.number,
            place=row["place"],
            customer=row["customer"] or "",
            unit=row["unit"],
            digits=row["digits"],
            decimals=row["decimals"],
            previous=previous,
            low=low,
            high=high,
        )

    def _matches(self, address):
        """Return whether a result is of the meter of this line."""
        meter = self.meter_id
        return address in (meter.address, meter.number)

    def _get_obstacle(self, result):
        """Return why a result cannot be a reading, or False."""
        return self.book_id._get_obstacle(result, self.meter_id)

    def _prepare_row(self, result):
        return {
            "meter_id": self.meter_id.id,
            "read_at": result.read_at,
            "kind": "spot",
            "source": "handheld",
            "index": result.index,
        }

    def _report(self):
        """Pass on why the meter could not be read, unless it was read meanwhile."""
        flags = dict(self._fields["flag"]._description_selection(self.env))
        reason = " ".join(filter(None, (flags.get(self.flag), self.note)))
        if self.task_line_id.state in ("manual", "missing"):
            self.task_line_id.report_unreadable(reason)
