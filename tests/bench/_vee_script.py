# ruff: noqa: F821
# Run by `odoo shell` after _estate_script.py. Prints one JSON object a figure.
import json
import time
from datetime import date, datetime, timedelta
from decimal import Decimal

DAYS, SAMPLE, MASTERS = 29, 100, 100
DAY = date(2026, 10, 29)  # the last of the days, a Thursday
FIRST = datetime(2026, 9, 30, 16)


def make_history(meters):
    """Freezes of the days before; every 50th meter stands still."""
    cr.execute(
        """
        INSERT INTO amr_reading (meter_id, register, read_at, kind, source, index,
                                 quality, company_id, received_at)
        SELECT id, 'total', %(first)s::timestamp + day * interval '1 day', 'daily',
               'remote', 10 + CASE WHEN id %% 50 = 0 THEN 0 ELSE day * 7 END, 'ok',
               company_id, now()
          FROM amr_meter, generate_series(0, %(days)s - 1) day
         WHERE id = ANY(%(meters)s)
        """,
        {"first": FIRST, "days": DAYS, "meters": meters},
    )
    cr.execute(
        "UPDATE amr_meter SET latest_at = %s, latest_index = 0, state = 'normal'",
        (FIRST + timedelta(days=DAYS - 1),),
    )
    cr.execute(
        """
        UPDATE amr_metering_point SET meter_id = m.id
          FROM amr_meter m WHERE m.point_id = amr_metering_point.id;
        WITH master AS (
            UPDATE amr_metering_point SET kind = 'master'
             WHERE id IN (SELECT id FROM amr_metering_point ORDER BY id LIMIT %(n)s)
            RETURNING id
        )
        UPDATE amr_metering_point p
           SET parent_id = (SELECT min(id) FROM master) + p.id %% %(n)s
         WHERE p.id NOT IN (SELECT id FROM master)
        """,
        {"n": MASTERS},
    )


def closing_freezes(meters):
    """The freeze that ends the day: one in 100 jumps, one falls, one is missing."""
    for meter in meters:
        odd = meter % 100
        index = 10 if meter % 50 == 0 else 10 + 7 * DAYS
        index += {1: 900, 2: -150}.get(odd, 0)
        if odd != 3:
            yield {
                "meter_id": meter,
                "read_at": FIRST + timedelta(days=DAYS),
                "kind": "daily",
                "source": "remote",
                "index": Decimal(index),
            }


def validate():
    env["amr.reading"]._ingest(rows)
    community._validate_day(DAY)


def meter_by_meter():
    """What the same rules cost record by record: read, compare, raise what is odd."""
    Reading = env["amr.reading"]
    for row in [row for row in rows if row["meter_id"] in sample]:
        meter = env["amr.meter"].browse(row["meter_id"])
        past = Reading.search(
            [("meter_id", "=", meter.id), ("read_at", "<", row["read_at"])],
            order="read_at",
        )
        agreement = meter.point_id.agreement_id
        version = agreement.tariff_id._version_at(DAY)
        use = float(row["index"]) - past[-1].index
        average = (past[-1].index - past[0].index) / len(past)
        static = past[-1].index == past[-15].index
        odd = use < 0 or use > 5 * average or static or use > version.normal_max
        Reading.create(
            {
                **row,
                "company_id": meter.company_id.id,
                "quality": "suspect" if use < 0 else "ok",
            }
        )
        meter.write({"latest_index": row["index"], "latest_at": row["read_at"]})
        if odd:
            env["amr.exception"].create(
                {"kind": "high", "reason": "Odd", "meter_id": meter.id}
            )


def timed(work):
    """Return how long ``work`` took, in seconds, and undo it."""
    cr.execute("SAVEPOINT bench")
    begin = time.perf_counter()
    work()
    env.flush_all()
    seconds = time.perf_counter() - begin
    figures = {}
    for table in ("amr_reading_verdict", "amr_exception"):
        cr.execute(f"SELECT count(*) FROM {table}")
        [figures[table]] = cr.fetchone()
    env.invalidate_all(flush=False)
    cr.execute("ROLLBACK TO SAVEPOINT bench")
    return seconds, figures


meters = make_meters()
make_history(meters)
cr.execute("ANALYZE")
env.invalidate_all()
community = env["amr.community"].search([("name", "=", "Bench")])
rows = list(closing_freezes(meters))
sample = set(meters[:: METERS // SAMPLE])
seconds, found = timed(validate)
slow, _found = timed(meter_by_meter)
print(
    json.dumps(
        {
            "name": "vee",
            "value": round(seconds, 2),
            "unit": "s",
            "baseline": round(slow * METERS / SAMPLE, 1),
            "note": f"all rules, {METERS} meters × 1 day, "
            f"{found['amr_reading_verdict']} findings, {found['amr_exception']} "
            f"exceptions; baseline: ORM meter by meter, {SAMPLE} extrapolated",
        }
    )
)
