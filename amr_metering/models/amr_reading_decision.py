from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec


class AmrReading(models.Model):
    """What people decide about readings: good after all, or wrong after all.

    Only the quality changes, and what supersedes what; what was read stays (I9).
    """

    _inherit = "amr.reading"

    def _check_acceptable(self):
        """A register never runs backwards: what says otherwise is decided first.

        :raises UserError: the usable reading next to it, before or after, contradicts
        """
        for reading in self.filtered(lambda r: r.quality == "suspect"):
            self._refuse_contradiction(reading, *reading._get_contradictions())

    @api.model
    def _refuse_contradiction(self, value, before, after):
        """:raises UserError: an index ``before`` or ``after`` contradicts a value"""
        if before:
            raise UserError(
                self.env._(
                    "Meter %(meter)s: %(index)s cannot be right while %(before)s was "
                    "read before. Put that reading aside, or replace the meter, or put "
                    "this one aside.",
                    meter=value.meter_id.number,
                    index=dec(value.index),
                    before=before,
                )
            )
        if after:
            raise UserError(
                self.env._(
                    "Meter %(meter)s: %(index)s cannot be right while %(after)s was "
                    "read after it. Put that reading aside, or put this one aside.",
                    meter=value.meter_id.number,
                    index=dec(value.index),
                    after=after,
                )
            )

    def _get_contradictions(self):
        """Return the index of the nearest usable reading before and after, if higher
        before or lower after without a roll-over; else None."""
        self.ensure_one()
        [found] = self.env.execute_query(
            SQL(
                """
                SELECT CASE WHEN b.index > r.index
                             AND NOT amr_rolled_over(b.index, r.index, mm.digits)
                            THEN b.index::text END,
                       CASE WHEN a.index < r.index
                             AND NOT amr_rolled_over(r.index, a.index, mm.digits)
                            THEN a.index::text END
                  FROM amr_reading r
                  JOIN amr_meter m ON m.id = r.meter_id
                  JOIN amr_meter_model mm ON mm.id = m.model_id
                  LEFT JOIN LATERAL (
                    SELECT k.index FROM amr_reading k
                     WHERE k.meter_id = r.meter_id AND k.register = r.register
                       AND k.read_at < r.read_at AND k.quality = 'ok'
                       AND k.superseded_by_id IS NULL
                     ORDER BY k.read_at DESC, k.id DESC LIMIT 1) b ON true
                  LEFT JOIN LATERAL (
                    SELECT k.index FROM amr_reading k
                     WHERE k.meter_id = r.meter_id AND k.register = r.register
                       AND k.read_at > r.read_at AND k.quality = 'ok'
                       AND k.superseded_by_id IS NULL
                     ORDER BY k.read_at, k.id LIMIT 1) a ON true
                 WHERE r.id = %s
                """,
                self.id,
            )
        )
        return found

    def action_accept(self):
        """Take held-back readings as good after all; their exceptions are settled."""
        self.meter_id.check_access("write")
        suspects = self.sudo().filtered(lambda r: r.quality == "suspect")
        suspects._check_acceptable()
        suspects._accept()
        open_ones = suspects.verdict_ids.exception_id.filtered(
            lambda e: e.state == "open" and not e._get_suspects()
        )
        open_ones._settle(self.env._("Accepted by %s.", self.env.user.name))
        return True

    def action_put_aside(self):
        """Hold back readings that turned out wrong; they can be accepted again."""
        self.meter_id.check_access("write")
        readings = self.sudo().filtered(lambda r: r.quality == "ok")
        readings._check_no_seam(readings, lambda reading, seam: reading == seam)
        readings.write({"quality": "suspect", "put_aside": True})
        hours = readings._change_hours(("ok", "suspect"), "aside")
        hours |= readings._give_way_back()
        hours._follow(self.env._("Put aside by %s: never used.", self.env.user.name))
        self.sudo().meter_id._refresh_latest()
        for meter in readings.meter_id:
            meter.message_post(
                body=self.env._(
                    "Readings put aside: %s",
                    ", ".join(
                        f"{dec(one.index)} ({one.read_at} UTC)"
                        for one in readings
                        if one.meter_id == meter
                    ),
                )
            )
        return True

    @api.model
    def _check_no_seam(self, values, doubts):
        """Where ratios changed, both factors stand on one index, which stays.

        :param values: readings or hourly values
        :param doubts: of the index of a reading and that of the seam at its time,
            whether what is about to be done says that the seam is wrong
        :raises UserError: it does
        """
        installations = values.meter_id.sudo().installation_ids
        begun = {(one.meter_id, one.point_id, one.date_from) for one in installations}
        seams = {
            (one.meter_id, one.date_to): dec(one.end_index)
            for one in installations
            if (one.meter_id, one.point_id, one.date_to) in begun
        }
        for reading in values:
            seam = seams.get((reading.meter_id, reading.read_at))
            if seam is not None and reading.register != "total":
                seam = self._get_used_index(reading)
            if seam is not None and doubts(dec(reading.index), seam):
                raise UserError(
                    self.env._(
                        "Meter %(meter)s: its ratios changed at the reading %(index)s "
                        "of %(time)s (UTC), so that reading stays. If it is wrong, "
                        "replace the meter, with what it really shows as the opening "
                        "index, and correct the bill by hand.",
                        meter=reading.meter_id.number,
                        index=seam,
                        time=reading.read_at,
                    )
                )

    @api.model
    def _get_used_index(self, value):
        """Return the index that is used for the time and register of a reading."""
        used = self._usable_at(value.meter_id, value.read_at, register=value.register)
        return dec(used[value.meter_id.id].index) if used else None

    def _give_way_back(self):
        """Use again what these readings superseded, now that they are put aside.

        What superseded them supersedes it now. What was read and does not fit any more
        is held back, for somebody to decide; such an estimate stays superseded.

        :return: the hours that are used again with it
        """
        superseded = self.search([("superseded_by_id", "in", self.ids)])
        for reading in superseded.sorted("read_at"):
            self.flush_model()
            by = reading.superseded_by_id
            while by in self:
                by = by.superseded_by_id
            if by:
                reading.superseded_by_id = by
            elif reading.quality == "estimated":
                if not reading._is_read_meanwhile():
                    reading.superseded_by_id = False
            else:
                if reading.quality == "ok" and any(reading._get_contradictions()):
                    reading.quality = "suspect"
                reading.superseded_by_id = False
        back = superseded.filtered(lambda r: not r.superseded_by_id)
        used = back.filtered(lambda r: r.quality == "ok")
        return used._change_hours(("superseded",), "ok")

    def _is_read_meanwhile(self):
        """Return whether an estimate is contradicted, or its time has a reading."""
        return any(self._get_contradictions()) or self._usable_at(
            self.meter_id, self.read_at, register=self.register
        )

    def _change_hours(self, before, after):
        """A freeze may have come in as the hour of midnight, which shares its fate.

        :param tuple before: the qualities that such an hour may have now
        :param str after: the quality that it is to have
        :return: those hours, by whose exceptions and neighbours ``_follow`` then looks
        """
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """
                UPDATE amr_interval i SET quality = %s
                  FROM amr_reading r
                 WHERE r.id = ANY(%s) AND r.kind = 'daily' AND i.meter_id = r.meter_id
                   AND i.register = r.register AND i.read_at = r.read_at
                   AND i.index = r.index AND i.quality IN %s
                RETURNING i.id
                """,
                after,
                list(self.ids),
                before,
            )
        )
        hours = self.env["amr.interval"].browse(
            row[0] for row in self.env.cr.fetchall()
        )
        hours.invalidate_model(["quality"])
        self.env["amr.exception"].invalidate_model(["suspect_count", "blocks_billing"])
        return hours

    def _accept(self):
        """Take suspect readings as good; others of the same time are superseded.

        The latest word counts: a reading that lost to a rival before is used again,
        or all values of that time would be superseded, each by another.
        """
        self._check_no_seam(self.sudo(), lambda reading, seam: reading != seam)
        hours = self.env["amr.interval"].sudo()
        for reading in self.sudo():
            rivals = self.sudo().search(
                [
                    ("meter_id", "=", reading.meter_id.id),
                    ("register", "=", reading.register),
                    ("kind", "=", reading.kind),
                    ("read_at", "=", reading.read_at),
                    ("superseded_by_id", "=", False),
                    ("id", "!=", reading.id),
                ]
            )
            rivals.superseded_by_id = reading
            hours |= rivals._change_hours(("ok", "suspect"), "superseded")
            reading.write(
                {"quality": "ok", "superseded_by_id": False, "put_aside": False}
            )
            hours |= reading._change_hours(("suspect", "superseded", "aside"), "ok")
            reading.meter_id._refresh_latest()
        hours._follow(self.env._("Accepted by %s.", self.env.user.name))
