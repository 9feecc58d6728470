"""The one door for readings against raw COPY and against the ORM's create()."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from _odoo import run_script  # noqa: E402


def bench_ingest():
    """Rows per second of 10,000 meters × 31 daily readings."""
    yield from run_script("_estate_script.py _ingest_script.py", "amr_metering")
