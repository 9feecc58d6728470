"""Command lines of the processes, shared by Odoo's commands and plain Python."""

import asyncio
import logging
import os
import sys

from . import config as settings
from . import gateway, simulator
from .simulator.app import SimulatorError

LOG_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
LEVELS = ("debug", "info", "warning", "error")


def run_headend(parser, args):
    """Run the head-end until it is told to stop.

    :raises SystemExit: a setting is wrong or a port is taken, said in a sentence
    """
    parser.add_argument("-c", "--config", default=os.environ.get("ODOO_RC"))
    parser.add_argument("--name", help="how this head-end calls itself to Odoo")
    parser.add_argument("--dtu-host", help="address to listen on for DTUs")
    parser.add_argument("--dtu-port", type=int, help="default 30116")
    parser.add_argument("--control-host", help="default 127.0.0.1")
    parser.add_argument("--control-port", type=int, help="default 7610")
    parser.add_argument("--odoo-url", help="base address of Odoo")
    parser.add_argument("--state-dir", help="folder of the spool and the cached links")
    options = vars(_parse(parser, args))
    try:
        config = settings.load(options.pop("config"), **options)
        asyncio.run(gateway.run(config))
    except (settings.ConfigError, OSError) as error:
        sys.exit(f"The head-end cannot run: {error}")


def run_simulator(parser, args):
    """Run simulated DTUs and meters until told to stop.

    :raises SystemExit: the configuration is wrong or the port is taken
    """
    parser.add_argument("-c", "--config", required=True, help="JSON file")
    parser.add_argument("--state", help="file that keeps what the meters remember")
    parser.add_argument("--headend", help="HOST:PORT of the DTU listener")
    parser.add_argument("--control-port", type=int, help="default 7611")
    options = vars(_parse(parser, args))
    try:
        config = simulator.load(options.pop("config"))
        config.update({key: value for key, value in options.items() if value})
        asyncio.run(simulator.run(config))
    except (SimulatorError, OSError) as error:
        sys.exit(f"The simulator cannot run: {error}")


def _parse(parser, args):
    """Parse, and send the log to standard error."""
    parser.add_argument("--log-level", choices=LEVELS, default="info")
    options = parser.parse_args(args)
    # by number: Odoo gives the name INFO to a level of its own
    level = getattr(logging, options.log_level.upper())
    logging.basicConfig(level=level, format=LOG_FORMAT, force=True)
    del options.log_level
    return options
