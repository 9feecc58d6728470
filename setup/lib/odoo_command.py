"""`setup/odoo ARGS…`: this project's Odoo with its configuration."""

import os
import sys

from runtime import (
    CONF,
    HTTP_PORT,
    ROOT,
    Cluster,
    free_port,
    odoo_command,
    odoo_conf,
    told,
)

PORT_OPTIONS = ("-p", "--http-port", "--no-http")


def needs_database(args):
    """Tell whether PostgreSQL must run: not for help, and not for addons' commands."""
    if {"-h", "--help", "--version"} & set(args):
        return False
    command = next(iter(args), "-")
    return command.startswith("-") or not any(ROOT.glob(f"*/cli/{command}.py"))


def starts_server(args):
    """Tell whether these arguments start a web server (the default command)."""
    command = next(iter(args), "-")
    return command.startswith("-") or command == "server"


def with_port(args):
    """Add a free port unless the caller chose one."""
    if not starts_server(args) or any(arg.startswith(PORT_OPTIONS) for arg in args):
        return args
    port = free_port(HTTP_PORT)
    return args if port == HTTP_PORT else [*args, f"--http-port={port}"]


def main():
    args = sys.argv[1:]
    if needs_database(args):
        with told():
            odoo_conf(Cluster().start())
        args = with_port(args)
    if CONF.exists():
        os.environ["ODOO_RC"] = str(CONF)
    command = odoo_command(*args)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
