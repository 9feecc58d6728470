from odoo import api, fields, models

from .amr_tariff_line import REGISTERS

MINUTES = 24 * 60
MONTHS = [(str(month), f"{month:02d}") for month in range(1, 13)]


class AmrTimetableLine(models.Model):
    """One rate from … to … of the day, in some months of the year."""

    _name = "amr.timetable.line"
    _description = "Rate of a time table"
    _order = "timetable_id, month_from, hour_from"

    timetable_id = fields.Many2one(
        "amr.timetable", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="timetable_id.company_id", store=True)
    month_from = fields.Selection(MONTHS, "From month", required=True, default="1")
    month_to = fields.Selection(
        MONTHS,
        "To month",
        required=True,
        default="12",
        help="This month too; before the first: over the turn of the year.",
    )
    hour_from = fields.Float("From", required=True, help="Local time.")
    hour_to = fields.Float(
        "To", required=True, help="Local time; at or before the beginning: overnight."
    )
    register = fields.Selection(
        [pair for pair in REGISTERS if pair[0] != "total"], "Rate", required=True
    )

    _hours_sane = models.Constraint(
        "CHECK (hour_from >= 0 AND hour_from < 24 AND hour_to >= 0 AND hour_to <= 24)",
        "Times of day lie between 00:00 and 24:00.",
    )

    @api.depends("register", "hour_from", "hour_to")
    def _compute_display_name(self):
        for line in self:
            start, end = round(line.hour_from * 60), round(line.hour_to * 60)
            line.display_name = (
                f"{(line.register or '').upper()} {start // 60:02d}:{start % 60:02d}–"
                f"{end // 60:02d}:{end % 60:02d}"
            )

    @api.constrains("register")
    def _check_versions(self):
        # a table that changes several lines at once checks them when all are written
        if not self.env.context.get("amr_lines_follow"):
            self.timetable_id._check_versions()

    def _holds_in(self, month):
        first, last = int(self.month_from), int(self.month_to)
        if first <= last:
            return first <= month <= last
        return month >= first or month <= last

    def _get_minutes(self):
        """Return the minutes of the day in which this rate holds."""
        start, end = round(self.hour_from * 60), round(self.hour_to * 60)
        if start < end:
            return list(range(start, end))
        return [*range(start, MINUTES), *range(end)]
