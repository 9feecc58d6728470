def migrate(cr, version):
    """Meters that a concentrator's list has get the time since when it has them.

    Without it nothing that a concentrator holds or pushes is taken until somebody has
    its list compared. Its last comparison saw them there, so they were there no later;
    where no comparison is known, as long as both have been entered.
    """
    cr.execute(
        """
        UPDATE amr_meter m
           SET listed_at = LEAST(
                   COALESCE(
                       GREATEST(one.compared_at, done.at),
                       GREATEST(m.create_date, one.create_date)
                   ),
                   now() AT TIME ZONE 'UTC'
               )
          FROM amr_concentrator one
          LEFT JOIN (
                SELECT concentrator_id, max(done_at) AS at
                  FROM amr_command
                 WHERE kind IN ('archive_download', 'archive_compare')
                   AND state = 'done'
                 GROUP BY concentrator_id
               ) done ON done.concentrator_id = one.id
         WHERE one.id = m.concentrator_id
           AND m.is_listed
           AND m.listed_at IS NULL
        """
    )
