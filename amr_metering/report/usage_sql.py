"""SQL that consumption reports share (decision 0013).

Consumption is always the difference of two usable indexes of one installation, times
the factor that was in force there (0020). An index at a boundary is the last one known
at or before it, so neighbouring periods share it: nothing is counted twice, and nothing
gets lost.
"""

from odoo.tools import SQL

from ..models.amr_meter_rates import RATES

USABLE = SQL("r.superseded_by_id IS NULL AND r.quality <> 'suspect'")

# Where an installation is. Its community is where it was then, not where the meter is.
PLACE = SQL(
    """
    i.id AS installation_id, i.meter_id, i.point_id, p.kind AS point_kind,
    p.room_id, p.building_id, i.community_id, i.company_id, p.utility_id, i.factor
    """
)

INSTALLED = SQL(
    """
    amr_installation i
    JOIN amr_metering_point p ON p.id = i.point_id
    JOIN amr_meter m ON m.id = i.meter_id
    JOIN amr_meter_model mm ON mm.id = m.model_id
    JOIN amr_community c ON c.id = i.community_id
    """
)

# Local midnights as UTC; needs c and a period d with first (date) and after (date).
BOUNDS = SQL(
    """
    CROSS JOIN LATERAL (
        SELECT d.first::timestamp AT TIME ZONE c.tz AT TIME ZONE 'UTC' AS begin_at,
               d.after::timestamp AT TIME ZONE c.tz AT TIME ZONE 'UTC' AS end_at
    ) b
    """
)

INSTALLED_THEN = SQL(
    "i.date_from < b.end_at AND (i.date_to IS NULL OR i.date_to > b.begin_at)"
)

# Who had the metering point at the end of the period.
ACCOUNT = SQL(
    """
    (SELECT g.account_id FROM amr_agreement g
      WHERE g.point_id = i.point_id AND g.date_from < b.end_at
        AND (g.date_to IS NULL OR g.date_to > b.begin_at)
      ORDER BY g.date_from DESC LIMIT 1) AS account_id
    """
)

# Calendar months from the first installation to now.
MONTHS = SQL(
    """
    (SELECT month::date AS first, (month + INTERVAL '1 month')::date AS after
       FROM generate_series(
            date_trunc('month', (SELECT min(date_from) FROM amr_installation)),
            now() AT TIME ZONE 'UTC' + INTERVAL '1 day', '1 month') month) d
    """
)


def last_index(limit, kinds=None):
    """Return a query for the last usable reading of an installation up to a moment.

    :param SQL limit: the moment
    :param SQL kinds: condition on the readings, if not all kinds count
    """
    return SQL(
        """
        SELECT r.read_at, r.index FROM amr_reading r
         WHERE r.meter_id = i.meter_id AND r.register = 'total' AND %(usable)s
           AND r.read_at >= i.date_from AND r.read_at <= %(limit)s AND %(kinds)s
         ORDER BY r.read_at DESC, r.id DESC LIMIT 1
        """,
        usable=USABLE,
        limit=limit,
        kinds=kinds or SQL("true"),
    )


# Consumption of each rate between the very readings of the total ``s`` and ``e``: so
# the rates add up to it. NULL where a rate was not read with it.
RATE_USAGE = SQL(
    """
    LEFT JOIN LATERAL (
        SELECT %(steps)s FROM amr_reading r
         WHERE r.meter_id = i.meter_id AND r.register <> 'total' AND %(usable)s
           AND r.read_at IN (s.at, e.at)
    ) q ON e.at > s.at
    """,
    usable=USABLE,
    steps=SQL(", ").join(
        SQL(
            """
            amr_index_step(
                max(r.index) FILTER (WHERE r.register = %(rate)s AND r.read_at = s.at),
                max(r.index) FILTER (WHERE r.register = %(rate)s AND r.read_at = e.at),
                mm.digits) * i.factor AS %(name)s
            """,
            rate=rate,
            name=SQL.identifier(rate),
        )
        for rate in RATES
    ),
)
RATE_COLUMNS = SQL(", ").join(SQL.identifier("q", rate) for rate in RATES)


def period_usage(periods, extra=None):
    """Return a query: consumption of every installation in every period.

    ``usage`` is NULL when the meter was not read inside the period: unknown, not zero.

    :param SQL periods: FROM item named d with columns first, after (dates)
    :param SQL extra: more columns
    """
    return SQL(
        """
        SELECT i.id::bigint * 100000 + (d.first - DATE '2000-01-01') AS id,
               d.first AS month, to_char(d.first, 'YYYY') AS year,
               to_char(d.first, 'MM') AS month_number, %(place)s, %(account)s,
               s.at AS start_at, s.index AS start_index,
               e.at AS end_at, e.index AS end_index,
               CASE WHEN e.at > s.at
                    THEN amr_index_between(i.meter_id, s.at, e.at, s.index, e.index,
                                           mm.digits) * i.factor END AS usage,
               CASE WHEN e.at IS NULL OR e.at <= s.at THEN 'none'
                    WHEN s.at = GREATEST(b.begin_at, i.date_from)
                     AND e.at = LEAST(b.end_at, i.date_to) THEN 'exact'
                    ELSE 'near' END AS coverage, %(rates)s
               %(extra)s
          FROM %(installed)s CROSS JOIN %(periods)s %(bounds)s
          LEFT JOIN LATERAL (%(before_start)s) r0 ON true
          LEFT JOIN LATERAL (%(before_end)s) r1 ON true
         CROSS JOIN LATERAL (
            SELECT COALESCE(r0.read_at, i.date_from) AS at,
                   COALESCE(r0.index, i.start_index) AS index) s
         CROSS JOIN LATERAL (
            SELECT CASE WHEN closed THEN i.date_to ELSE r1.read_at END AS at,
                   CASE WHEN closed THEN i.end_index ELSE r1.index END AS index
              FROM (SELECT i.date_to <= b.end_at AS closed) x) e
          %(rate_usage)s
         WHERE %(installed_then)s
        """,
        place=PLACE,
        rates=RATE_COLUMNS,
        rate_usage=RATE_USAGE,
        account=ACCOUNT,
        extra=SQL(", %s", extra) if extra else SQL(),
        installed=INSTALLED,
        periods=periods,
        bounds=BOUNDS,
        before_start=last_index(SQL("b.begin_at")),
        before_end=last_index(SQL("LEAST(b.end_at, i.date_to)")),
        installed_then=INSTALLED_THEN,
    )


# Consumption between two known indexes; only one that went backwards is looked at
# step by step, whether the register turned over on the way.
BETWEEN_SQL = """
    CREATE OR REPLACE FUNCTION amr_index_between(
        meter integer, from_at timestamp, to_at timestamp, from_index numeric,
        to_index numeric, digits integer
    ) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
    BEGIN
        IF to_index >= from_index THEN
            RETURN to_index - from_index;
        END IF;
        RETURN (
            SELECT sum(amr_index_step(before, after, digits)) FROM (
                SELECT LAG(index) OVER (ORDER BY at, id) AS before, index AS after
                  FROM (
                    SELECT r.read_at AS at, r.id, r.index FROM amr_reading r
                     WHERE r.meter_id = meter AND r.register = 'total'
                       AND r.superseded_by_id IS NULL AND r.quality <> 'suspect'
                       AND r.read_at > from_at AND r.read_at < to_at
                    UNION ALL SELECT from_at, 0, from_index
                    UNION ALL SELECT to_at, NULL, to_index) chain) step);
    END $$
"""

# Consumption of one register of a meter between two known indexes, with the factors of
# the installations on the way. What a register other than the total showed where one
# ended is a reading of that very moment; NULL when there is none.
MEASURED_SQL = """
    CREATE OR REPLACE FUNCTION amr_measured(
        meter integer, reg varchar, from_at timestamp, to_at timestamp,
        from_index numeric, to_index numeric, digits integer
    ) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
    BEGIN
        RETURN (
            SELECT CASE WHEN bool_and(used IS NOT NULL) THEN sum(used) END FROM (
                SELECT i.factor * amr_index_step(
                           CASE WHEN i.date_from > from_at
                                THEN CASE reg WHEN 'total' THEN i.start_index
                                     ELSE amr_shown(meter, reg, i.date_from) END
                                ELSE from_index END,
                           CASE WHEN i.date_to < to_at
                                THEN CASE reg WHEN 'total' THEN i.end_index
                                     ELSE amr_shown(meter, reg, i.date_to) END
                                ELSE to_index END,
                           digits) AS used
                  FROM amr_installation i
                 WHERE i.meter_id = meter AND i.date_from < to_at
                   AND (i.date_to IS NULL OR i.date_to > from_at)) part);
    END $$
"""

SHOWN_SQL = """
    CREATE OR REPLACE FUNCTION amr_shown(
        meter integer, reg varchar, at timestamp
    ) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
    BEGIN
        RETURN (
            SELECT r.index FROM amr_reading r
             WHERE r.meter_id = meter AND r.register = reg AND r.read_at = at
               AND r.superseded_by_id IS NULL AND r.quality <> 'suspect'
             ORDER BY r.id DESC LIMIT 1);
    END $$
"""
