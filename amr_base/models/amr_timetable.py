from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .amr_timetable_line import MINUTES


class AmrTimetable(models.Model):
    """Time table of rates: which register a meter counts on at which local time.

    Four or five rates a day, by season; every minute of the year has exactly one.
    The meters are set to the same table; bills price what their registers counted.
    """

    _name = "amr.timetable"
    _description = "Time table of rates"
    _order = "name"

    name = fields.Char(required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    line_ids = fields.One2many("amr.timetable.line", "timetable_id", copy=True)
    summary = fields.Char(compute="_compute_summary")
    register_now = fields.Char("Rate now", compute="_compute_register_now")
    note = fields.Text()
    active = fields.Boolean(default=True)

    @api.depends("line_ids.register", "line_ids.hour_from", "line_ids.hour_to")
    def _compute_summary(self):
        for table in self:
            table.summary = "; ".join(table.line_ids.mapped("display_name"))

    def _compute_register_now(self):
        local = fields.Datetime.context_timestamp(self, fields.Datetime.now())
        labels = dict(
            self.line_ids._fields["register"]._description_selection(self.env)
        )
        for table in self:
            table.register_now = labels.get(table._register_at(local))

    @api.constrains("line_ids")
    def _check_whole_year(self):
        for table in self:
            for month in range(1, 13):
                table._check_day(month)

    @api.constrains("line_ids")
    def _check_versions(self):
        """Check that the versions that use these tables still price their rates."""
        self.env["amr.tariff.version"].sudo().search(
            [("timetable_id", "in", self.ids)]
        )._check_lines()

    def write(self, vals):
        lines_follow = self.with_context(amr_lines_follow=True)
        return super(AmrTimetable, lines_follow).write(vals)

    def _check_day(self, month):
        """Check that every minute of a day in this month has one rate.

        :raises ValidationError: some time has none, or two
        """
        taken = [0] * MINUTES
        for line in self.line_ids.filtered(lambda line: line._holds_in(month)):
            for minute in line._get_minutes():
                taken[minute] += 1
        wrong = next((at for at, count in enumerate(taken) if count != 1), None)
        if wrong is None:
            return
        text = (
            self.env._("In month %(month)s no rate holds at %(time)s: add one.")
            if not taken[wrong]
            else self.env._("In month %(month)s two rates hold at %(time)s: keep one.")
        )
        clock = f"{wrong // 60:02d}:{wrong % 60:02d}"
        raise ValidationError(text % {"month": month, "time": clock})

    def _register_at(self, local):
        """Return the register that counts at a local time (naive datetime)."""
        self.ensure_one()
        minute = local.hour * 60 + local.minute
        return next(
            (
                line.register
                for line in self.line_ids
                if line._holds_in(local.month) and minute in line._get_minutes()
            ),
            False,
        )
