"""``odoo amr_handheld``: carry route books to a handheld and home."""

import argparse
import sys
from pathlib import Path

from odoo.cli import Command

# The command starts without the addon's models: nothing of Odoo runs in it.
ADDON = str(Path(__file__).resolve().parents[1])
if ADDON not in sys.path:
    sys.path.append(ADDON)

from handheld import console  # noqa: E402


class AmrHandheld(Command):
    """Carry route books over a serial line. Needs no database.

    load BOOK --port PORT carries a book out; collect FILE --port PORT brings the
    results home; check FILE says what is in a file; simulate FOLDER is a handheld.
    """

    name = "amr_handheld"

    def run(self, args):
        parser = argparse.ArgumentParser(
            prog="odoo amr_handheld", description=self.__doc__
        )
        sys.exit(console.run(args, parser, sys.stdout))
