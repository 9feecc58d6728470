"""``odoo amr_console``: read and write meter frames by hand."""

import json
import sys
from pathlib import Path

from odoo.cli import Command

# The console starts without the addon's models: nothing of Odoo runs in it.
ADDON = str(Path(__file__).resolve().parents[1])
if ADDON not in sys.path:
    sys.path.append(ADDON)

from headend import console  # noqa: E402


class AmrConsole(Command):
    """Decode and encode meter frames. Needs no database.

    decode [--protocol NAME] HEX (or - for one frame a line from standard input)
    prints one JSON object a frame; encode prints the hex of request frames.
    """

    name = "amr_console"

    def run(self, args):
        try:
            for answer in console.run(args, sys.stdin, self.parser):
                text = (
                    answer
                    if isinstance(answer, str)
                    else json.dumps(answer, ensure_ascii=False)
                )
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
        except console.ConsoleError as error:
            sys.exit(str(error))
