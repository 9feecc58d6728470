from odoo.tools import SQL


def lock_rows(records):
    """Wait for other transactions that hold these rows, then read them anew.

    Rows may be referenced meanwhile (readings of a meter go on). Under repeatable read
    PostgreSQL refuses the lock when the row was changed after this transaction began;
    Odoo then runs the transaction again, so that is nothing to log.

    :raises psycopg2.errors.SerializationFailure: this transaction's view is stale
    """
    records.env.flush_all()
    records.env.cr.execute(
        SQL(
            "SELECT id FROM %s WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            SQL.identifier(records._table),
            list(records.ids),
        ),
        log_exceptions=False,
    )
    records.invalidate_recordset()


def claim_rows(records):
    """Lock these rows, and send whoever waits for them back to the start.

    A new version of the rows makes the other transaction's view stale; Odoo runs it
    again, and it sees what this one has done.

    :raises psycopg2.errors.SerializationFailure: this transaction's view is stale
    """
    lock_rows(records)
    records.env.cr.execute(
        SQL(
            "UPDATE %s SET write_date = write_date WHERE id = ANY(%s)",
            SQL.identifier(records._table),
            list(records.ids),
        )
    )
