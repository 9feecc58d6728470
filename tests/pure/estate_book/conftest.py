"""Loads the pure package of amr_metering without the addon (which needs Odoo)."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "amr_metering" / "estate_book"

spec = importlib.util.spec_from_file_location(
    "amr_estate_book",
    FOLDER / "__init__.py",
    submodule_search_locations=[str(FOLDER)],
)
module = importlib.util.module_from_spec(spec)
sys.modules["amr_estate_book"] = module
spec.loader.exec_module(module)
