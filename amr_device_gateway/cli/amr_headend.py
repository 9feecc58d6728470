"""``odoo amr_headend``: the process that talks to the devices."""

import asyncio
import logging
import os
import sys
from pathlib import Path

from odoo.cli import Command

# The head-end starts without the addon's models: nothing of Odoo runs in it.
ADDON = str(Path(__file__).resolve().parents[1])
if ADDON not in sys.path:
    sys.path.append(ADDON)

from headend import config as settings  # noqa: E402
from headend import gateway  # noqa: E402

LOG_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


class AmrHeadend(Command):
    """Run the head-end: listen for DTUs, exchange frames with meters for Odoo.

    Settings come from section [amr] of the configuration file, then the environment
    (AMR_HEADEND_TOKEN, AMR_ODOO_URL, …), then these options. Needs no database.
    """

    name = "amr_headend"

    def run(self, args):
        parser = self.parser
        parser.add_argument("-c", "--config", default=os.environ.get("ODOO_RC"))
        parser.add_argument("--name", help="how this head-end calls itself to Odoo")
        parser.add_argument("--dtu-host", help="address to listen on for DTUs")
        parser.add_argument("--dtu-port", type=int, help="default 30116")
        parser.add_argument("--control-host")
        parser.add_argument("--control-port", type=int, help="default 7610")
        parser.add_argument("--odoo-url")
        parser.add_argument("--state-dir", help="spool and cached links")
        parser.add_argument("--log-level", default="info")
        options = vars(parser.parse_args(args))
        level = options.pop("log_level").upper()
        logging.basicConfig(level=level, format=LOG_FORMAT, force=True)
        try:
            config = settings.load(options.pop("config"), **options)
            asyncio.run(gateway.run(config))
        except (settings.ConfigError, OSError) as error:
            sys.exit(f"The head-end cannot run: {error}")
