from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

BEGINNING = {"meter_id", "point_id", "date_from", "start_index"}
ENDING = {"date_to", "end_index"}


class AmrInstallation(models.Model):
    """One meter at one metering point from … to …, with its indexes at both ends.

    Within one installation the factor is one and the same: when ratios change, it ends
    at the last reading and the next one goes on from there (decision 0020).
    """

    _name = "amr.installation"
    _inherit = ["amr.evidence.mixin", "amr.period.mixin"]
    _description = "Installation"
    _order = "date_from desc"
    _evidence = frozenset({"community_id", "company_id", "factor"})

    meter_id = fields.Many2one(
        "amr.meter", required=True, index=True, ondelete="restrict"
    )
    point_id = fields.Many2one(
        "amr.metering.point",
        "Metering point",
        required=True,
        index=True,
        ondelete="restrict",
    )
    community_id = fields.Many2one(
        related="point_id.community_id", store=True, index=True
    )
    company_id = fields.Many2one(related="point_id.company_id", store=True, index=True)
    date_from = fields.Datetime("From", required=True, default=fields.Datetime.now)
    date_to = fields.Datetime("To")
    start_index = fields.Float("Opening index", digits="AMR Index", required=True)
    end_index = fields.Float("Closing index", digits="AMR Index")
    factor = fields.Float(
        compute="_compute_factor",
        store=True,
        precompute=True,
        digits=(16, 6),
        aggregator=None,
        help="In force for what was measured here, whatever the ratios of the meter "
        "are today.",
    )

    _meter_once = models.Constraint(
        "EXCLUDE USING gist (meter_id WITH =, tsrange(date_from, date_to) WITH &&)",
        "A meter cannot be at two metering points at once: end its installation first.",
    )
    _point_once = models.Constraint(
        "EXCLUDE USING gist (point_id WITH =, tsrange(date_from, date_to) WITH &&)",
        "A metering point cannot have two meters at once: end the other's "
        "installation first.",
    )
    _dates_ordered = models.Constraint(
        "CHECK (date_to IS NULL OR date_to > date_from)",
        "An installation must end after it begins.",
    )
    _index_positive = models.Constraint(
        "CHECK (start_index >= 0 AND start_index < 1e12 "
        "AND (end_index IS NULL OR end_index >= 0 AND end_index < 1e12))",
        "An index is a number from 0 on, with 12 integer digits at most.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        installations = super().create(vals_list)
        installations._show_opening_index()
        return installations

    @api.depends("meter_id")
    def _compute_factor(self):
        for installation in self:
            installation.factor = installation.meter_id.factor

    @api.constrains("meter_id", "point_id")
    def _check_fit(self):
        """Check that each meter measures what its point is for, in one company."""
        for one in self.sudo():
            meter, point = one.meter_id, one.point_id
            if meter.utility_id != point.utility_id:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s measures %(measured)s, but %(point)s is for "
                        "%(wanted)s: choose a meter for %(wanted)s, or another "
                        "metering point.",
                        meter=meter.number,
                        measured=meter.utility_id.name,
                        point=point.name,
                        wanted=point.utility_id.name,
                    )
                )
            if meter.company_id != point.company_id:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s belongs to %(company)s, but %(point)s to "
                        "%(other)s.",
                        meter=meter.number,
                        company=meter.company_id.display_name,
                        point=point.name,
                        other=point.company_id.display_name,
                    )
                )

    @api.constrains("meter_id", "date_to")
    def _check_meter_active(self):
        """An archived meter has given its number away: it hangs nowhere now."""
        for one in self.filtered(lambda one: not one.date_to):
            if not one.meter_id.active:
                raise ValidationError(
                    self.env._(
                        "Meter %s is archived: unarchive it before you install it.",
                        one.meter_id.number,
                    )
                )

    def _take_factor(self):
        """Make the meter's factor hold here from its last reading on.

        Where nothing was read since the installation began, there is no use yet that
        another factor was in force for.
        """
        for one in self:
            meter = one.meter_id
            if not meter.latest_at or meter.latest_at <= one.date_from:
                one.factor = meter.factor
                continue
            at, index = meter.latest_at, meter.latest_index
            meter._keep_registers(at)
            one.write({"date_to": at, "end_index": index})
            one.flush_recordset()
            self.create(
                {
                    "meter_id": meter.id,
                    "point_id": one.point_id.id,
                    "date_from": at,
                    "start_index": index,
                }
            )

    def _show_opening_index(self):
        """A typed opening index is what the meter shows, until somebody reads it.

        Its time stays empty and its state “not enabled”: it waits among the meters to
        be read (KTAMR manual 3.2.5).
        """
        self.flush_recordset(["meter_id", "date_to", "start_index"])
        self.meter_id.flush_recordset(["latest_at", "latest_index"])
        self.env.cr.execute(
            SQL(
                """
                UPDATE amr_meter m SET latest_index = i.start_index
                  FROM amr_installation i
                 WHERE i.id = ANY(%s) AND i.meter_id = m.id AND i.date_to IS NULL
                   AND m.latest_at IS NULL
                """,
                list(self.ids),
            )
        )
        self.meter_id.invalidate_recordset(["latest_index"])

    def write(self, vals):
        if BEGINNING & vals.keys():
            self._check_not_read()
        if ENDING & vals.keys():
            self.filtered("date_to")._check_not_read()
        result = super().write(vals)
        if BEGINNING & vals.keys():
            self._show_opening_index()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_read(self):
        self._check_not_read()

    def _check_not_read(self):
        """Readings and bills stand on an installation: what was read under it stays.

        :raises UserError: the meter was read since it was installed
        """
        for installation in self:
            if installation._was_read():
                raise UserError(
                    self.env._(
                        "%s: the meter was read there, so this part of its history "
                        "stays as it is. Replace the meter instead.",
                        installation.display_name,
                    )
                )

    def _was_read(self):
        """Return whether use was measured here, or goes on from another factor."""
        meter = [("meter_id", "=", self.meter_id.id)]
        later = [*meter, ("read_at", ">", self.date_from)]
        same = [*meter, ("date_to", "=", self.date_from)]
        return bool(
            self.env["amr.reading"].sudo().search_count(later, limit=1)
            or self.env["amr.interval"].sudo().search_count(later, limit=1)
            or self.sudo().search_count(same, limit=1)
        )

    @api.depends("meter_id.number", "point_id.name")
    def _compute_display_name(self):
        for installation in self:
            installation.display_name = (
                f"{installation.meter_id.number} @ {installation.point_id.name}"
            )
