"""What follows from a delivery that the one door (``amr.reading._ingest``) took in.

``amr_reading_checked`` holds what is new by now, and nothing else.
"""

from .installed_sql import ASKED_IN_VAIN
from .reading_sql import VERDICT_COLUMNS

# The reading of a new row: looked up one by one by the key (OFFSET 0), whatever the
# planner believes a table that has just grown to hold.
READING = """
    CROSS JOIN LATERAL (
        SELECT r.id, r.received_at FROM amr_reading r
         WHERE r.meter_id = {0}.meter_id AND r.register = {0}.register
           AND r.kind = {0}.kind AND r.read_at = {0}.read_at AND r.index = {0}.index
        OFFSET 0) r
"""

# The first reading enables a meter; said here, that costs no update of its own. Only
# what nothing came after, but itself once more, can be the latest: that spares a sort.
LATEST_SQL = """
    UPDATE amr_meter m
       SET latest_index = r.index, latest_at = r.read_at,
           state = CASE m.state WHEN 'not_enabled' THEN 'normal' ELSE m.state END
      FROM (SELECT DISTINCT ON (c.meter_id) c.meter_id, c.index, c.read_at
              FROM amr_reading_checked c
             WHERE (c.after_at IS NULL OR c.after_at = c.read_at)
               AND c.register = 'total' AND c.source <> 'estimate'
               AND c.severity IS DISTINCT FROM 'suspect'
             ORDER BY c.meter_id, c.read_at DESC, c.line DESC) r
      JOIN amr_meter o ON o.id = r.meter_id
     WHERE m.id = r.meter_id
       AND (m.latest_at IS NULL OR m.latest_at <= r.read_at)
    RETURNING CASE WHEN o.state = 'not_enabled' THEN m.id END
"""

# Two deliveries at one moment do not see each other's readings. Whoever takes in what
# is not the latest writes its meter, too, so that the second waits for the first and is
# then refused by PostgreSQL (40001): Odoo does it again, and now it sees them.
TURN_SQL = """
    UPDATE amr_meter SET latest_at = latest_at
     WHERE id IN (SELECT meter_id FROM {})
       AND xmin <> pg_current_xact_id()::xid
"""

ANSWERED_SQL = """
    UPDATE amr_meter SET comm_fault_since = NULL
     WHERE comm_fault_since IS NOT NULL AND id IN (
        SELECT meter_id FROM amr_reading_span WHERE answered)
"""


VERDICT_SQL = f"""
    INSERT INTO amr_reading_verdict ({VERDICT_COLUMNS})
    SELECT e.rule_id, e.kind, e.severity, c.meter_id, r.id, c.register, c.read_at,
           c.before_index, c.index, c.usage, c.limit_value, m.community_id,
           m.building_id, m.point_id, m.utility_id, m.company_id,
           now() AT TIME ZONE 'UTC'
      FROM amr_reading_checked c
     CROSS JOIN LATERAL (VALUES (c.finding), (CASE WHEN c.skew THEN 'skew' END),
                                (CASE WHEN c.late THEN 'late' END)) f(kind)
      JOIN amr_vee_effective e ON e.place = c.place AND e.kind = f.kind
      JOIN amr_meter m ON m.id = c.meter_id
      {READING.format("c")}
     WHERE c.finding IS NOT NULL OR c.skew OR c.late
     ORDER BY c.line
    ON CONFLICT DO NOTHING
    RETURNING id, kind, severity
"""

# What came in a second time: in the delivery more than once, or known before it.
DUPLICATE_SQL = f"""
    INSERT INTO amr_reading_verdict ({VERDICT_COLUMNS})
    SELECT e.rule_id, e.kind, e.severity, m.id, r.id, s.register, s.read_at, NULL,
           s.index, NULL, NULL, m.community_id, m.building_id, m.point_id, m.utility_id,
           m.company_id, now() AT TIME ZONE 'UTC'
      FROM (SELECT meter_id, register, read_at, kind, index, count(*) AS times
              FROM amr_reading_stage WHERE meter_id IS NOT NULL
             GROUP BY meter_id, register, read_at, kind, index) s
      {READING.format("s")}
      JOIN amr_meter m ON m.id = s.meter_id
      JOIN amr_vee_effective e ON e.kind = 'duplicate'
           AND e.company_id = m.company_id AND e.utility_id = m.utility_id
           AND e.community_id IS NOT DISTINCT FROM m.community_id
     WHERE s.times > 1 OR r.received_at < now() AT TIME ZONE 'UTC'
    ON CONFLICT DO NOTHING
    RETURNING id, kind, severity
"""

# An estimate gives way to what was read at its time, and to what was read next to it
# and contradicts it.
SUPERSEDE_SQL = f"""
    WITH guess AS MATERIALIZED (
        SELECT id, meter_id, register, read_at, kind, index FROM amr_reading
         WHERE quality = 'estimated' AND superseded_by_id IS NULL
           AND meter_id IN (SELECT meter_id FROM amr_reading_span)
    )
    UPDATE amr_reading k SET superseded_by_id = r.id
      FROM guess e
      JOIN amr_reading_checked c ON c.meter_id = e.meter_id
           AND c.register = e.register AND c.severity IS DISTINCT FROM 'suspect'
           AND (e.read_at = c.read_at AND (e.kind = c.kind OR c.source <> 'estimate')
                OR c.source <> 'estimate' AND e.read_at < c.read_at
                   AND c.index < e.index
                   AND (c.before_at IS NULL OR e.read_at > c.before_at)
                   AND NOT amr_rolled_over(e.index, c.index, c.digits)
                OR c.source <> 'estimate' AND e.read_at > c.read_at
                   AND e.index < c.index
                   AND (c.after_at IS NULL OR c.after_at = c.read_at
                        OR e.read_at < c.after_at)
                   AND NOT amr_rolled_over(c.index, e.index, c.digits))
      {READING.format("c")}
     WHERE k.id = e.id AND r.id <> e.id
"""

# It may be tomorrow already where the meter hangs.
HERE_TODAY = "now() + interval '1 day'"

# Exceptions that a good reading of this delivery has answered: the meter was read, has
# moved again, or what was read next fits what was read before the suspect one. Of
# several suspects each must be followed by such a reading, now or before; one that was
# delivered before the suspect says nothing about it.
ANSWERS_SQL = f"""
    WITH fitting AS MATERIALIZED (
        SELECT c.* FROM amr_reading_checked c
         WHERE c.severity IS NULL AND c.source <> 'estimate' AND c.meter_id IN (
            SELECT meter_id FROM amr_exception WHERE state = 'open')
    ), open AS MATERIALIZED (
        SELECT e.id, e.kind, e.meter_id, e.found_at, e.create_date
          FROM amr_exception e
         WHERE e.state = 'open' AND e.meter_id IN (SELECT meter_id FROM fitting)
           AND e.kind IN ('missing', 'static', 'future', 'negative', 'rollover', 'high')
    ), answer AS MATERIALIZED (
        SELECT e.id AS exception_id, n.register, n.read_at, n.kind, n.index,
               n.received_at >= s.received_at AND NOT EXISTS (
                    SELECT 1 FROM amr_reading_verdict f
                     WHERE f.reading_id = n.id
                       AND f.kind NOT IN ('skew', 'late', 'duplicate')) AS fits
          FROM open e
          JOIN amr_reading_verdict v ON v.exception_id = e.id
          JOIN amr_reading s ON s.id = v.reading_id AND s.quality = 'suspect'
          LEFT JOIN LATERAL (
            SELECT r.* FROM amr_reading r
             WHERE r.meter_id = s.meter_id AND r.register = s.register
               AND r.quality = 'ok' AND r.superseded_by_id IS NULL
               AND r.read_at >= s.read_at
               AND (r.read_at, r.kind, r.index) > (s.read_at, s.kind, s.index)
             ORDER BY r.read_at, r.kind, r.index LIMIT 1) n ON true
         WHERE e.kind IN ('negative', 'rollover', 'high')
    )
    SELECT DISTINCT ON (e.id) e.id, c.index::text, c.read_at
      FROM open e JOIN fitting c ON c.meter_id = e.meter_id
     WHERE e.kind = 'missing' AND c.read_at >= e.found_at
           -- freezes the night missed are answered by a freeze, if it sends any
           AND (c.kind IN ('daily', 'monthly') OR NOT EXISTS (
                SELECT 1 FROM amr_reading_verdict v
                 WHERE v.exception_id = e.id AND v.kind = 'missing')
                OR NOT EXISTS (
                SELECT 1 FROM amr_reading r
                 WHERE r.meter_id = e.meter_id AND r.kind IN ('daily', 'monthly'))
                AND NOT {ASKED_IN_VAIN.format(meter="e.meter_id", day=HERE_TODAY)})
        OR e.kind = 'static' AND c.index > c.before_index AND c.read_at > e.found_at
        OR e.kind = 'future' AND c.read_at >= e.create_date
        OR EXISTS (
            SELECT 1 FROM answer a
             WHERE a.exception_id = e.id AND a.register = c.register
               AND a.read_at = c.read_at AND a.kind = c.kind AND a.index = c.index)
           AND NOT EXISTS (
            SELECT 1 FROM answer a
             WHERE a.exception_id = e.id AND a.fits IS NOT TRUE)
     ORDER BY e.id, c.read_at DESC
"""

FUNCTIONS_SQL = """
    CREATE OR REPLACE FUNCTION amr_rolled_over(
        before_index numeric, after_index numeric, digits integer
    ) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
        SELECT before_index >= 0.95 * 10 ^ digits
           AND after_index <= 0.05 * 10 ^ digits
    $$;
    DROP FUNCTION IF EXISTS amr_fall(
        integer, varchar, timestamp, numeric, timestamp, numeric, integer, numeric);
    CREATE OR REPLACE FUNCTION amr_factor_at(
        meter integer, at timestamp
    ) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
    BEGIN
        -- of the use that ends at this time
        RETURN COALESCE(
            (SELECT i.factor FROM amr_installation i
              WHERE i.meter_id = meter AND i.date_from < at
              ORDER BY i.date_from DESC LIMIT 1),
            (SELECT m.factor FROM amr_meter m WHERE m.id = meter));
    END $$;
"""
