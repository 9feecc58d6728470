"""``odoo amr_headend``: the process that talks to the devices."""

import sys
from pathlib import Path

from odoo.cli import Command

# The head-end starts without the addon's models: nothing of Odoo runs in it.
ADDON = str(Path(__file__).resolve().parents[1])
if ADDON not in sys.path:
    sys.path.append(ADDON)

from headend import main  # noqa: E402


class AmrHeadend(Command):
    """Run the head-end: listen for DTUs, exchange frames with meters for Odoo.

    Settings come from section [amr] of the configuration file, then the environment
    (AMR_HEADEND_TOKEN, AMR_ODOO_URL, …), then these options. Needs no database.
    """

    name = "amr_headend"

    def run(self, args):
        main.run_headend(self.parser, args)
