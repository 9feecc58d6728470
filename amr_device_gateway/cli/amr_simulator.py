"""``odoo amr_simulator``: simulated DTUs and meters for demo, tests and benchmarks."""

import sys
from pathlib import Path

from odoo.cli import Command

# The simulator starts without the addon's models: nothing of Odoo runs in it.
ADDON = str(Path(__file__).resolve().parents[1])
if ADDON not in sys.path:
    sys.path.append(ADDON)

from headend import main  # noqa: E402


class AmrSimulator(Command):
    """Run simulated DTUs and meters that dial a head-end. Needs no database."""

    name = "amr_simulator"

    def run(self, args):
        main.run_simulator(self.parser, args)
