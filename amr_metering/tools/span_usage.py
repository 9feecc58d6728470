from odoo import fields
from odoo.tools import SQL

# the usable index nearest to an end of a span, of readings and of interval readings
KNOWN_SQL = """
    (SELECT read_at, index FROM amr_reading r
      WHERE r.meter_id = s.id AND r.register = 'total' AND r.read_at BETWEEN %(between)s
        AND r.quality <> 'suspect' AND r.superseded_by_id IS NULL
      ORDER BY %(order)s LIMIT 1)
    UNION ALL
    (SELECT read_at, index FROM amr_interval i
      WHERE i.meter_id = s.id AND i.register = 'total' AND i.read_at BETWEEN %(between)s
        AND i.quality IN ('ok', 'estimated')
      ORDER BY %(order)s LIMIT 1)
"""
FIRST = SQL("GREATEST(s.date_from, s.begin_at) AND s.begin_at + s.slack")
# of a meter that was replaced within the span: what was read while it was there, and
# what was known shortly before the span
INSIDE = SQL("s.begin_at AND s.date_to")
SHORTLY_BEFORE = SQL("GREATEST(s.date_from, s.begin_at - s.slack) AND s.begin_at")
LAST = SQL(
    "GREATEST(s.date_from, s.begin_at, s.end_at - s.end_slack) "
    "AND LEAST(s.end_at, s.date_to)"
)


def span_usage_sql(query, spans, now=None):
    """Return a statement that gives the use of meters over spans of local time.

    A span is begun by the first usable reading within its slack, or by the opening
    index of an installation within the span; it is ended by the last usable reading
    within the slack before its end, or by the closing index of a meter that was
    replaced. Such a meter's part begins with whatever was read of it in the span, or
    was known within the slack before it: its closing index is worth nothing else. So
    use is measured, never guessed, and rather too small than too large.
    A register that rolled over counts on.

    :param query: ids of meters, a subselect in parentheses; what was measured by an
        earlier meter at the same metering point counts for the one that is there now
    :param dict spans: ``{name: (begin, end, begin slack, end slack)}``: two SQL
        expressions of local timestamps over ``today`` and ``now``, and two
        intervals as text
    :param datetime now: naive UTC
    :return: SQL of rows ``meter_id, utility_id, span, usage`` (in the utility's
        unit, factor applied); a span without readings at both ends is left out
    """
    values = SQL(", ").join(
        SQL("(%s, %s, %s, %s::interval, %s::interval)", name, *span)
        for name, span in spans.items()
    )
    return SQL(
        """
        WITH span AS MATERIALIZED (
            -- once a community, not once a meter
            SELECT c.id AS community_id, s.name, s.slack, s.end_slack,
                   s.begin_at AT TIME ZONE c.tz AT TIME ZONE 'UTC' AS begin_at,
                   s.end_at AT TIME ZONE c.tz AT TIME ZONE 'UTC' AS end_at
              FROM amr_community c
             CROSS JOIN LATERAL (
                SELECT l.now, l.now::date::timestamp AS today FROM (
                    SELECT %(now)s::timestamp AT TIME ZONE 'UTC' AT TIME ZONE c.tz
                        AS now) l) clock
             CROSS JOIN LATERAL (VALUES %(values)s)
                   s(name, begin_at, end_at, slack, end_slack)
        ), place AS (
            SELECT m.id AS present_id, m.utility_id, i.meter_id AS id, i.factor,
                   mm.digits, i.date_from, i.start_index, i.date_to,
                   i.end_index AS closing_index, s.*
              FROM amr_meter m
              JOIN span s ON s.community_id = m.community_id
              JOIN amr_installation i ON i.point_id = m.point_id
               AND i.date_from < s.end_at
               AND (i.date_to IS NULL OR i.date_to > s.begin_at)
              JOIN amr_meter o ON o.id = i.meter_id
              JOIN amr_meter_model mm ON mm.id = o.model_id
             WHERE m.active AND m.id = ANY(ARRAY%(query)s)
        ), ends AS (
            SELECT s.*, b.index AS begin_index, e.index AS end_index
              FROM place s
              JOIN LATERAL (
                SELECT s.start_index AS index
                 WHERE s.date_from >= s.begin_at AND s.date_from <= s.end_at
                 UNION ALL
                (SELECT k.index FROM (%(first)s) k
                  WHERE s.date_to IS NULL OR k.read_at < s.date_to
                  ORDER BY k.read_at LIMIT 1)
                 UNION ALL
                (SELECT k.index FROM (%(inside)s) k
                  WHERE s.date_to <= s.end_at AND k.read_at < s.date_to
                  ORDER BY k.read_at LIMIT 1)
                 UNION ALL
                (SELECT k.index FROM (%(before)s) k
                  WHERE s.date_to <= s.end_at ORDER BY k.read_at DESC LIMIT 1)
                 UNION ALL
                 SELECT s.start_index
                  WHERE s.date_to <= s.end_at AND s.date_from >= s.begin_at - s.slack
                 LIMIT 1) b ON true
              JOIN LATERAL (
                SELECT s.closing_index AS index WHERE s.date_to <= s.end_at
                 UNION ALL
                (SELECT k.index FROM (%(last)s) k
                  WHERE s.date_to IS NULL OR s.date_to > s.end_at
                  ORDER BY k.read_at DESC LIMIT 1)
                 LIMIT 1) e ON true
        )
        SELECT present_id AS meter_id, utility_id, name AS span,
               sum(factor * (end_index - begin_index
                   + CASE WHEN amr_rolled_over(begin_index, end_index, digits)
                          THEN 10 ^ digits::numeric ELSE 0 END)) AS usage
          FROM ends
         WHERE end_index >= begin_index
            OR amr_rolled_over(begin_index, end_index, digits)
         GROUP BY present_id, utility_id, name
        """,
        now=now or fields.Datetime.now(),
        query=query,
        values=values,
        first=SQL(KNOWN_SQL, between=FIRST, order=SQL("read_at")),
        inside=SQL(KNOWN_SQL, between=INSIDE, order=SQL("read_at")),
        before=SQL(KNOWN_SQL, between=SHORTLY_BEFORE, order=SQL("read_at DESC")),
        last=SQL(KNOWN_SQL, between=LAST, order=SQL("read_at DESC")),
    )
