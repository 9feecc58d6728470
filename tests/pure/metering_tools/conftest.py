"""Loads the pure tools of amr_metering without the addon (which needs Odoo)."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "amr_metering" / "tools"

for name in ("opening_check", "sieve"):
    spec = importlib.util.spec_from_file_location(f"amr_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"amr_{name}"] = module
    spec.loader.exec_module(module)
