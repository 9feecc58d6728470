"""The rules that look at days rather than at one reading, each one statement.

Parameters: ``community``, ``day`` (the local day looked at), ``start`` and ``end``
(naive UTC: its midnights), ``month`` (naive UTC: the midnight its month begins with),
``month_day`` (the first day of that month), ``noons`` (naive UTC: the local noons from
the one before the first day whose use matters to the one after ``day``), ``first`` and
``last`` (the first and last of them).
"""

from .installed_sql import ASKED_IN_VAIN, INSTALLED_SQL
from .reading_sql import VERDICT_COLUMNS

# The meters of the community, once and with statistics: without them the planner takes
# ten thousand meters for one. Which rules hold is known by place, not by meter.
METERS_SQL = """
    ANALYZE amr_vee_effective;
    DROP TABLE IF EXISTS amr_vee_meter;
    CREATE TEMPORARY TABLE amr_vee_meter ON COMMIT DROP AS
    SELECT m.id, m.factor, m.relay_state, m.community_id, m.building_id, m.point_id,
           m.utility_id, m.company_id, mm.digits, mm.protocol, e.place,
           EXISTS (SELECT 1 FROM amr_installation i
                    WHERE i.meter_id = m.id AND i.date_to > %(first)s) AS seam
      FROM amr_meter m
      JOIN amr_meter_model mm ON mm.id = m.model_id
      JOIN (SELECT DISTINCT place, community_id, utility_id, company_id
              FROM amr_vee_effective) e
        ON e.community_id = m.community_id AND e.utility_id = m.utility_id
       AND e.company_id = m.company_id
     WHERE m.community_id = %(community)s AND m.active AND m.point_id IS NOT NULL;
    CREATE INDEX ON amr_vee_meter (id);
    ANALYZE amr_vee_meter;
"""

# Use of the day, of the days before it (rule "spike"), of the days compared with the
# sub-meters ("sum") and of the month, from the use of each day between two freezes; a
# register may have gone through zero. A freeze belongs to the midnight it is within
# twelve hours of; one that was read goes before an estimate. Where the factor changed
# on the way (``seam``), each part has its own. Days count backwards: 0 is the day
# looked at. One look at the index a meter, however long the history is.
USAGE_SQL = """
    DROP TABLE IF EXISTS amr_vee_usage;
    CREATE TEMPORARY TABLE amr_vee_usage ON COMMIT DROP AS
    WITH span AS MATERIALIZED (
        SELECT place, max(days) FILTER (WHERE kind = 'spike') AS past,
               max(days) FILTER (WHERE kind = 'sum') AS span
          FROM amr_vee_effective GROUP BY place
    )
    SELECT m.id AS meter_id, u.day_usage,
           u.past_usage / NULLIF(u.past_days, 0) AS past_average, u.past_days,
           u.span_usage, u.span_days, u.month_usage, u.month_days
      FROM amr_vee_meter m
      JOIN span s USING (place)
     CROSS JOIN LATERAL (
        SELECT sum(step) FILTER (WHERE ago = 0) AS day_usage,
               sum(step) FILTER (WHERE ago BETWEEN 1 AND s.past) AS past_usage,
               count(*) FILTER (WHERE ago BETWEEN 1 AND s.past) AS past_days,
               sum(step) FILTER (WHERE ago < s.span) AS span_usage,
               count(*) FILTER (WHERE ago < s.span) AS span_days,
               sum(step) FILTER (WHERE ago <= %(day)s::date - %(month_day)s::date)
                   AS month_usage,
               count(*) FILTER (WHERE ago <= %(day)s::date - %(month_day)s::date)
                   AS month_days
          FROM (
            SELECT ago, COALESCE(
                       CASE WHEN m.seam
                            THEN amr_measured(m.id, 'total', read_at, next_at, index,
                                              next_index, m.digits) END,
                       m.factor * (next_index - index
                            + CASE WHEN next_index < index THEN 10::numeric ^ m.digits
                                   ELSE 0 END)) AS step
              FROM (
                SELECT ago, index, read_at, LAG(index) OVER w AS next_index,
                       LAG(ago) OVER w AS next_ago, LAG(read_at) OVER w AS next_at
                  FROM (
                    SELECT DISTINCT ON (ago) r.index, r.read_at,
                           cardinality(%(noons)s::timestamp[]) - 2
                           - width_bucket(r.read_at, %(noons)s::timestamp[]) AS ago
                      FROM amr_reading r
                     WHERE r.meter_id = m.id AND r.register = 'total'
                       AND r.kind = 'daily' AND r.superseded_by_id IS NULL
                       AND r.quality <> 'suspect'
                       AND r.read_at >= %(first)s AND r.read_at < %(last)s
                     ORDER BY ago, r.quality = 'ok' DESC, r.id) frozen
                WINDOW w AS (ORDER BY ago)) pair
             WHERE next_ago = ago - 1) used) u;
    CREATE INDEX ON amr_vee_usage (meter_id);
    ANALYZE amr_vee_usage;
"""


def verdicts(kind, select):
    """Return the statement that records what ``select`` finds.

    :param str select: SQL of rows ``meter_id, at, before_index, index, usage,
        limit_value`` from ``ruled``: meters, each with the rule that holds for it
    """
    return f"""
    WITH ruled AS (
        SELECT m.*, e.rule_id, e.severity, e.limit_value, e.days, e.least
          FROM amr_vee_effective e JOIN amr_vee_meter m USING (place)
         WHERE e.kind = '{kind}'
    ), found (meter_id, at, before_index, index, usage, limit_value) AS ({select})
    INSERT INTO amr_reading_verdict ({VERDICT_COLUMNS})
    SELECT m.rule_id, '{kind}', m.severity, m.id, NULL, 'total', f.at, f.before_index,
           f.index, f.usage, f.limit_value, m.community_id, m.building_id, m.point_id,
           m.utility_id, m.company_id, now() AT TIME ZONE 'UTC'
      FROM found f JOIN ruled m ON m.id = f.meter_id
    ON CONFLICT DO NOTHING
    RETURNING id
    """


SPIKE = """
    SELECT m.id, %(start)s::timestamp, NULL::numeric, NULL::numeric, u.day_usage,
           u.past_average
      FROM ruled m
      JOIN amr_vee_usage u ON u.meter_id = m.id
     WHERE u.past_days >= LEAST(7, m.days)
       AND u.day_usage > m.limit_value * u.past_average
       AND u.day_usage - u.past_average >= m.least
"""

# Since when it stands still is part of the finding: one verdict a standstill.
STATIC = """
    SELECT m.id, since.read_at, last.index, last.index, 0, m.days
      FROM ruled m
     CROSS JOIN LATERAL (
        SELECT r.read_at, r.index FROM amr_reading r
         WHERE r.meter_id = m.id AND r.register = 'total' AND r.quality = 'ok'
           AND r.superseded_by_id IS NULL AND r.read_at <= %(end)s
         ORDER BY r.read_at DESC LIMIT 1) last
     CROSS JOIN LATERAL (
        SELECT r.index FROM amr_reading r
         WHERE r.meter_id = m.id AND r.register = 'total' AND r.quality = 'ok'
           AND r.superseded_by_id IS NULL
           AND r.read_at <= %(end)s::timestamp - m.days * interval '1 day'
         ORDER BY r.read_at DESC LIMIT 1) old
     CROSS JOIN LATERAL (
        SELECT min(r.read_at) AS read_at FROM amr_reading r
         WHERE old.index = last.index AND r.meter_id = m.id AND r.register = 'total'
           AND r.quality = 'ok' AND r.superseded_by_id IS NULL
           AND r.read_at > COALESCE((
                SELECT max(o.read_at) FROM amr_reading o
                 WHERE o.meter_id = m.id AND o.register = 'total' AND o.quality = 'ok'
                   AND o.superseded_by_id IS NULL AND o.index <> last.index),
                '-infinity')) since
      JOIN amr_agreement g ON g.point_id = m.point_id AND g.date_from <= since.read_at
           AND (g.date_to IS NULL OR g.date_to > %(end)s)
     WHERE old.index = last.index AND m.relay_state IS DISTINCT FROM 'open'
       AND last.read_at > %(end)s::timestamp - m.days * interval '1 day'
       AND last.read_at - since.read_at >= m.days * interval '1 day'
"""

# The first freeze that is missing is part of the finding: one verdict a gap, and one
# more in each month it lasts, because somebody may have closed the exception without
# mending anything. A meter that never sent anything is silent since it was installed;
# one that is read at other times only is not one that sends freezes, unless it was
# asked for them in vain.
MISSING = f"""
    SELECT m.id, GREATEST(f.read_at + interval '1 day', %(month)s::timestamp),
           NULL::numeric, NULL::numeric, NULL::numeric, m.days
      FROM ruled m
     CROSS JOIN LATERAL ({INSTALLED_SQL}) i
     CROSS JOIN LATERAL (
        SELECT CASE WHEN max(r.read_at) IS NOT NULL
                      OR {ASKED_IN_VAIN.format(meter="m.id", day="%(day)s")}
                      OR NOT EXISTS (
                        SELECT 1 FROM amr_reading a
                         WHERE a.meter_id = m.id AND a.quality = 'ok'
                           AND a.superseded_by_id IS NULL)
                    THEN GREATEST(max(r.read_at), i.date_from) END AS read_at
          FROM amr_reading r
         WHERE r.meter_id = m.id AND r.register = 'total' AND r.kind = 'daily'
           AND r.quality = 'ok' AND r.superseded_by_id IS NULL
           AND r.read_at < %(end)s::timestamp + interval '12 hours') f
     WHERE m.protocol <> 'manual'
       AND f.read_at < %(end)s::timestamp - (m.days - 1) * interval '1 day'
                       - interval '12 hours'
"""

SUM = """
    SELECT m.id, %(month)s::timestamp, NULL::numeric, NULL::numeric, own.span_usage,
           sum(sub.span_usage)
      FROM ruled m
      JOIN amr_metering_point master ON master.meter_id = m.id
           AND master.kind = 'master'
      JOIN amr_metering_point child ON child.parent_id = master.id AND child.active
           AND child.utility_id = master.utility_id AND child.meter_id IS NOT NULL
      JOIN amr_vee_usage own ON own.meter_id = m.id AND own.span_days = m.days
      LEFT JOIN amr_vee_usage sub ON sub.meter_id = child.meter_id
           AND sub.span_days = m.days
     GROUP BY m.id, own.span_usage, m.limit_value, m.least
    HAVING count(*) = count(sub.span_usage)
       AND abs(own.span_usage - sum(sub.span_usage))
           > GREATEST(m.limit_value / 100 * own.span_usage, m.least)
"""

# Where nobody ever had an agreement, use is tests and building work, not theft.
VACANT = f"""
    SELECT m.id, %(month)s::timestamp, a.index, b.index, u.usage, m.least
      FROM ruled m
      JOIN amr_metering_point p ON p.id = m.point_id AND p.kind = 'normal'
     CROSS JOIN LATERAL ({INSTALLED_SQL}) i
     CROSS JOIN LATERAL (
        SELECT max(g.date_to) AS ended FROM amr_agreement g
         WHERE g.point_id = m.point_id AND g.date_to <= %(end)s) past
     CROSS JOIN LATERAL (
        SELECT r.index, r.read_at FROM amr_reading r
         WHERE r.meter_id = m.id AND r.register = 'total' AND r.quality = 'ok'
           AND r.superseded_by_id IS NULL AND r.read_at <= %(end)s
           AND r.read_at >= GREATEST(past.ended, i.date_from, %(month)s::timestamp)
         ORDER BY r.read_at LIMIT 1) a
     CROSS JOIN LATERAL (
        SELECT r.index, r.read_at FROM amr_reading r
         WHERE r.meter_id = m.id AND r.register = 'total' AND r.quality = 'ok'
           AND r.superseded_by_id IS NULL AND r.read_at <= %(end)s
         ORDER BY r.read_at DESC LIMIT 1) b
     CROSS JOIN LATERAL (
        SELECT amr_measured(m.id, 'total', a.read_at, b.read_at, a.index, b.index,
                            m.digits) AS usage
        OFFSET 0) u
     WHERE past.ended IS NOT NULL AND b.index > a.index AND u.usage >= m.least
       AND NOT EXISTS (SELECT 1 FROM amr_agreement g
                        WHERE g.point_id = m.point_id AND g.date_from < %(end)s
                          AND (g.date_to IS NULL OR g.date_to >= %(end)s))
"""

# Manual S2 11: what a test card let through before the opening is not charged.
TEST = f"""
    SELECT m.id, g.date_from, i.start_index, r.index,
           amr_measured(m.id, 'total', i.date_from, r.read_at, i.start_index, r.index,
                        m.digits), 0
      FROM ruled m
     CROSS JOIN LATERAL ({INSTALLED_SQL}) i
      JOIN amr_agreement g ON g.point_id = m.point_id AND g.date_from <= %(end)s
           AND g.date_from > i.date_from
           AND g.date_from > %(end)s::timestamp - interval '35 days'
     CROSS JOIN LATERAL (
        SELECT o.index, o.read_at FROM amr_reading o
         WHERE o.meter_id = m.id AND o.register = 'total' AND o.quality = 'ok'
           AND o.superseded_by_id IS NULL AND o.read_at <= g.date_from
           AND o.read_at > i.date_from
         ORDER BY o.read_at DESC LIMIT 1) r
     WHERE r.index > i.start_index
       AND NOT EXISTS (SELECT 1 FROM amr_agreement o
                        WHERE o.point_id = m.point_id AND o.date_from < g.date_from)
"""


def month_limit(condition, limit):
    """Return the selection of meters whose use of the month is beyond a limit."""
    return f"""
    SELECT m.id, %(month)s::timestamp, NULL::numeric, NULL::numeric, u.month_usage,
           v.{limit}
      FROM ruled m
      JOIN amr_vee_usage u ON u.meter_id = m.id
      JOIN amr_agreement g ON g.point_id = m.point_id AND g.date_from < %(end)s
           AND (g.date_to IS NULL OR g.date_to >= %(end)s)
      JOIN amr_tariff_version v ON v.tariff_id = g.tariff_id AND v.date_from <= %(day)s
           AND (v.date_to IS NULL OR v.date_to > %(day)s)
     WHERE v.{limit} > 0 AND {condition}
    """


HIGH = month_limit("u.month_usage > v.normal_max", "normal_max")
# a month has too little only when all of it is known
LOW = month_limit(
    "u.month_usage < v.normal_min "
    "AND %(day)s::date + 1 = %(month_day)s::date + interval '1 month' "
    "AND u.month_days = %(day)s::date - %(month_day)s::date + 1",
    "normal_min",
)

NIGHT_RULES = {
    "spike": SPIKE,
    "static": STATIC,
    "missing": MISSING,
    "sum": SUM,
    "vacant": VACANT,
    "test": TEST,
    "high": HIGH,
    "low": LOW,
}
