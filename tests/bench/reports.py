"""The month matrix through the web client's call; a meter's year of hours."""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from _odoo import run_script  # noqa: E402


def bench_month_matrix():
    """Seconds for 3,462 meters × 31 days, JSON over HTTP as the web client asks."""
    yield from run_script("_month_matrix_script.py", "amr_metering")


def bench_history():
    """Milliseconds for a meter's year of hours out of 50 million (or BENCH_ROWS)."""
    os.environ.setdefault("BENCH_ROWS", "50000000")
    yield from run_script("_history_script.py", "amr_metering")
