"""``odoo amr_console``: frames by hand, a running head-end, and its service."""

import sys
from pathlib import Path

from odoo.cli import Command

# The console starts without the addon's models: nothing of Odoo runs in it.
ADDON = str(Path(__file__).resolve().parents[1])
if ADDON not in sys.path:
    sys.path.append(ADDON)

from headend import shell  # noqa: E402


class AmrConsole(Command):
    """The engineer's console. Needs no database.

    decode HEX          explain a frame (or - for one frame a line from standard input)
    encode              make request frames
    list, load, open …  ask a running head-end; one command, or a line each from
                        standard input when there is none (“list all” lists them)
    bundle FILE         what the makers need to see when something is wrong
    -i -s -e -u -d      install, start, end, uninstall, debug the head-end's service
    """

    name = "amr_console"

    def run(self, args):
        sys.exit(shell.main(args, sys.stdin, sys.stdout, self.parser))
