from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import (
    KnownFloat,
    ensure_partitions,
    ensure_partitions_ahead,
    partition_by_month,
)

TABLE = "amr_snapshot"
MEASURED = (
    "voltage_a",
    "voltage_b",
    "voltage_c",
    "current_a",
    "current_b",
    "current_c",
    "current_n",
    "power",
    "power_factor",
    "frequency",
    "import_index",
    "export_index",
)
COLUMNS = (
    """
    meter_id integer NOT NULL REFERENCES amr_meter ON DELETE RESTRICT,
    read_at timestamp NOT NULL,
    event varchar NOT NULL,
    received_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    """
    + "".join(f"{name} numeric(16, 3),\n" for name in MEASURED)
    + "PRIMARY KEY (meter_id, read_at, event)"
)


class AmrSnapshot(models.Model):
    """Event log (事件记录): what a meter measured at one moment, and why it did.

    S3 七.2: every record has time, voltage, current, power factor, frequency, power
    and the energy of both directions. Kept by month like interval readings.
    """

    _name = "amr.snapshot"
    _inherit = "amr.report.mixin"
    _description = "Measured values"
    _auto = False
    _order = "read_at desc, id desc"
    _rec_name = "read_at"
    _log_access = False
    _depends = {"amr.meter": ["community_id", "company_id"]}
    _report_columns = ("read_at", "meter_id", "event", *MEASURED)

    meter_id = fields.Many2one("amr.meter", readonly=True)
    read_at = fields.Datetime("Measured at", readonly=True)
    event = fields.Selection(
        [
            ("periodic", "Periodic"),
            ("power_off", "Power failure"),
            ("power_on", "Power restored"),
            ("voltage", "Voltage out of limits"),
            ("current", "Current out of limits"),
            ("overload", "Overload"),
            ("reverse", "Reverse power"),
            ("neutral", "Neutral and phase current differ"),
            ("cover", "Cover opened"),
            ("magnetic", "Magnetic field"),
            ("relay", "Relay switched"),
            ("clock", "Clock set"),
            ("program", "Programmed"),
        ],
        readonly=True,
        help="Neutral against phase current: by-passing the meter (theft).",
    )
    received_at = fields.Datetime("Received", readonly=True)
    voltage_a = KnownFloat("Ua (V)", digits=(16, 1), readonly=True, aggregator="avg")
    voltage_b = KnownFloat("Ub (V)", digits=(16, 1), readonly=True, aggregator="avg")
    voltage_c = KnownFloat("Uc (V)", digits=(16, 1), readonly=True, aggregator="avg")
    current_a = KnownFloat("Ia (A)", digits=(16, 3), readonly=True, aggregator="avg")
    current_b = KnownFloat("Ib (A)", digits=(16, 3), readonly=True, aggregator="avg")
    current_c = KnownFloat("Ic (A)", digits=(16, 3), readonly=True, aggregator="avg")
    current_n = KnownFloat("In (A)", digits=(16, 3), readonly=True, aggregator="avg")
    power = KnownFloat("Power (kW)", digits=(16, 3), readonly=True, aggregator="avg")
    power_factor = KnownFloat(digits=(16, 3), readonly=True, aggregator="avg")
    frequency = KnownFloat(
        "Frequency (Hz)", digits=(16, 2), readonly=True, aggregator="avg"
    )
    import_index = KnownFloat(
        "Energy taken", digits="AMR Index", readonly=True, aggregator=None
    )
    export_index = KnownFloat(
        "Energy delivered", digits="AMR Index", readonly=True, aggregator=None
    )
    community_id = fields.Many2one("amr.community", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT s.*, m.community_id, m.company_id
              FROM amr_snapshot s JOIN amr_meter m ON m.id = s.meter_id
            """
        )

    def init(self):
        result = super().init()
        partition_by_month(
            self.env.cr, TABLE, COLUMNS, ", ".join(("meter_id", "read_at", *MEASURED))
        )
        self._make_partitions_ahead()
        return result

    @api.model
    def _make_partitions_ahead(self):
        ensure_partitions_ahead(self.env.cr, TABLE)

    @api.model
    def _ingest(self, rows):
        """Keep measured values; the same moment and event twice is one record.

        :param list rows: dicts with ``meter_id``, ``read_at`` (naive UTC datetime),
            ``event`` ("periodic" when left out) and any of the measured values
            (Decimal: volt, ampere, kilowatt, hertz, the meter's index), null when the
            meter does not measure it
        :return: number of new records
        """
        rows = self.env["amr.refused.reading"]._sift_values(rows, MEASURED)
        if not rows:
            return 0
        days = {row["read_at"].date() for row in rows}
        ensure_partitions(self.env.cr, TABLE, days)
        names = ("meter_id", "read_at", "event", *MEASURED)
        values = [
            tuple({"event": "periodic", **row}.get(name) for name in names)
            for row in rows
        ]
        self.env["amr.alarm"]._schedule_check()
        self.env.cr.execute_values(
            f"INSERT INTO amr_snapshot ({', '.join(names)}) VALUES %s "
            "ON CONFLICT DO NOTHING",
            values,
            page_size=len(values),
        )
        return self.env.cr.rowcount

    @api.model
    def _describe_values(self, values):
        """Return measured values as one line, such as "Ua (V) 220.1, In (A) 1.2".

        :param dict values: ``{field name: Decimal}``
        """
        labels = self.fields_get(MEASURED, ["string"])
        return ", ".join(
            f"{labels[name]['string']} {values[name].normalize():f}"
            for name in MEASURED
            if name in values
        )

    @api.model
    def _get_alarm_values(self):
        """Return what meters measured last, within a day, to compare with limits.

        :return: list of ``(meter_id, kind, Decimal)``: the highest of the phases, in
            volt and ampere; of single-phase meters that measure both wires by how much
            they differ
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT s.meter_id, v.kind, v.value
                  FROM (SELECT DISTINCT ON (meter_id) * FROM amr_snapshot
                         WHERE read_at > %(now)s::timestamp - INTERVAL '1 day'
                           AND read_at <= %(now)s::timestamp
                         ORDER BY meter_id, read_at DESC) s
                 CROSS JOIN LATERAL (VALUES
                    ('voltage', GREATEST(voltage_a, voltage_b, voltage_c)),
                    ('current', GREATEST(current_a, current_b, current_c)),
                    ('neutral', CASE WHEN current_b IS NULL AND current_c IS NULL
                                THEN abs(abs(current_n) - abs(current_a)) END)
                 ) v(kind, value)
                 WHERE v.value IS NOT NULL
                """,
                now=fields.Datetime.now(),
            )
        )
