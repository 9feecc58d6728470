# Run by `odoo shell`: `env` is there. Prints one JSON object a figure.
import csv
import io
import json
import time
from datetime import datetime, timedelta

METERS, DAYS, BATCH = 10_000, 31, 1_000
FIRST = datetime(2026, 9, 30, 16)
cr = env.cr  # noqa: F821


def make_meters():
    """Make meters at rooms under agreements by SQL; return their ids."""
    utility = env.ref("amr_base.utility_electricity")  # noqa: F821
    district = env["amr.district"].create({"code": "9", "name": "Bench"})  # noqa: F821
    community = env["amr.community"].create(  # noqa: F821
        {"code": "0001", "name": "Bench", "district_id": district.id}
    )
    building = env["amr.building"].create(  # noqa: F821
        {"code": "001", "name": "1", "community_id": community.id}
    )
    model = env["amr.meter.model"].create(  # noqa: F821
        {"name": "Bench", "utility_id": utility.id}
    )
    account = env["amr.account"].create(  # noqa: F821
        {
            "partner_id": env["res.partner"].create({"name": "Bench"}).id,  # noqa: F821
            "community_id": community.id,
        }
    )
    tariff = env["amr.tariff"].create(  # noqa: F821
        {
            "name": "Bench",
            "utility_id": utility.id,
            "version_ids": [
                (0, 0, {"date_from": "2026-01-01", "price": 1, "normal_max": 9000})
            ],
        }
    )
    env.flush_all()  # noqa: F821
    values = {
        "n": METERS,
        "company": env.company.id,  # noqa: F821
        "utility": utility.id,
        "community": community.id,
        "building": building.id,
        "model": model.id,
        "account": account.id,
        "tariff": tariff.id,
    }
    cr.execute(
        """
        WITH room AS (
            INSERT INTO amr_room (name, building_id, community_id, company_id, active)
            SELECT 'B' || i, %(building)s, %(community)s, %(company)s, true
              FROM generate_series(1, %(n)s) i RETURNING id
        ), point AS (
            INSERT INTO amr_metering_point (utility_id, kind, room_id, building_id,
                                            community_id, company_id, active)
            SELECT %(utility)s, 'normal', id, %(building)s, %(community)s, %(company)s,
                   true FROM room RETURNING id
        ), meter AS (
            INSERT INTO amr_meter (number, address, model_id, utility_id, company_id,
                                   ratio_percent, voltage_ratio, current_ratio, factor,
                                   point_id, community_id, building_id, state, active,
                                   relay_state)
            SELECT 'B' || id, id::text, %(model)s, %(utility)s, %(company)s, 100, 1, 1,
                   1, id, %(community)s, %(building)s, 'not_enabled', true, 'unknown'
              FROM point RETURNING id, point_id
        ), installed AS (
            INSERT INTO amr_installation (meter_id, point_id, community_id, company_id,
                                          date_from, start_index)
            SELECT id, point_id, %(community)s, %(company)s, '2026-01-01', 0 FROM meter
        ), agreed AS (
            INSERT INTO amr_agreement (name, account_id, point_id, community_id,
                                       company_id, utility_id, tariff_id, payment_mode,
                                       date_from)
            SELECT 'B' || id, %(account)s, id, %(community)s, %(company)s, %(utility)s,
                   %(tariff)s, 'postpaid', '2026-01-01' FROM point
        )
        SELECT id FROM meter
        """,
        values,
    )
    return [row[0] for row in cr.fetchall()]


def timed(work):
    """Return how long ``work`` took, in seconds, and undo it."""
    cr.execute("SAVEPOINT bench")
    begin = time.perf_counter()
    work()
    env.flush_all()  # noqa: F821
    seconds = time.perf_counter() - begin
    env.invalidate_all(flush=False)  # noqa: F821
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
        env["amr.reading"].create(  # noqa: F821
            [{**row, "company_id": company} for row in few[at : at + BATCH]]
        )


meters = make_meters()
cr.execute("ANALYZE")
env.invalidate_all()  # noqa: F821
company = env.company.id  # noqa: F821
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
Reading = env["amr.reading"]  # noqa: F821
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
