# Run by `odoo shell`: `env` is there. Prints one JSON object a figure.
import json
import os
import sys
import time
from datetime import date

from odoo.addons.amr_metering.tools import ensure_partitions

sys.path.append("tests/bench")
from _estate import make_estate  # noqa: E402

HOURS = 8_760
ROWS = int(os.environ["BENCH_ROWS"])
METERS = max(ROWS // HOURS, 20)
cr = env.cr  # noqa: F821


def load():
    """Fill a year as it would come in: hour by hour, every meter each hour."""
    months = [date(2025, month, 1) for month in range(1, 13)]
    ensure_partitions(cr, "amr_interval", months)
    # indexes and foreign keys after the rows, as one loads any large table
    cr.execute(
        "ALTER TABLE amr_interval DROP CONSTRAINT amr_interval_pkey, "
        "DROP CONSTRAINT amr_interval_meter_id_fkey"
    )
    for month in range(1, 13):
        cr.execute(
            """
            INSERT INTO amr_interval (meter_id, register, read_at, index, source,
                                      quality, received_at)
            SELECT m, 'total', h, EXTRACT(epoch FROM h - '2025-01-01') / 3600 * 0.25,
                   'push', 'ok', h
              FROM generate_series(%(first)s::timestamp,
                                   %(first)s::timestamp + INTERVAL '1 month'
                                   - INTERVAL '1 hour', '1 hour') h,
                   unnest(%(meters)s) m
            """,
            {"first": date(2025, month, 1), "meters": meters},
        )
        cr.commit()
    cr.execute("SET maintenance_work_mem = '512MB'")
    cr.execute(
        "ALTER TABLE amr_interval ADD PRIMARY KEY (meter_id, register, read_at, index) "
        "INCLUDE (quality), "
        "ADD FOREIGN KEY (meter_id) REFERENCES amr_meter ON DELETE RESTRICT"
    )
    # the baseline: what a tenth of it costs in a plain table that Odoo would make
    cr.execute(
        """
        CREATE TABLE bench_plain AS
        SELECT * FROM amr_interval WHERE meter_id = ANY(%s)
         ORDER BY read_at, meter_id
        """,
        (meters[:: max(METERS // (METERS // 10), 1)],),
    )
    cr.commit()
    cr._cnx.set_session(autocommit=True)
    cr.execute("VACUUM ANALYZE amr_interval")
    cr.execute("ANALYZE bench_plain")
    cr._cnx.set_session(autocommit=False)


def timed(work):
    begin = time.perf_counter()
    result = work()
    return result, (time.perf_counter() - begin) * 1000


def curve(meter):
    """What the hour detail and its chart are drawn from."""
    cr.execute(
        """
        SELECT read_at, index, LAG(index) OVER (ORDER BY read_at) FROM amr_interval
         WHERE meter_id = %s AND register = 'total' AND quality IN ('ok', 'estimated')
           AND read_at >= '2025-01-01' AND read_at < '2026-01-01'
        """,
        (meter,),
    )
    return cr.fetchall()


def screen(meter):
    """The same through the model behind the screen, by day."""
    return env["amr.interval.usage"]._read_group(  # noqa: F821
        [("meter_id", "=", meter)], ["read_at:day"], ["usage:sum"]
    )


def plain(meter):
    cr.execute(
        "SELECT read_at, index FROM bench_plain WHERE meter_id = %s AND register = "
        "'total' ORDER BY read_at",
        (meter,),
    )
    return cr.fetchall()


meters = make_estate(env, METERS, "2024-12-31 16:00:00")  # noqa: F821
__, load_ms = timed(load)
cr.execute(
    "SELECT sum(reltuples)::bigint FROM pg_class WHERE relname ~ %s",
    (r"^amr_interval_\d+_\d+$",),
)
rows = cr.fetchone()[0]
step = METERS // 10
plain_ms = min(timed(lambda: plain(meters[0]))[1] for __ in range(3))
times = sorted(timed(lambda m=m: curve(m))[1] for m in meters[step // 2 :: step])
assert len(curve(meters[3])) == HOURS
days, screen_ms = min(
    (timed(lambda: screen(meters[7])) for __ in range(3)), key=lambda pair: pair[1]
)
assert len(days) >= 365, len(days)
note = f"a year of one meter out of {rows:,} rows, loaded in {load_ms / 1000:.0f} s"
for figure in (
    {
        "name": "history",
        "value": round(times[len(times) // 2], 1),
        "baseline": round(plain_ms, 1),
        "note": f"{note}; a tenth of the rows in a plain table",
    },
    {
        "name": "history_slowest",
        "value": round(times[-1], 1),
        "baseline": None,
        "note": "slowest of ten meters, each asked for the first time",
    },
    {
        "name": "history_screen",
        "value": round(screen_ms, 1),
        "baseline": None,
        "note": "through the model: consumption of the year by day",
    },
):
    print(json.dumps({**figure, "unit": "ms"}))
