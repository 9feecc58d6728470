"""The archive's workbook against the ORM's create(), row by row."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from _odoo import run_script  # noqa: E402


def bench_import():
    """Seconds for a workbook of 10,000 rows: check, import, import again, export."""
    yield from run_script("_import_script.py", "amr_metering")
