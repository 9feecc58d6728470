"""All validation rules over a day of 10,000 meters, against the ORM meter by meter."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from _odoo import run_script  # noqa: E402


def bench_vee():
    """Seconds for one day: the readings through the door, then the nightly rules."""
    yield from run_script("_estate_script.py _vee_script.py", "amr_metering")
