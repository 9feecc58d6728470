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

# A meter ``m`` was asked for a freeze in the last month, and gave none, whatever else
# it sends. What has no freezes by its protocol is not asked for any.
ASKED_IN_VAIN = """
    EXISTS (SELECT 1 FROM amr_read_task_line l JOIN amr_read_task t ON t.id = l.task_id
             WHERE l.meter_id = {meter} AND l.state = 'missing' AND t.kind = 'daily'
               AND t.freeze_date > ({day})::date - 31
               AND t.freeze_date <= ({day})::date)
"""
