from odoo import api, fields, models
from odoo.tools import SQL


class AmrTariffGap(models.Model):
    """Coverage check: where an agreement's life has no complete price.

    Rows exist while the gap does; each names the agreement, the days (local to its
    community) and what is missing. A bill over such days would be refused.
    """

    _name = "amr.tariff.gap"
    _description = "Gap in an agreement's prices"
    _auto = False
    _order = "date_from, agreement_id"
    _rec_name = "agreement_id"

    agreement_id = fields.Many2one("amr.agreement", "Supply agreement", readonly=True)
    account_id = fields.Many2one("amr.account", "Customer account", readonly=True)
    point_id = fields.Many2one("amr.metering.point", "Metering point", readonly=True)
    tariff_id = fields.Many2one("amr.tariff", readonly=True)
    version_id = fields.Many2one("amr.tariff.version", "Tariff version", readonly=True)
    community_id = fields.Many2one("amr.community", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    date_from = fields.Date("From", readonly=True)
    date_to = fields.Date(
        "To", readonly=True, help="First day that is covered again; empty: never."
    )
    problem = fields.Selection(
        [
            ("no_version", "No version of the tariff holds"),
            ("no_price", "The unit price is zero"),
            ("no_rates", "No prices of rates"),
            ("no_timetable", "No time table of rates"),
            ("no_first_step", "No step from 0"),
        ],
        readonly=True,
    )

    @property
    def _table_query(self):
        return SQL(
            """
            WITH life AS (
                SELECT a.id, a.account_id, a.point_id, a.tariff_id, a.community_id,
                       a.company_id, daterange(
                           (a.date_from AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::date,
                           ((a.date_to - INTERVAL '1 microsecond')
                            AT TIME ZONE 'UTC' AT TIME ZONE c.tz)::date + 1) AS days
                  FROM amr_agreement a JOIN amr_community c ON c.id = a.community_id
            ), covered AS (
                SELECT tariff_id, range_agg(daterange(date_from, date_to)) AS days
                  FROM amr_tariff_version GROUP BY tariff_id
            ), found AS (
                SELECT l.id, NULL::int AS version_id, 'no_version' AS problem,
                       unnest(datemultirange(l.days)
                              - coalesce(c.days, datemultirange())) AS days
                  FROM life l LEFT JOIN covered c ON c.tariff_id = l.tariff_id
                UNION ALL
                SELECT l.id, v.id, p.problem,
                       l.days * daterange(v.date_from, v.date_to)
                  FROM life l
                  JOIN amr_tariff_version v ON v.tariff_id = l.tariff_id
                   AND l.days && daterange(v.date_from, v.date_to)
                 CROSS JOIN LATERAL (
                    SELECT count(*) AS number, min(quantity_from) AS first
                      FROM amr_tariff_line WHERE version_id = v.id) n
                 CROSS JOIN LATERAL (
                    SELECT CASE
                        WHEN v.method = 'flat' AND v.price = 0 THEN 'no_price'
                        WHEN v.method = 'flat' THEN NULL
                        WHEN n.number = 0 THEN 'no_rates'
                        WHEN v.method = 'step' AND n.first > 0 THEN 'no_first_step'
                        WHEN v.method = 'tou' AND v.timetable_id IS NULL
                            THEN 'no_timetable' END AS problem) p
                 WHERE p.problem IS NOT NULL
            )
            SELECT row_number() OVER (ORDER BY f.id, lower(f.days), f.problem)::int
                       AS id,
                   f.id AS agreement_id, l.account_id, l.point_id, l.tariff_id,
                   f.version_id, l.community_id, l.company_id, f.problem,
                   lower(f.days) AS date_from, upper(f.days) AS date_to
              FROM found f JOIN life l ON l.id = f.id
            """
        )

    @api.model
    def _search(self, domain, *args, **kwargs):
        self.env["amr.agreement"].flush_model()
        self.env["amr.tariff.version"].flush_model()
        self.env["amr.tariff.line"].flush_model()
        self.invalidate_model(flush=False)  # rows are numbered anew each time
        return super()._search(domain, *args, **kwargs)
