from odoo import fields, models
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec


class AmrBuilding(models.Model):
    _inherit = "amr.building"

    meter_count = fields.Integer("Number of meters", compute="_compute_meters")
    index_summary = fields.Char(
        "Total reading",
        compute="_compute_meters",
        help="What the meters of the building show together, times their factors, by "
        "utility (KTAMR manual 3.2.1 B).",
    )

    def _compute_meters(self):
        meters = self.env["amr.meter"]
        meters.flush_model()
        # the meters that the operator may see, and no others
        query = meters._search([("building_id", "in", self.ids)])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.building_id, u.id, u.uom_name, count(*),
                       sum(m.latest_index * m.factor)::text
                  FROM amr_meter m JOIN amr_utility u ON u.id = m.utility_id
                 WHERE m.id IN %s AND m.point_id IS NOT NULL
                 GROUP BY m.building_id, u.id, u.uom_name, u.sequence
                 ORDER BY u.sequence, u.id
                """,
                query.subselect(),
            )
        )
        totals = {building.id: [] for building in self}
        for building, utility, unit, count, index in rows:
            totals[building].append((utility, unit, count, dec(index)))
        for building in self:
            found = totals.get(building.id, [])
            building.meter_count = sum(count for _id, _unit, count, _index in found)
            building.index_summary = self._summarize(found)

    def _summarize(self, totals):
        """Return the totals in words; what has one unit is told apart by its name.

        :param totals: of (utility id, unit, count, index)
        """
        units = [unit for _utility, unit, _count, _index in totals]
        parts = []
        for utility, unit, _count, index in totals:
            name = self.env["amr.utility"].browse(utility).name
            shared = f"{name} " if units.count(unit) > 1 else ""
            parts.append(f"{shared}{index} {unit}")
        return "; ".join(parts)

    def _get_blocking_children(self):
        points = self.env["amr.metering.point"]
        return [
            *super()._get_blocking_children(),
            (
                self.env._("metering points"),
                points.search([("building_id", "=", self.id)]),
            ),
        ]

    def action_open_meters(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_meter_action"
        )
        action["domain"] = [("building_id", "=", self.id)]
        return action
