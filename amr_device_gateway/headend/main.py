"""Command lines of the processes, shared by Odoo's commands and plain Python."""

import asyncio
import os
import sys

from . import config as settings
from . import gateway, runlog, simulator
from .simulator.app import SimulatorError

LEVELS = ("debug", "info", "warning", "error")


def run_headend(parser, args):
    """Run the head-end until it is told to stop.

    :raises SystemExit: a setting is wrong or a port is taken, said in a sentence
    """
    parser.add_argument("-c", "--config", default=os.environ.get("ODOO_RC"))
    parser.add_argument("--name", help="how this head-end calls itself to Odoo")
    parser.add_argument("--dtu-host", help="address to listen on for DTUs")
    parser.add_argument("--dtu-port", type=int, help="default 30116")
    parser.add_argument("--concentrator-host", help="the same for concentrators")
    parser.add_argument("--concentrator-port", type=int, help="default 6012")
    parser.add_argument("--control-host", help="default 127.0.0.1")
    parser.add_argument("--control-port", type=int, help="default 7610")
    parser.add_argument("--odoo-url", help="base address of Odoo")
    parser.add_argument("--state-dir", help="folder of the spool and the cached links")
    parser.add_argument("--log-file", help="run log, turned over when it is full")
    options = vars(_parse(parser, args))
    level = options.pop("log_level")
    try:
        config = settings.load(options.pop("config"), **options)
        runlog.start(config, level)
        asyncio.run(gateway.run(config))
    except (settings.ConfigError, OSError) as error:
        sys.exit(f"The head-end cannot run: {error}")


def run_simulator(parser, args):
    """Run simulated DTUs and meters until told to stop.

    :raises SystemExit: the configuration is wrong or the port is taken
    """
    parser.add_argument("-c", "--config", required=True, help="JSON or TOML file")
    parser.add_argument("--state", help="file that keeps what the meters remember")
    parser.add_argument("--headend", help="HOST:PORT of the DTU listener")
    parser.add_argument(
        "--concentrator-headend", help="HOST:PORT of the concentrator listener"
    )
    parser.add_argument("--control-port", type=int, help="default 7611")
    options = vars(_parse(parser, args))
    runlog.start(settings.Config(), options.pop("log_level"))
    try:
        config = simulator.load(options.pop("config"))
        config.update({key: value for key, value in options.items() if value})
        asyncio.run(simulator.run(config))
    except (SimulatorError, OSError) as error:
        sys.exit(f"The simulator cannot run: {error}")


def _parse(parser, args):
    parser.add_argument("--log-level", choices=LEVELS, default="info")
    return parser.parse_args(args)
