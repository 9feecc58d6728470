"""`setup/bench [NAME …]`: measure, one JSON object a line.

A bench is a function `bench_*` in `tests/bench/*.py`. It yields one mapping a figure:
`name`, `value`, `unit`, and, when there is one, `baseline` (what to compare with) and
`note`. NAME is the name of a file without its ending, or of a function.
"""

import argparse
import importlib.util
import json
import sys

from runtime import ROOT, told

FOLDER = ROOT / "tests/bench"


def benches(names):
    """Yield the functions to run: all of them, or those named."""
    for path in sorted(FOLDER.glob("[!_]*.py")):
        spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in vars(module).items():
            if name.startswith("bench_") and (
                not names or {path.stem, name, name.removeprefix("bench_")} & names
            ):
                yield function


def line(figure):
    """Return one figure as a line of JSON, with the ratio to its baseline."""
    value, baseline = figure["value"], figure.get("baseline")
    return json.dumps(
        {
            "name": figure["name"],
            "value": value,
            "unit": figure["unit"],
            "baseline": baseline,
            "ratio": round(value / baseline, 3) if baseline else None,
            "note": figure.get("note", ""),
        },
        ensure_ascii=False,
    )


def main():
    parser = argparse.ArgumentParser(
        prog="setup/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = set(parser.parse_args().names)
    found = list(benches(names))
    if not found:
        sys.exit(
            f"setup/bench: tests/bench has no {' '.join(sorted(names)) or 'bench'}."
        )
    with told():
        for bench in found:
            for figure in bench():
                print(line(figure), flush=True)


if __name__ == "__main__":
    main()
