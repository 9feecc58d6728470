"""Loads the pure package of amr_metering without the addon (which needs Odoo)."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "amr_metering" / "estimation"

_spec = importlib.util.spec_from_file_location(
    "amr_estimation", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
)
_module = importlib.util.module_from_spec(_spec)
sys.modules["amr_estimation"] = _module
_spec.loader.exec_module(_module)
