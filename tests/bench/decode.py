"""Frames a second of DL/T 645-2007 against two libraries of the package index."""

import subprocess
import sys
from pathlib import Path

from runtime import PYTHON, ROOT, RUN

SCRIPT = Path(__file__).parent / "_decode_script.py"
OURS = ROOT / "amr_device_gateway"
OTHERS = {"dlt645": "dlt645==3.2.0", "python-dlt645": "python-dlt645==0.1.4"}


def bench_decode():
    """From the bytes of a reply to address, item and value."""
    speeds = {name: _others(name, package) for name, package in OTHERS.items()}
    ours = _speed("ours", OURS)
    told = [f"{name}: {_told(speed)}" for name, speed in speeds.items()]
    yield {
        "name": "decode",
        "value": round(ours),
        "unit": "frames/s",
        "baseline": round(max(filter(None, speeds.values()), default=0)) or None,
        "note": f"of CPU time, 20,000 different replies; {', '.join(told)}; "
        "python-dlt645 leaves the decimal places to its caller",
    }


def _told(speed):
    return f"{speed:,.0f}/s" if speed else "not installed"


def _others(name, package):
    """Speed of a library in a folder of its own (both are called dlt645 inside)."""
    folder = RUN / "bench" / name
    if not folder.exists():
        pip = [PYTHON, "-m", "pip", "install", "-q", "--target", folder, package]
        if subprocess.run(pip, stderr=subprocess.DEVNULL).returncode:
            return None
    return _speed(name, folder)


def _speed(name, folder):
    done = subprocess.run(
        [PYTHON, SCRIPT, name, folder], stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.stderr.write(f"{name} failed\n")
        return None
    return float(done.stdout)
