"""Make a database with the demo data: others' modules, our addons, the estate."""

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

DATA_SCRIPT = """
import sys
sys.path.insert(0, {lib!r})
import demo_data
demo_data.create(env, {request!r})
env.cr.commit()
"""


def exists(stack):
    return stack.database in stack.cluster.databases() and stack.meters_file.exists()


def is_current(stack, *more):
    """Tell whether the database was made (or updated) with the addons as they are."""
    word = test_database.fingerprint(*more)
    return stack.stamp.exists() and stack.stamp.read_text() == word


def update(stack):
    """Bring the database up to the addons as they are now."""
    word = test_database.fingerprint()
    stack.stamp.unlink(missing_ok=True)
    run_odoo(
        stack,
        stack.folder / "update.log",
        *("-d", stack.database, "-u", "amr_base", "--stop-after-init", "--no-http"),
    )
    stack.stamp.write_text(word)


def create(stack, *more, installed=None):
    """Make the stack's database anew; what was there is lost.

    :param more: files beside the addons that make the database another one
    :param installed: a database of the cluster with our addons, to start from
    """
    cluster, building = stack.cluster, stack.database + BUILDING
    word = test_database.fingerprint(*more)
    cluster.drop(building)
    cluster.drop(stack.database)
    forget_devices(stack)
    log = stack.folder / "create.log"
    log.unlink(missing_ok=True)
    if installed:
        cluster.copy(installed, building)
        copy_filestore(installed, building, stack.data_dir)
    else:
        install(stack, building, log)
    fill(stack, building, log)
    cluster.psql(
        "postgres", f'ALTER DATABASE "{building}" RENAME TO "{stack.database}"'
    )
    copy_filestore(building, stack.database, stack.data_dir)
    shutil.rmtree(stack.data_dir / "filestore" / building, ignore_errors=True)
    stack.stamp.write_text(word)


def install(stack, database, log):
    """Install our addons beside the modules of others, installed once a cluster."""
    template = test_database.ensure_template(stack.cluster, stack.data_dir)
    stack.cluster.copy(template, database)
    copy_filestore(template, database, stack.data_dir)
    run_odoo(
        stack,
        log,
        *("-d", database, "-i", ",".join(addon.name for addon in addons())),
        *("--load-language", test_database.LANGUAGE),
        *("--stop-after-init", "--no-http"),
    )


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
