from odoo import models
from odoo.tools import SQL

from .interval_sql import COUNT_HELD_SQL, HELD_SQL


class AmrException(models.Model):
    """Exceptions about hours: what they hold back lies in the interval store."""

    _inherit = "amr.exception"  # pylint: disable=consider-merging-classes-inherited

    def _get_held_hours(self):
        """Return the hours that these exceptions hold back, in the order of time."""
        self.env["amr.reading.verdict"].flush_model()
        found = self.env.execute_query(SQL(f"{HELD_SQL} ORDER BY i.read_at", self.ids))
        return self.env["amr.interval"].browse(interval_id for interval_id, __ in found)

    def _count_held_hours(self):
        """Return ``{exception id: number}`` of the hours that are held back."""
        ids = self.filtered("hourly").ids
        if not ids:
            return {}
        self.env["amr.reading.verdict"].flush_model()
        return dict(self.env.execute_query(SQL(COUNT_HELD_SQL, ids)))
