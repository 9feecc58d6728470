# Run by `odoo shell`: `env` is there. Prints one JSON object a figure.
import json
import sys
import threading
import time
import urllib.request
from http.cookiejar import CookieJar

from werkzeug.serving import make_server

from odoo.http import root

sys.path.append("tests/bench")
from _estate import make_estate  # noqa: E402

METERS, PAGE = 3_462, 100
MONTH = "2026-10-01"
DOMAIN = [
    ("month", ">=", MONTH),
    ("month", "<=", "2026-10-31"),
    ("utility_id.code", "=", "electricity"),
    ("point_kind", "!=", "master"),
]
cr = env.cr  # noqa: F821


def fill():
    """Make meters in ten buildings with their daily freezes of two months."""
    meters = make_estate(env, METERS)  # noqa: F821
    cr.execute(
        """
        INSERT INTO amr_reading (meter_id, register, read_at, kind, source, index,
                                 quality, company_id)
        SELECT id, 'total', day, 'daily', 'remote',
               EXTRACT(epoch FROM day - '2026-08-31') / 86400 * 7 + id %% 13, 'ok',
               company_id
          FROM generate_series('2026-08-31 16:00'::timestamp, '2026-11-01 16:00',
                               '1 day') day, amr_meter WHERE id = ANY(%s)
        """,
        (meters,),
    )
    cr.commit()
    # what autovacuum does within a minute
    cr._cnx.set_session(autocommit=True)
    cr.execute("VACUUM ANALYZE")
    cr._cnx.set_session(autocommit=False)


def rpc(path, **params):
    """Post JSON as the web client does; return the result and its seconds."""
    body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode()
    begin = time.perf_counter()
    request = urllib.request.Request(
        f"{url}{path}", body, {"Content-Type": "application/json"}
    )
    with client.open(request) as answer:
        result = json.load(answer)
    seconds = time.perf_counter() - begin
    if "error" in result:
        raise SystemExit(result["error"])
    return result["result"], seconds


def search_read(limit, **more):
    names = [*report._report_columns, "community_id"]
    many2ones = {"fields": {"display_name": {}}}
    return rpc(
        "/web/dataset/call_kw/amr.usage.matrix/web_search_read",
        model="amr.usage.matrix",
        method="web_search_read",
        args=[],
        kwargs={
            "domain": DOMAIN,
            "specification": {
                name: many2ones if name.endswith("_id") else {} for name in names
            },
            "limit": limit,
            "count_limit": 10001,
            **more,
        },
    )


def summary():
    """What the screen shows above and below: all meters and days, by utility."""
    return rpc(
        "/web/dataset/call_kw/amr.usage.matrix/get_matrix_summary",
        model="amr.usage.matrix",
        method="get_matrix_summary",
        args=[DOMAIN],
        kwargs={},
    )


def best(work):
    """Return the result and the shortest time of three runs, after one to warm up."""
    work()
    return min((work() for __ in range(3)), key=lambda pair: pair[1])


fill()
report = env["amr.usage.matrix"]  # noqa: F821
server = make_server("127.0.0.1", 0, root, threaded=True)
url = f"http://127.0.0.1:{server.port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
rpc(
    "/web/session/authenticate",
    db=env.cr.dbname,  # noqa: F821
    login="admin",
    password="admin",
)
page, page_seconds = best(lambda: search_read(PAGE))
by_total, sorted_seconds = best(lambda: search_read(PAGE, order="usage desc"))
totals, totals_seconds = best(summary)
assert page["length"] == METERS, page["length"]
assert all(row["d31"] == 7 and row["usage"] == 217 for row in page["records"])
[all_meters] = totals["utilities"]
assert all_meters["meters"] == METERS
assert all_meters["sums"]["usage"] == 217 * METERS
assert all_meters["sums"]["d31"] == 7 * METERS


def meter_by_meter():
    """The same numbers asked for a meter at a time, as a report without SQL would."""
    begin = time.perf_counter()
    for meter in few:
        search_read(1, domain=[("meter_id", "=", meter), ("month", "=", MONTH)])
    return (time.perf_counter() - begin) / len(few) * PAGE


few = [row["meter_id"]["id"] for row in page["records"][:20]]
baseline = meter_by_meter()
count = f"{METERS} meters × 31 days"
for name, seconds, note in (
    ("month_matrix", page_seconds, f"{count}, a page of {PAGE}; a call a meter"),
    ("month_matrix_sorted", sorted_seconds, f"{count}, a page of {PAGE} by total"),
    ("month_matrix_totals", totals_seconds, f"{count}, all added up by utility"),
):
    figure = {"name": name, "value": round(seconds, 3), "unit": "s", "note": note}
    figure["baseline"] = round(baseline, 1) if name == "month_matrix" else None
    print(json.dumps(figure))
server.shutdown()
