"""Tables that PostgreSQL itself partitions by month (its manual, 5.11.2)."""

from datetime import date

from dateutil.relativedelta import relativedelta

from odoo.tools import SQL
from odoo.tools.sql import table_kind

MONTHS_AHEAD = 3

KEEP_SQL = """
    CREATE OR REPLACE FUNCTION amr_keep_measured() RETURNS trigger AS $$
    BEGIN
        RAISE EXCEPTION 'What was measured is never changed or deleted: %%', OLD.id
            USING ERRCODE = 'restrict_violation';
    END $$ LANGUAGE plpgsql
"""


def partition_by_month(cr, table, columns, measured):
    """Make a table partitioned by the month (UTC) of ``read_at``, unless it is there.

    :param str columns: what stands between the parentheses of CREATE TABLE, without
        ``id``, which a sequence counts
    :param str measured: the columns, separated by commas, that nobody may update;
        rows may not be deleted (promise I9)
    """
    if table_kind(cr, table):
        return
    name = SQL.identifier(table)
    sequence = f"{table}_id_seq"
    cr.execute(SQL("CREATE SEQUENCE %s", SQL.identifier(sequence)))
    cr.execute(
        SQL(
            "CREATE TABLE %s (id bigint NOT NULL DEFAULT nextval(%s), %s) "
            "PARTITION BY RANGE (read_at)",
            name,
            sequence,
            SQL(columns),
        )
    )
    # ids grow with time: a few kilobytes of BRIN find them, a B-tree would cost 1 GB
    # on 50 million rows
    cr.execute(SQL("CREATE INDEX ON %s USING brin (id)", name))
    cr.execute(SQL(KEEP_SQL))
    for event in ("DELETE", f"UPDATE OF {measured}"):
        cr.execute(
            SQL(
                "CREATE TRIGGER %s BEFORE %s ON %s FOR EACH ROW "
                "EXECUTE FUNCTION amr_keep_measured()",
                SQL.identifier(f"{table}_{event.split()[0].lower()}"),
                SQL(event),
                name,
            )
        )


def ensure_partitions(cr, table, days):
    """Make the partitions of the months of these days that are missing.

    :param days: dates; months between them that none is of get no partition
    :return: number of partitions made
    """
    made = 0
    for month in sorted({day.replace(day=1) for day in days}):
        partition = f"{table}_{month:%Y_%m}"
        if not table_kind(cr, partition):
            after = month + relativedelta(months=1)
            made += _make_partition(cr, table, partition, month, after)
    return made


def ensure_partitions_ahead(cr, table):
    """Make the partitions of this month and the next three, before data comes in."""
    today = date.today().replace(day=1)
    months = range(MONTHS_AHEAD + 1)
    return ensure_partitions(
        cr, table, [today + relativedelta(months=month) for month in months]
    )


def _make_partition(cr, table, partition, first, after):
    # two deliveries may be the first of a month at the same time
    cr.execute(SQL("SELECT pg_advisory_xact_lock(hashtext(%s))", partition))
    if table_kind(cr, partition):
        return 0
    names = {"table": SQL.identifier(table), "partition": SQL.identifier(partition)}
    # attached, not created as a partition: that would lock out who reads the table
    cr.execute(
        SQL(
            "CREATE TABLE %(partition)s "
            "(LIKE %(table)s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            **names,
        )
    )
    cr.execute(
        SQL(
            "ALTER TABLE %(table)s ATTACH PARTITION %(partition)s "
            "FOR VALUES FROM (%(first)s) TO (%(after)s)",
            first=f"{first:%Y-%m-%d}",
            after=f"{after:%Y-%m-%d}",
            **names,
        )
    )
    return 1
