"""Since when a meter is where it is (decision 0020).

A new factor begins an installation of its own; to whoever asks for the meter they are
one.
"""

# The first of the last installations in unbroken succession of a meter ``m``.
INSTALLED_SQL = """
    SELECT i.date_from, i.start_index FROM amr_installation i
     WHERE i.meter_id = m.id AND NOT EXISTS (
            SELECT 1 FROM amr_installation o
             WHERE o.meter_id = i.meter_id AND o.point_id = i.point_id
               AND o.date_to = i.date_from)
     ORDER BY i.date_from DESC LIMIT 1
"""
