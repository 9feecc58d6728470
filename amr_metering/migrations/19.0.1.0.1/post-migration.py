def migrate(cr, version):
    """Hours that were held back are named by the exceptions that tell of them.

    Exceptions about hours had no findings: without them nobody could accept or put
    aside the hours there, and no right hour would answer them.
    """
    cr.execute(
        """
        UPDATE amr_exception e SET hourly = true
         WHERE e.state = 'open' AND e.kind IN ('future', 'conflict', 'negative')
           AND e.reading_id IS NULL
           AND NOT EXISTS (
                SELECT 1 FROM amr_reading_verdict v WHERE v.exception_id = e.id)
           AND EXISTS (
                SELECT 1 FROM amr_interval i
                 WHERE i.meter_id = e.meter_id AND i.quality = 'suspect')
        """
    )
    # what exactly was found is not known any more where there are several exceptions
    cr.execute(
        """
        INSERT INTO amr_reading_verdict (
            kind, severity, meter_id, register, at, index, hourly, exception_id,
            community_id, building_id, point_id, utility_id, company_id, found_at)
        SELECT e.kind, 'suspect', i.meter_id, i.register, i.read_at, i.index, true,
               e.id, m.community_id, m.building_id, m.point_id, m.utility_id,
               m.company_id, i.received_at
          FROM amr_interval i
          JOIN LATERAL (
            SELECT id, kind FROM amr_exception
             WHERE meter_id = i.meter_id AND hourly AND state = 'open'
             ORDER BY id LIMIT 1) e ON true
          JOIN amr_meter m ON m.id = i.meter_id
         WHERE i.quality = 'suspect'
        ON CONFLICT DO NOTHING
        """
    )
