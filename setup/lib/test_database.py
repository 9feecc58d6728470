"""The databases that tests start from: one with every module of others, one with ours.

Building them takes a minute each; copying takes a second. The first is built again when
one of the versions it depends on changes, the second when an addon does.
"""

import ast
import hashlib
import os
import subprocess
from importlib import metadata
from pathlib import Path

from runtime import (
    PYTHON,
    ROOT,
    RUN,
    Cluster,
    SetupError,
    addons,
    copy_filestore,
    odoo_command,
    odoo_conf,
)

FOLDER = RUN / "test"
DATA = FOLDER / "data"
PREFIX = "template_"
# What the tests use beyond the addons' own dependencies.
EXTRA_MODULES = {"l10n_cn", "payment_demo"}
LANGUAGE = "zh_CN"
OURS = "ours"
# What a database is made from; the rest is read when it is needed.
SUFFIXES = {".py", ".xml", ".csv", ".po"}
IGNORED = {"tests", "headend", "__pycache__"}
# Odoo would build the bundles of the web client in every process that opens a browser,
# and those of its own unit tests, which we never open, with them.
BUNDLES_SCRIPT = """
tests = ("web.test_helpers", "web.unit_tests_suite", "web.qunit_suite")
env["ir.ui.view"].search([("key", "in", tests)]).active = False
env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()
"""


def cluster():
    """Return the running cluster of the tests, which does not wait for the disk."""
    return Cluster("pg-test", durable=False).start()


def leave_cluster():
    """Stop the cluster of the tests unless somebody else works on it."""
    Cluster("pg-test", durable=False).stop_if_unused()


def manifest(addon):
    return ast.literal_eval((addon / "__manifest__.py").read_text())


def modules_of_others():
    """Return the names of the modules our addons depend on, and those tests use."""
    ours = {addon.name for addon in addons()}
    depends = {name for addon in addons() for name in manifest(addon)["depends"]}
    return sorted((depends | EXTRA_MODULES) - ours)


def template_name():
    """Return a name that changes with all that the template is made from."""
    odoo = Path(PYTHON.parents[1] / "odoo/odoo").resolve()
    versions = sorted(
        f"{package.name} {package.version}"
        for package in metadata.distributions()
        if package.name.startswith("odoo")
    )
    parts = [str(odoo), LANGUAGE, *versions, *modules_of_others()]
    return PREFIX + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def conf(server, data_dir=DATA, **options):
    """Write the configuration of the tests' Odoo and return its path."""
    data_dir.mkdir(parents=True, exist_ok=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    return odoo_conf(
        server,
        FOLDER / "odoo.conf",
        data_dir=data_dir,
        max_cron_threads=0,
        **options,
    )


def run_odoo(conf_path, log, *args, script=None):
    """Run Odoo to its end with its output in the file `log`; return its exit status.

    :param script: what Odoo's shell is to do
    """
    command = ["shell"] if script else []
    with open(log, "w") as output:
        return subprocess.run(
            odoo_command(*command, "-c", conf_path, *map(str, args)),
            input=script or "",
            text=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "LANG": "C.UTF-8"},
        ).returncode


def ensure_template(server, data_dir=DATA):
    """Build the template unless it is there; return its name."""
    name = template_name()
    existing = server.databases()
    if name in existing:
        return name
    for old in existing:
        if old.startswith(PREFIX):
            server.drop(old)
    # Under another name until it is complete: an interrupted build is no template.
    building = f"{name}_new"
    log = FOLDER / "template.log"
    status = run_odoo(
        conf(server, data_dir),
        log,
        *("-d", building, "-i", ",".join(modules_of_others())),
        *("--load-language", LANGUAGE, "--stop-after-init"),
    )
    if status:
        raise SetupError(f"building the template database failed: see {log}")
    copy_filestore(building, name, data_dir)
    server.psql("postgres", f'ALTER DATABASE "{building}" RENAME TO "{name}"')
    return name


def fingerprint(*more):
    """Return a word that changes with our addons.

    :param more: files beyond those of the addons
    """
    digest = hashlib.sha256()
    for folder in addons():
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES and not IGNORED & set(path.parts):
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    for path in more:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def ensure_ours(server):
    """Build the database with all our addons unless it is there; return its name.

    :raises SetupError: an addon could not be installed
    """
    stamp, word = FOLDER / OURS, f"{template_name()} {fingerprint()}"
    if stamp.exists() and stamp.read_text() == word and OURS in server.databases():
        return OURS
    stamp.unlink(missing_ok=True)
    fresh(server, OURS)
    names = ",".join(addon.name for addon in addons())
    settings = conf(server)
    for log, options, script in (
        ("odoo_install.log", ("-i", names, "--stop-after-init"), None),
        ("bundles.log", ("--no-http",), BUNDLES_SCRIPT),
    ):
        if run_odoo(settings, FOLDER / log, "-d", OURS, *options, script=script):
            raise SetupError(f"installing the addons failed: see {FOLDER / log}")
    stamp.write_text(word)
    return OURS


def fresh(server, database):
    """Make `database` a new copy of the template."""
    return copy_of(server, ensure_template(server), database)


def copy_of(server, template, database):
    """Make `database` a new copy of another one that nobody is connected to."""
    server.drop(database)
    server.copy(template, database)
    copy_filestore(template, database, DATA)
    return database
