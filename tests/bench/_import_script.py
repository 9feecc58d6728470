# Run by `odoo shell`: `env` is there. Prints one JSON object a figure.
import base64
import json
import time
from datetime import datetime
from decimal import Decimal

from odoo.addons.amr_metering.estate_book import read_book, write_book
from odoo.addons.amr_metering.importers.export import ArchiveRows

ROWS, SAMPLE = 10_000, 200
HOMES = ROWS // 3  # each a room, a customer and a meter: 9,999 rows, and the community
since = datetime(2026, 1, 1)
cr = env.cr  # noqa: F821


def home(number):
    """Return the rows of one home: room, customer, meter."""
    place = {
        "community": "Bench",
        "building": f"{number % 20 + 1}",
        "room": f"{number // 20 + 101:04d}",
    }
    account = {"number": f"77{number:06d}", "name": f"Customer {number}", **place}
    meter = {
        "number": f"88{number:08d}",
        "address": f"{number:012d}",
        "model": "Bench",
        **place,
        "date_from": since,
        "start_index": Decimal(number) / 8,
        "account": account["number"],
        "tariff": "Bench",
    }
    return {**place, "area": Decimal(90)}, account, meter


def workbook(homes):
    rooms, accounts, meters = zip(*map(home, homes), strict=True)
    return write_book(
        {
            "districts": [{"code": "9", "name": "Bench"}],
            "communities": [{"district": "9", "code": "0001", "name": "Bench"}],
            "buildings": [
                {"community": "Bench", "code": f"{n:03d}", "name": str(n)}
                for n in range(1, 21)
            ],
            "rooms": rooms,
            "accounts": accounts,
            "meters": meters,
        }
    )


def set_up():
    utility = env.ref("amr_base.utility_electricity")  # noqa: F821
    env["amr.meter.model"].create({"name": "Bench", "utility_id": utility.id})  # noqa: F821
    prices = [(0, 0, {"date_from": "2026-01-01", "price": 1})]
    env["amr.tariff"].create(  # noqa: F821
        {"name": "Bench", "utility_id": utility.id, "version_ids": prices}
    )


def timed(work):
    begin = time.perf_counter()
    result = work()
    env.flush_all()  # noqa: F821
    return time.perf_counter() - begin, result


def new_import(data):
    """Import as somebody does: rights and scope are checked, too."""
    return (
        env["amr.excel.import"]  # noqa: F821
        .with_user(operator)
        .create({"file": base64.b64encode(data), "filename": "bench.xlsx"})
    )


def create_row_by_row(numbers):
    """What create() alone costs for the same records, one home after the other."""
    community = env["amr.community"].search([("full_code", "=", "90001")])  # noqa: F821
    building = community.building_ids[0]
    model = env["amr.meter.model"].search([("name", "=", "Bench")])  # noqa: F821
    tariff = env["amr.tariff"].search([("name", "=", "Bench")])  # noqa: F821
    for number in numbers:
        room = env["amr.room"].create(  # noqa: F821
            {"name": f"X{number}", "building_id": building.id, "area": 90}
        )
        partner = env["res.partner"].create({"name": f"X{number}"})  # noqa: F821
        account = env["amr.account"].create(  # noqa: F821
            {
                "number": f"66{number:06d}",
                "partner_id": partner.id,
                "community_id": community.id,
            }
        )
        room.account_id = account
        point = env["amr.metering.point"].create(  # noqa: F821
            {"utility_id": model.utility_id.id, "room_id": room.id}
        )
        meter = env["amr.meter"].create(  # noqa: F821
            {
                "number": f"X{number}",
                "address": f"9{number:011d}",
                "model_id": model.id,
            }
        )
        env["amr.installation"].create(  # noqa: F821
            {
                "meter_id": meter.id,
                "point_id": point.id,
                "date_from": since,
                "start_index": 1,
            }
        )
        env["amr.agreement"].create(  # noqa: F821
            {
                "account_id": account.id,
                "point_id": point.id,
                "tariff_id": tariff.id,
                "date_from": since,
            }
        )
        env.flush_all()  # noqa: F821


def figure(name, seconds, rows, note, baseline=None):
    line = {"name": name, "value": round(seconds, 1), "unit": "s", "note": note}
    if baseline:
        line["baseline"] = round(baseline, 1)
    print(json.dumps(line))
    return line


set_up()
operator = env["res.users"].create(  # noqa: F821
    {
        "name": "Bench",
        "login": "bench",
        "group_ids": env.ref("amr_base.group_manager").ids,  # noqa: F821
    }
)
data = workbook(range(HOMES))
rows = 22 + 3 * HOMES
read_s, __ = timed(lambda: read_book(data, rows))
record = new_import(data)
check_s, __ = timed(record.action_check)
import_s, __ = timed(record.action_import)
assert not record.problem_ids and record.good_count == rows, record.good_count
again = new_import(data)
again_s, __ = timed(again.action_check)
assert not again.good_count and not again.problem_ids
community = env["amr.community"].search([("full_code", "=", "90001")])  # noqa: F821
export_s, exported = timed(lambda: write_book(ArchiveRows(community).sheets()))
assert len(read_book(exported, rows)[0]["meters"]) == HOMES
sample_s, __ = timed(lambda: create_row_by_row(range(SAMPLE)))
count = f"{rows} rows: {HOMES} rooms, customers and meters"
each = f"create() row by row, {SAMPLE} homes scaled up; {count}"
figure("import_check", check_s, rows, f"limit 60; {count}")
figure("import", import_s, rows, f"limit 60; {each}", sample_s / SAMPLE * HOMES)
figure("import_again", again_s, rows, "limit 60; nothing changes")
figure("import_read", read_s, rows, "the file alone")
figure("export", export_s, rows, count)
