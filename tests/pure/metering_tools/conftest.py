"""Loads the pure tools of amr_metering without the addon (which needs Odoo)."""

import importlib.util
import sys
from pathlib import Path

FILE = (
    Path(__file__).resolve().parents[3] / "amr_metering" / "tools" / "opening_check.py"
)

spec = importlib.util.spec_from_file_location("amr_opening_check", FILE)
module = importlib.util.module_from_spec(spec)
sys.modules["amr_opening_check"] = module
spec.loader.exec_module(module)
