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


def ensure(stack, fresh=False):
    """Make the stack's database unless it is there.

    :return: whether it was made now
    """
    if exists(stack) and not fresh:
        return False
    create(stack)
    return True


def create(stack):
    """Make the stack's database anew; what was there is lost."""
    cluster, building = stack.cluster, stack.database + BUILDING
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


def copy_template(stack, database):
    """Start from the modules of others, installed once for this cluster."""
    template = test_database.ensure_template(stack.cluster, stack.data_dir)
    stack.cluster.copy(template, database)
    copy_filestore(template, database, stack.data_dir)


def forget_devices(stack):
    """Meters, spool and log-ins belong to one database."""
    for path in (stack.meters_file, stack.meters_state, stack.credentials_file):
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
