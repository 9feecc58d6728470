def migrate(cr, version):
    """What was found once was found last when it was raised.

    The column was new once, and said the day of that update for every older exception.
    """
    cr.execute(
        """
        UPDATE amr_exception SET last_found_at = create_date
         WHERE found_count = 1 AND last_found_at > create_date + INTERVAL '1 minute'
        """
    )
