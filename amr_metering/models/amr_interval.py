from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.amr_base.models.amr_tariff_line import REGISTERS

from ..tools import ensure_partitions_ahead, partition_by_month

TABLE = "amr_interval"
# The key holds all that a curve is drawn from, so that PostgreSQL reads a meter's year
# from the index alone, however the rows lie in the table.
COLUMNS = """
    meter_id integer NOT NULL REFERENCES amr_meter ON DELETE RESTRICT,
    register varchar NOT NULL,
    read_at timestamp NOT NULL,
    index numeric(16, 3) NOT NULL CHECK (index >= 0),
    source varchar NOT NULL,
    quality varchar NOT NULL,
    received_at timestamp NOT NULL,
    PRIMARY KEY (meter_id, register, read_at, index) INCLUDE (quality)
"""

# Consumption between two indexes, before the factor. A register that fell by more than
# half its range turned over; one that fell by less shows a negative step.
STEP_SQL = """
    CREATE OR REPLACE FUNCTION amr_index_step(
        before_index numeric, after_index numeric, digits integer
    ) RETURNS numeric IMMUTABLE LANGUAGE sql AS $$
        SELECT CASE
            WHEN after_index >= before_index THEN after_index - before_index
            WHEN before_index - after_index > 5 * 10::numeric ^ (digits - 1)
                THEN after_index - before_index + 10::numeric ^ digits
            ELSE after_index - before_index END
    $$
"""


class AmrInterval(models.Model):
    """Interval reading (曲线数据): the index every hour or finer.

    A store of its own beside ``amr.reading``: PostgreSQL partitions the table by
    month, and nothing is ever removed from it (S3 五: ten years and more). Odoo sees
    it through a query, because to Odoo a partitioned table is none. Rows come in
    through :meth:`amr.reading._ingest` with kind "hourly".
    """

    _name = "amr.interval"
    _description = "Interval reading"
    _auto = False
    _order = "read_at desc, id desc"
    _rec_name = "read_at"
    _log_access = False
    _depends = {"amr.meter": ["community_id", "company_id"]}

    meter_id = fields.Many2one("amr.meter", readonly=True)
    register = fields.Selection(REGISTERS, readonly=True)
    read_at = fields.Datetime("Read at", readonly=True)
    index = fields.Float(digits="AMR Index", readonly=True, aggregator=None)
    source = fields.Selection(
        lambda self: self.env["amr.reading"]._get_labels("source"), readonly=True
    )
    quality = fields.Selection(
        [
            ("ok", "Good"),
            ("suspect", "Suspect"),
            ("estimated", "Estimated"),
            ("superseded", "Superseded"),
            ("aside", "Put aside"),
        ],
        readonly=True,
    )
    received_at = fields.Datetime("Received", readonly=True)
    community_id = fields.Many2one("amr.community", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT i.id, i.meter_id, i.register, i.read_at, i.index, i.source,
                   i.quality, i.received_at, m.community_id, m.company_id
              FROM amr_interval i JOIN amr_meter m ON m.id = i.meter_id
            """
        )

    def init(self):
        result = super().init()
        self.env.cr.execute(STEP_SQL)
        partition_by_month(
            self.env.cr, TABLE, COLUMNS, "meter_id, register, read_at, index, source"
        )
        self._make_partitions_ahead()
        return result

    @api.model
    def _make_partitions_ahead(self):
        """Make the partitions of this month and the next, before data comes in."""
        ensure_partitions_ahead(self.env.cr, TABLE)
