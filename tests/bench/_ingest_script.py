# ruff: noqa: F821
# Run by `odoo shell` after _estate_script.py. Prints one JSON object a figure.
import csv
import io
import json
import time
from datetime import datetime, timedelta

DAYS, BATCH = 31, 1_000
FIRST = datetime(2026, 9, 30, 16)


def timed(work):
    """Return how long ``work`` took, in seconds, and undo it."""
    cr.execute("SAVEPOINT bench")
    begin = time.perf_counter()
    work()
    env.flush_all()
    seconds = time.perf_counter() - begin
    env.invalidate_all(flush=False)
    cr.execute("ROLLBACK TO SAVEPOINT bench")
    return seconds


def raw_copy():
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow(
            (row["meter_id"], "total", row["read_at"], "daily", "remote", row["index"])
            + ("ok", company)
        )
    buffer.seek(0)
    cr.copy_expert(
        "COPY amr_reading (meter_id, register, read_at, kind, source, index, quality, "
        "company_id) FROM STDIN WITH (FORMAT csv)",
        buffer,
    )


def orm_create():
    for at in range(0, len(few), BATCH):
        env["amr.reading"].create(
            [{**row, "company_id": company} for row in few[at : at + BATCH]]
        )


meters = make_meters()
# as in life, meters are there before they are read: PostgreSQL checks every foreign key
# again of a row that the same transaction made
cr.commit()
cr.execute("ANALYZE")
env.invalidate_all()
company = env.company.id
rows = [
    {
        "meter_id": meter,
        "read_at": FIRST + timedelta(days=day),
        "kind": "daily",
        "source": "remote",
        "index": day * 7 + number % 13,
    }
    for number, meter in enumerate(meters)
    for day in range(DAYS)
]
few = rows[: 30 * BATCH]
Reading = env["amr.reading"]
count = f"{METERS} meters × {DAYS} daily readings"
# twice each, in turn: the better of both, so that noise hits neither side alone
copy_s, ingest_s = (
    min(pair)
    for pair in zip(
        *[(timed(raw_copy), timed(lambda: Reading._ingest(rows))) for _ in range(2)],
        strict=True,
    )
)
create_s, few_s = timed(orm_create), timed(lambda: Reading._ingest(few))
for name, value, baseline, note in (
    ("ingest_copy", len(rows) / ingest_s, len(rows) / copy_s, f"raw COPY; {count}"),
    ("ingest_create", len(few) / few_s, len(few) / create_s, "create(), 1,000 a batch"),
):
    figure = {"name": name, "value": round(value), "unit": "rows/s"}
    print(json.dumps({**figure, "baseline": round(baseline), "note": note}))
