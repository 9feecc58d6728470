"""The status board's first paint in Chromium, against Odoo's own kanban of the same."""

import statistics
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from _odoo import serve  # noqa: E402
from doors import Visitor, chromium  # noqa: E402

RUNS = 3
# from the press of the key, in a client that is at rest, to the frame after the tiles
# are in the page
PAINTED = """([path, tile, least]) => new Promise((done) => {
    const begin = performance.now();
    const look = () => {
        if (document.querySelectorAll(tile).length >= least) {
            requestAnimationFrame(() => setTimeout(() =>
                done((performance.now() - begin) / 1000)));
        } else {
            requestAnimationFrame(look);
        }
    };
    odoo.__WOWL_DEBUG__.root.env.services.action.doAction(path);
    look();
})"""
AT_REST = "() => new Promise((done) => requestIdleCallback(() => done()))"
BOARD = ("amr_metering.amr_status_board_action", ".o_amr_tile")
CARD = ".o_kanban_record:not(.o_kanban_ghost)"


def painted(visitor, action, tile, least):
    """Return the median seconds until so many tiles are painted."""
    seconds = []
    for _ in range(RUNS):
        visitor.go("/odoo")
        visitor.wait(".o_main_navbar")
        visitor.page.wait_for_function("() => !!window.odoo?.__WOWL_DEBUG__?.root")
        visitor.page.evaluate(AT_REST)
        seconds.append(visitor.page.evaluate(PAINTED, [action, tile, least]))
    return statistics.median(seconds)


def bench_status_board():
    """3,462 meters: the screen is full, and all of them are in the page."""
    with serve("_status_board_script.py", "amr_metering") as (url, made):
        with chromium() as browser, Visitor(browser, url, "admin", "admin") as visitor:
            first = painted(visitor, *BOARD, 200)
            whole = painted(visitor, *BOARD, made["meters"])
            baseline = painted(visitor, made["kanban"], CARD, made["meters"])
    for name, value, note in (
        ("status_board", first, "first paint"),
        ("status_board_all", whole, "every tile in the page"),
    ):
        yield {
            "name": name,
            "value": round(value, 2),
            "unit": "s",
            "baseline": round(baseline, 2),
            "note": f"{made['meters']} tiles, {note}; Odoo's kanban of the same meters",
        }
