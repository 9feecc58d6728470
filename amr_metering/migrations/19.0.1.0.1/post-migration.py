# Hours that came in before an exception was raised are none of its findings.
SINCE = "i.received_at >= e.create_date - INTERVAL '1 minute'"

# What a person had put aside as a freeze was called suspect as an hour.
ASIDE_SQL = """
    UPDATE amr_interval i SET quality = 'aside'
      FROM amr_reading r
     WHERE r.put_aside AND r.kind = 'daily' AND i.quality = 'suspect'
       AND i.meter_id = r.meter_id AND i.register = r.register
       AND i.read_at = r.read_at AND i.index = r.index
"""

HOURLY_SQL = f"""
    UPDATE amr_exception e SET hourly = true
     WHERE e.state = 'open' AND e.kind IN ('future', 'conflict', 'negative')
       AND e.reading_id IS NULL
       AND NOT EXISTS (SELECT 1 FROM amr_reading_verdict v WHERE v.exception_id = e.id)
       AND EXISTS (
            SELECT 1 FROM amr_interval i
             WHERE i.meter_id = e.meter_id AND i.quality = 'suspect' AND {SINCE})
"""

# Where an exception tells of readings, too, the hours get one of their own.
APART_SQL = f"""
    INSERT INTO amr_exception (
        kind, reason, meter_id, community_id, building_id, company_id, user_id, state,
        found_at, found_count, last_found_at, hourly, create_uid, create_date,
        write_uid, write_date)
    SELECT DISTINCT ON (e.meter_id)
           e.kind, e.reason, e.meter_id, e.community_id, e.building_id, e.company_id,
           e.user_id, e.state, i.read_at, 1, e.last_found_at, true, e.create_uid,
           e.create_date, e.write_uid, e.write_date
      FROM amr_exception e
      JOIN amr_interval i ON i.meter_id = e.meter_id AND i.quality = 'suspect'
       AND {SINCE}
     WHERE e.state = 'open' AND e.hourly IS NOT TRUE
       AND e.kind IN ('future', 'conflict', 'negative')
       AND NOT EXISTS (
            SELECT 1 FROM amr_exception h
             WHERE h.meter_id = e.meter_id AND h.hourly AND h.state = 'open'
               AND {SINCE.replace("e.", "h.")})
     ORDER BY e.meter_id, e.id, i.read_at
"""

# What exactly was found is not known any more where there are several exceptions.
VERDICT_SQL = f"""
    INSERT INTO amr_reading_verdict (
        kind, severity, meter_id, register, at, index, hourly, exception_id,
        community_id, building_id, point_id, utility_id, company_id, found_at)
    SELECT e.kind, 'suspect', i.meter_id, i.register, i.read_at, i.index, true,
           e.id, m.community_id, m.building_id, m.point_id, m.utility_id,
           m.company_id, i.received_at
      FROM amr_interval i
      JOIN LATERAL (
        SELECT e.id, e.kind FROM amr_exception e
         WHERE e.meter_id = i.meter_id AND e.hourly AND e.state = 'open' AND {SINCE}
         ORDER BY e.id LIMIT 1) e ON true
      JOIN amr_meter m ON m.id = i.meter_id
     WHERE i.quality = 'suspect'
    ON CONFLICT DO NOTHING
"""


def migrate(cr, version):
    """Hours that were held back are named by the exceptions that tell of them.

    Exceptions about hours had no findings: without them nobody could accept or put
    aside the hours there, and no right hour would answer them.
    """
    for statement in (ASIDE_SQL, HOURLY_SQL, APART_SQL, VERDICT_SQL):
        cr.execute(statement)
