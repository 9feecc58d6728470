from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

RATIOS = ("ratio_percent", "voltage_ratio", "current_ratio")


class AmrMeter(models.Model):
    """Ratios that change: what was measured before keeps its factor (decision 0020)."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited

    def write(self, vals):
        names = [name for name in RATIOS if name in vals]
        touched = self.filtered(
            lambda meter: any(meter[name] != vals[name] for name in names)
        )
        touched._check_ratios_free()
        before = {meter: meter.factor for meter in touched}
        result = super().write(vals)
        changed = touched.filtered(lambda meter: meter.factor != before[meter])
        changed.sudo().installation_ids.filtered(
            lambda one: not one.date_to
        )._take_factor()
        return result

    def _check_ratios_free(self):
        """Check that the ratios of these meters may change now (hook).

        Another factor counts from the last reading on, so every register a meter has
        must be known there: a part priced by registers could not be cut otherwise.

        :raises UserError: a register was read at another time than the total
        """
        if not self:
            return
        self.env.flush_all()
        labels = dict(self.env["amr.reading"]._get_labels("register"))
        last = self._get_last_rates(("ok", "estimated"))
        for meter in self.filtered("point_id"):
            for register, (_index, read_at) in last[meter.id].items():
                if read_at != meter.latest_at:
                    raise UserError(
                        self.env._(
                            "Meter %(meter)s: %(register)s was last read at %(time)s, "
                            "the total at %(total)s. Read all registers at one time "
                            "first: a new ratio counts from there on.",
                            meter=meter.number,
                            register=labels[register],
                            time=meter._format_moment(read_at),
                            total=meter._format_moment(meter.latest_at)
                            if meter.latest_at
                            else self.env._("never"),
                        )
                    )

    def _keep_registers(self, at):
        """Keep the registers of a moment as readings, where hours only have them.

        Bills stand on readings, and are cut at the moment a new factor begins.

        :param datetime at: naive UTC
        """
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT meter_id, register, read_at, 'spot' AS kind, source, index
                  FROM amr_interval i
                 WHERE meter_id = ANY(%s) AND register <> 'total' AND read_at = %s
                   AND quality IN ('ok', 'estimated')
                   AND NOT EXISTS (
                        SELECT 1 FROM amr_reading r
                         WHERE r.meter_id = i.meter_id AND r.register = i.register
                           AND r.read_at = i.read_at AND r.quality <> 'suspect'
                           AND r.superseded_by_id IS NULL)
                """,
                list(self.ids),
                at,
            )
        )
        if rows:
            self.env["amr.reading"]._ingest(rows)
