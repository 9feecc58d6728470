"""Run a script inside Odoo, on a fresh database that has some of our addons."""

import contextlib
import json
import subprocess
from pathlib import Path

from demo_stack import START_TIMEOUT, answer
from process import Process
from runtime import ROOT, SetupError, free_port, odoo_command
from test_database import FOLDER, cluster, conf, fresh, run_odoo

DATABASE = "bench"


def run_script(names, *modules, keep=False):
    """Yield what scripts of this folder print as JSON objects, one a line.

    :param str names: files in this folder, one after the other by ``odoo shell``
        (``env`` is there)
    :param modules: addons that the database has
    :param bool keep: the database stays for what comes after
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
    if not keep:
        server.drop(DATABASE)
    figures = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not figures:
        raise SetupError(f"{names} failed: see {log}")
    yield from map(json.loads, figures)


@contextlib.contextmanager
def serve(name, *modules):
    """Run a script that fills the database and keeps it, then serve the database.

    :param str name: file in this folder; it commits and prints one JSON object
    :param modules: addons that the database has
    :return: the address of Odoo, and what the script printed
    """
    [made] = run_script(name, *modules, keep=True)
    server = cluster()
    port = free_port()
    settings = conf(
        server, http_port=port, db_name=DATABASE, dbfilter=f"^{DATABASE}$", workers=0
    )
    url = f"http://127.0.0.1:{port}"
    odoo = Process(
        "bench-odoo",
        odoo_command("-c", settings),
        FOLDER,
        {"LANG": "C.UTF-8"},
        lambda: answer(f"{url}/web/health"),
    )
    try:
        odoo.start()
        odoo.wait_until_healthy(START_TIMEOUT)
        yield url, made
    finally:
        odoo.stop()
        server.drop(DATABASE)
