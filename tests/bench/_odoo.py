"""Run a script inside Odoo, on a fresh database that has some of our addons."""

import json
import subprocess
from pathlib import Path

from runtime import ROOT, SetupError, odoo_command
from test_database import FOLDER, cluster, conf, fresh, run_odoo

DATABASE = "bench"


def run_script(names, *modules):
    """Yield what scripts of this folder print as JSON objects, one a line.

    :param str names: files in this folder, one after the other by ``odoo shell``
        (``env`` is there)
    :param modules: addons that the database has
    """
    server = cluster()
    fresh(server, DATABASE)
    settings = conf(server)
    log = FOLDER / "bench.log"
    install = ("-d", DATABASE, "-i", ",".join(modules), "--stop-after-init")
    if run_odoo(settings, log, *install):
        raise SetupError(f"installing {', '.join(modules)} failed: see {log}")
    with open(log, "a") as errors:
        done = subprocess.run(
            odoo_command("shell", "-c", settings, "-d", DATABASE, "--no-http"),
            input="\n".join(
                (Path(__file__).parent / name).read_text() for name in names.split()
            ),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
        )
    server.drop(DATABASE)
    figures = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not figures:
        raise SetupError(f"{names} failed: see {log}")
    yield from map(json.loads, figures)
