from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.amr_base.models.amr_tariff_line import REGISTERS

RAW_COLUMNS = ("meter_id", "register", "read_at", "kind", "source", "index")


class AmrReading(models.Model):
    """Reading (读数): one index of one register at one time.

    Readings come in through :meth:`_ingest` only. What was read is never updated or
    deleted (a trigger in the database sees to it); a wrong one is superseded.
    """

    _name = "amr.reading"
    _description = "Reading"
    _order = "read_at desc, id desc"
    _rec_name = "read_at"
    _log_access = False  # who and when is source and received_at; it halves the cost

    meter_id = fields.Many2one(
        "amr.meter", required=True, readonly=True, ondelete="restrict"
    )
    register = fields.Selection(
        REGISTERS, required=True, readonly=True, default="total"
    )
    read_at = fields.Datetime("Read at", required=True, readonly=True)
    kind = fields.Selection(
        [
            ("spot", "Spot"),
            ("hourly", "Hourly"),
            ("daily", "Daily freeze"),
            ("monthly", "Monthly freeze"),
        ],
        required=True,
        readonly=True,
        default="spot",
        help="A daily freeze is the index at 00:00 of the day it names.",
    )
    source = fields.Selection(
        [
            ("remote", "Remote"),
            ("manual", "Manual"),
            ("handheld", "Handheld"),
            ("import", "Import"),
            ("push", "Push"),
            ("estimate", "Estimate"),
        ],
        required=True,
        readonly=True,
        default="manual",
    )
    index = fields.Float(
        digits="AMR Index", required=True, readonly=True, aggregator=None
    )
    quality = fields.Selection(
        [("ok", "Good"), ("suspect", "Suspect"), ("estimated", "Estimated")],
        required=True,
        readonly=True,
        default="ok",
    )
    superseded_by_id = fields.Many2one(
        "amr.reading", "Superseded by", readonly=True, index="btree_not_null"
    )
    put_aside = fields.Boolean(
        "Put aside",
        readonly=True,
        help="Somebody decided that it is wrong: it is not used whatever comes again, "
        "until somebody accepts it.",
    )
    received_at = fields.Datetime("Received", readonly=True)
    note = fields.Char(readonly=True, help="Why it was estimated, or a remark.")
    verdict_ids = fields.One2many(
        "amr.reading.verdict", "reading_id", "Findings", readonly=True
    )
    community_id = fields.Many2one(related="meter_id.community_id", string="Community")
    point_id = fields.Many2one(related="meter_id.point_id", string="Metering point")
    uom_name = fields.Char(related="meter_id.uom_name")
    company_id = fields.Many2one("res.company", required=True, readonly=True)

    _key_unique = models.Constraint(
        "UNIQUE (meter_id, register, kind, read_at, index)",
        "This reading exists already.",
    )
    _latest = models.Index("(meter_id, read_at DESC)")
    _usable = models.Index(
        "(meter_id, register, read_at DESC, id DESC) INCLUDE (index, kind) "
        "WHERE superseded_by_id IS NULL AND quality <> 'suspect'"
    )
    _suspect = models.Index("(meter_id, read_at) WHERE quality = 'suspect'")
    _estimated = models.Index(
        "(meter_id) WHERE quality = 'estimated' AND superseded_by_id IS NULL"
    )
    _index_positive = models.Constraint(
        "CHECK (index >= 0 AND index < 1e12)",
        "An index is a number from 0 on, with 12 integer digits at most.",
    )

    def init(self):
        """Guard promise I9 in the database: raw readings stay as they were read."""
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION amr_reading_guard() RETURNS trigger AS $$
            BEGIN
                RAISE EXCEPTION
                    'Readings are never changed or deleted; supersede reading %', OLD.id
                    USING ERRCODE = 'restrict_violation';
            END $$ LANGUAGE plpgsql;
            CREATE OR REPLACE TRIGGER amr_reading_no_delete
                BEFORE DELETE ON amr_reading
                FOR EACH ROW EXECUTE FUNCTION amr_reading_guard();
            CREATE OR REPLACE TRIGGER amr_reading_no_update
                BEFORE UPDATE OF meter_id, register, read_at, kind, source, index
                ON amr_reading FOR EACH ROW
                WHEN (ROW(OLD.meter_id, OLD.register, OLD.read_at, OLD.kind,
                          OLD.source, OLD.index)
                      IS DISTINCT FROM
                      ROW(NEW.meter_id, NEW.register, NEW.read_at, NEW.kind,
                          NEW.source, NEW.index))
                EXECUTE FUNCTION amr_reading_guard();
            """
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("Readings are never deleted; supersede the wrong one.")
        )

    @api.model
    def _get_labels(self, name):
        """Return a selection in the user's language, for models that show it too."""
        return self._fields[name]._description_selection(self.env)

    def _usable_at(self, meters, moment, tolerance=None, register="total"):
        """Return, per meter, the usable reading at or nearest to a moment.

        :param meters: recordset of amr.meter
        :param datetime moment: naive UTC
        :param timedelta tolerance: how far away a reading may be, either side; None
            means exactly at the moment
        :return: ``{meter_id: amr.reading}``; a freeze wins over a spot reading
        """
        seconds = tolerance.total_seconds() if tolerance else 0
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (meter_id) meter_id, id
                  FROM amr_reading
                 WHERE meter_id = ANY(%(ids)s) AND register = %(register)s
                   AND superseded_by_id IS NULL AND quality <> 'suspect'
                   AND read_at BETWEEN %(moment)s - make_interval(secs => %(secs)s)
                                   AND %(moment)s + make_interval(secs => %(secs)s)
                 ORDER BY meter_id, abs(EXTRACT(epoch FROM read_at - %(moment)s)),
                          (kind IN ('daily', 'monthly')) DESC, quality = 'ok' DESC, id
                """,
                ids=list(meters.ids),
                register=register,
                moment=moment,
                secs=seconds,
            )
        )
        return {meter_id: self.browse(reading_id) for meter_id, reading_id in rows}
