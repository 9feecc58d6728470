"""The statements behind estimation, each for all meters at once."""

# The marks next to given times: what was read, and the ends of installations.
MARKS_SQL = """
    SELECT w.meter_id, w.moment, b.at, b.index::text, a.at, a.index::text
      FROM unnest(%(meters)s::int[], %(moments)s::timestamp[]) w(meter_id, moment)
      LEFT JOIN LATERAL (
        SELECT k.at, k.index FROM (
            (SELECT r.read_at AS at, r.index FROM amr_reading r
              WHERE r.meter_id = w.meter_id AND r.register = %(register)s
                AND r.quality = 'ok' AND r.superseded_by_id IS NULL
                AND r.read_at <= w.moment
              ORDER BY r.read_at DESC, r.kind IN ('daily', 'monthly') DESC LIMIT 1)
            UNION ALL
            (SELECT i.date_from, i.start_index FROM amr_installation i
              WHERE i.meter_id = w.meter_id AND %(register)s = 'total'
                AND i.date_from <= w.moment
              ORDER BY i.date_from DESC LIMIT 1)) k
         ORDER BY k.at DESC LIMIT 1) b ON true
      LEFT JOIN LATERAL (
        SELECT k.at, k.index FROM (
            (SELECT r.read_at AS at, r.index FROM amr_reading r
              WHERE r.meter_id = w.meter_id AND r.register = %(register)s
                AND r.quality = 'ok' AND r.superseded_by_id IS NULL
                AND r.read_at >= w.moment
              ORDER BY r.read_at, r.kind IN ('daily', 'monthly') DESC LIMIT 1)
            UNION ALL
            (SELECT i.date_to, i.end_index FROM amr_installation i
              WHERE i.meter_id = w.meter_id AND %(register)s = 'total'
                AND i.date_to >= w.moment AND i.end_index IS NOT NULL
              ORDER BY i.date_to LIMIT 1)
            UNION ALL
            (SELECT i.date_from, i.start_index FROM amr_installation i
              WHERE i.meter_id = w.meter_id AND %(register)s = 'total'
                AND i.date_from >= w.moment
              ORDER BY i.date_from LIMIT 1)) k
         ORDER BY k.at LIMIT 1) a ON true
"""

# Average use a day of the other meters under the same tariff in the same community.
# The use of each is found once, however many meters it is a neighbour of.
SIMILAR_SQL = """
    WITH own AS (
        SELECT m.id, g.tariff_id, m.community_id, m.utility_id
          FROM amr_meter m
          JOIN amr_agreement g ON g.point_id = m.point_id AND g.date_from <= %(at)s
               AND (g.date_to IS NULL OR g.date_to > %(at)s)
         WHERE m.id = ANY(%(meters)s)
    ), peer AS (
        SELECT k.*, m.id, m.factor, mm.digits,
               EXISTS (SELECT 1 FROM amr_installation i
                        WHERE i.meter_id = m.id AND i.date_to > %(since)s) AS seam
          FROM (SELECT DISTINCT tariff_id, community_id, utility_id FROM own) k
          JOIN amr_agreement o ON o.tariff_id = k.tariff_id
               AND o.community_id = k.community_id AND o.date_from <= %(at)s
               AND (o.date_to IS NULL OR o.date_to > %(at)s)
          JOIN amr_meter m ON m.point_id = o.point_id AND m.utility_id = k.utility_id
          JOIN amr_meter_model mm ON mm.id = m.model_id
    ), pace AS (
        SELECT p.id, p.tariff_id, p.community_id, p.utility_id,
               CASE WHEN p.seam  -- the factor may have changed on the way
                    THEN amr_measured(p.id, %(register)s, first.read_at, last.read_at,
                                      first.index, last.index, p.digits)
                    ELSE (last.index - first.index
                          + CASE WHEN last.index < first.index
                                 THEN 10::numeric ^ p.digits ELSE 0 END)
                         * p.factor END
               * 86400 / EXTRACT(epoch FROM last.read_at - first.read_at) AS pace
          FROM peer p
         CROSS JOIN LATERAL (
            SELECT r.read_at, r.index FROM amr_reading r
             WHERE r.meter_id = p.id AND r.register = %(register)s
               AND r.quality = 'ok' AND r.superseded_by_id IS NULL
               AND r.read_at BETWEEN %(since)s AND %(at)s
             ORDER BY r.read_at LIMIT 1) first
         CROSS JOIN LATERAL (
            SELECT r.read_at, r.index FROM amr_reading r
             WHERE r.meter_id = p.id AND r.register = %(register)s
               AND r.quality = 'ok' AND r.superseded_by_id IS NULL
               AND r.read_at BETWEEN %(since)s AND %(at)s
             ORDER BY r.read_at DESC LIMIT 1) last
         WHERE last.read_at - first.read_at >= interval '1 day'
    ), total AS (
        SELECT tariff_id, community_id, utility_id, sum(pace) AS pace,
               count(pace) AS meters
          FROM pace GROUP BY tariff_id, community_id, utility_id
    )
    SELECT o.id, ((t.pace - COALESCE(p.pace, 0)) / n.meters)::text, n.meters
      FROM own o
      JOIN total t USING (tariff_id, community_id, utility_id)
      LEFT JOIN pace p ON p.id = o.id
     CROSS JOIN LATERAL (SELECT t.meters - (p.pace IS NOT NULL)::int AS meters) n
     WHERE n.meters > 0
"""

# The factor in force from a moment on; the meter's own where it is installed nowhere.
FACTOR_SQL = """
    SELECT w.meter_id, COALESCE(i.factor, m.factor)::text
      FROM unnest(%(meters)s::int[], %(at)s::timestamp[]) w(meter_id, at)
      JOIN amr_meter m ON m.id = w.meter_id
      LEFT JOIN LATERAL (
        SELECT i.factor FROM amr_installation i
         WHERE i.meter_id = w.meter_id AND i.date_from <= w.at
         ORDER BY i.date_from DESC LIMIT 1) i ON true
"""

# What lies between two marks in units of the register as it counts later: where ratios
# changed on the way or after, each part is brought to the later factor. Only meters of
# which an installation ended.
USED_SQL = """
    SELECT w.meter_id,
           (amr_measured(w.meter_id, %(register)s, w.from_at, w.to_at, w.from_index,
                         w.to_index, mm.digits) / i.factor)::text
      FROM unnest(%(meters)s::int[], %(at)s::timestamp[], %(from_at)s::timestamp[],
                  %(to_at)s::timestamp[], %(from_index)s::numeric[],
                  %(to_index)s::numeric[])
               w(meter_id, at, from_at, to_at, from_index, to_index)
      JOIN amr_meter m ON m.id = w.meter_id
      JOIN amr_meter_model mm ON mm.id = m.model_id
     CROSS JOIN LATERAL (
        SELECT i.factor FROM amr_installation i
         WHERE i.meter_id = w.meter_id AND i.date_from <= w.at
         ORDER BY i.date_from DESC LIMIT 1) i
     WHERE EXISTS (SELECT 1 FROM amr_installation e
                    WHERE e.meter_id = w.meter_id
                      AND e.date_to > w.from_at AND e.date_to <= w.at)
"""
