"""Loads the pure packages of amr_billing without the addon (which needs Odoo)."""

import importlib.util
import sys
from pathlib import Path

ADDON = Path(__file__).resolve().parents[3] / "amr_billing"


def _load(name: str, folder: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


_load("amr_rating", ADDON / "rating")
_load("amr_billing_tools", ADDON / "tools")
