"""Make a database with the demo data: others' modules, our addons, the estate."""

import hashlib
import json
import os
import shutil
import subprocess

import test_database
from runtime import (
    ROOT,
    SetupError,
    addons,
    copy_filestore,
    odoo_command,
    write_private,
)

LIB = ROOT / "setup/lib"
# The database is this until it is complete: an interrupted build is no database.
BUILDING = "_building"
# What a database is made from; the rest is read when it is needed.
SUFFIXES = {".py", ".xml", ".csv", ".po"}
IGNORED = {"tests", "headend", "__pycache__"}

DATA_SCRIPT = """
import sys
sys.path.insert(0, {lib!r})
import demo_data
demo_data.create(env, {request!r})
env.cr.commit()
"""


def exists(stack):
    return stack.database in stack.cluster.databases() and stack.meters_file.exists()


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


def is_current(stack, *more):
    """Tell whether the database was made (or updated) with the addons as they are."""
    return stack.stamp.exists() and stack.stamp.read_text() == fingerprint(*more)


def update(stack):
    """Bring the database up to the addons as they are now."""
    word = fingerprint()
    stack.stamp.unlink(missing_ok=True)
    run_odoo(
        stack,
        stack.folder / "update.log",
        *("-d", stack.database, "-u", "amr_base", "--stop-after-init", "--no-http"),
    )
    stack.stamp.write_text(word)


def create(stack, *more):
    """Make the stack's database anew; what was there is lost.

    :param more: files beside the addons that make the database another one
    """
    cluster, building = stack.cluster, stack.database + BUILDING
    word = fingerprint(*more)
    cluster.drop(building)
    cluster.drop(stack.database)
    forget_devices(stack)
    log = stack.folder / "create.log"
    log.unlink(missing_ok=True)
    copy_template(stack, building)
    run_odoo(
        stack,
        log,
        *("-d", building, "-i", ",".join(addon.name for addon in addons())),
        *("--load-language", test_database.LANGUAGE),
        *("--stop-after-init", "--no-http"),
    )
    fill(stack, building, log)
    cluster.psql(
        "postgres", f'ALTER DATABASE "{building}" RENAME TO "{stack.database}"'
    )
    copy_filestore(building, stack.database, stack.data_dir)
    shutil.rmtree(stack.data_dir / "filestore" / building, ignore_errors=True)
    stack.stamp.write_text(word)


def copy_template(stack, database):
    """Start from the modules of others, installed once for this cluster."""
    template = test_database.ensure_template(stack.cluster, stack.data_dir)
    stack.cluster.copy(template, database)
    copy_filestore(template, database, stack.data_dir)


def forget_devices(stack):
    """Meters, spool and log-ins belong to one database."""
    for path in (
        stack.stamp,
        stack.meters_file,
        stack.meters_state,
        stack.credentials_file,
    ):
        path.unlink(missing_ok=True)
    shutil.rmtree(stack.headend_folder, ignore_errors=True)


def fill(stack, database, log):
    """Create the demo data, and beside it the log-ins and the simulated meters."""
    result = stack.folder / "demo_data.json"
    write_private(result, "{}")
    script = DATA_SCRIPT.format(lib=str(LIB), request={"result": str(result)})
    run_odoo(stack, log, "-d", database, "--no-http", command="shell", script=script)
    made = json.loads(result.read_text())
    result.unlink()
    stack.keep_credentials(made["credentials"])
    write_private(
        stack.meters_file,
        json.dumps(made["simulator"], ensure_ascii=False, indent=1),
    )


def run_odoo(stack, log, *args, command=None, script=None):
    """Run Odoo to its end.

    :raises SetupError: it failed
    """
    stack.write_conf()
    parts = [command] if command else []
    with open(log, "a") as output:
        done = subprocess.run(
            odoo_command(*parts, "-c", stack.conf, *args),
            input=script or "",
            text=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LANG": "C.UTF-8"},
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SetupError(
            f"the demo database could not be made. The end of {log}:\n{tail}"
        )


def copy(source, stack):
    """Make the stack's database a copy of another one, meters and log-ins included."""
    stack.cluster.drop(stack.database)
    stack.cluster.copy(source.database, stack.database)
    copy_filestore(source.database, stack.database, stack.data_dir)
    forget_devices(stack)
    for name in ("meters_file", "credentials_file"):
        shutil.copy(getattr(source, name), getattr(stack, name))
