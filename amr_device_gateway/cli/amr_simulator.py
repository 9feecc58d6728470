"""``odoo amr_simulator``: simulated DTUs and meters for demo, tests and benchmarks."""

import asyncio
import logging
import sys
from pathlib import Path

from odoo.cli import Command

# The head-end starts without the addon's models: nothing of Odoo runs in it.
ADDON = str(Path(__file__).resolve().parents[1])
if ADDON not in sys.path:
    sys.path.append(ADDON)

from headend import simulator  # noqa: E402
from headend.simulator.app import SimulatorError  # noqa: E402

LOG_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


class AmrSimulator(Command):
    """Run simulated DTUs and meters that dial a head-end. Needs no database."""

    name = "amr_simulator"

    def run(self, args):
        parser = self.parser
        parser.add_argument("-c", "--config", required=True, help="JSON file")
        parser.add_argument("--state", help="file that keeps the meters' state")
        parser.add_argument("--headend", help="HOST:PORT of the DTU listener")
        parser.add_argument("--control-port", type=int)
        parser.add_argument("--log-level", default="info")
        options = parser.parse_args(args)
        logging.basicConfig(
            level=options.log_level.upper(), format=LOG_FORMAT, force=True
        )
        try:
            config = simulator.load(options.config)
            for key in ("state", "headend", "control_port"):
                if getattr(options, key) is not None:
                    config[key] = getattr(options, key)
            asyncio.run(simulator.run(config))
        except (SimulatorError, OSError) as error:
            sys.exit(f"The simulator cannot run: {error}")
