"""`setup/test [addon|path …]`: every test of the project, or those named.

1. pytest for what needs no Odoo (`tests`, but for the folders below)
2. Odoo's own runner for the addons, on copies of the template database
3. pytest for the end-to-end tests (`tests/e2e`), with a real browser

A skipped test counts as failed: a browser that is missing must not pass unseen. So
does every WARNING or ERROR that our own addons, or Odoo about them, wrote to a log; a
test that provokes one on purpose says so with `assertLogs`.
"""

import argparse
import os
import queue
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import odoo_log
import test_database
from runtime import PYTHON, ROOT, addons, free_port, lock, told

DATABASE = "test"
END_TO_END = ROOT / "tests/e2e"
BENCH = ROOT / "tests/bench"
NO_TESTS_COLLECTED = 5


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0

    def __add__(self, other):
        return Tally(self.passed + other.passed, self.failed + other.failed)


@dataclass
class Selection:
    """What to run: paths for pytest, addons to install and tags for Odoo's runner."""

    pure: list
    addons: list
    tags: list
    end_to_end: list


def select(names):
    """Turn the arguments into a selection; none of them means everything."""
    chosen = Selection([], [], [], [])
    for name in names or [*(addon.name for addon in addons()), "tests"]:
        select_one(chosen, name.rstrip("/"))
    if str(ROOT / "tests") in chosen.pure:
        chosen.pure = [str(ROOT / "tests")]
    return chosen


def select_one(chosen, name):
    """Add one addon, test file or folder to the selection."""
    path = (ROOT / name.split("::")[0]).resolve()
    if path in addons():
        chosen.addons.append(path.name)
        chosen.tags.append(f"/{path.name}")
        pure = [ROOT / "tests/pure" / part.name for part in path.iterdir()]
        chosen.pure += [str(folder) for folder in pure if folder.is_dir()]
    elif not path.exists() or not path.is_relative_to(ROOT):
        sys.exit(f"setup/test: {name} is neither an addon nor a path of this project.")
    elif path.is_relative_to(END_TO_END):
        chosen.end_to_end.append(name)
    elif path == END_TO_END.parent:
        chosen.pure.append(str(path))
        chosen.end_to_end.append(str(END_TO_END))
    elif path.is_relative_to(END_TO_END.parent):
        chosen.pure.append(name)
    else:
        relative = path.relative_to(ROOT)
        chosen.addons.append(relative.parts[0])
        chosen.tags.append(f"/{relative}")


def heading(text):
    print(f"== {text}", flush=True)


def complain(title, records):
    for record in records:
        print(f"-- {title}: {record}", flush=True)


# --- pytest --------------------------------------------------------------------------


def run_pytest(name, paths, *options):
    """Run pytest on the paths and return its tally."""
    if not any(Path(path.split("::")[0]).exists() for path in paths):
        return Tally()
    heading(f"{name}: {' '.join(shown(path) for path in paths)}")
    result = test_database.FOLDER / f"{name}.xml"
    result.unlink(missing_ok=True)
    status = subprocess.call(
        [PYTHON, "-m", "pytest", "-q", "-rfEs", "--tb=short", f"--junitxml={result}"]
        + [*options, *paths],
        cwd=ROOT,
    )
    if status == NO_TESTS_COLLECTED:
        return Tally()
    if not result.exists():
        return Tally(failed=1)
    return tally_of(ElementTree.parse(result).getroot(), status)


def shown(path):
    path = Path(path)
    return str(path.relative_to(ROOT) if path.is_absolute() else path)


def tally_of(tree, status):
    """Count pytest's result file; a run that broke down counts one failure."""
    total = failed = 0
    for suite in tree.iter("testsuite"):
        total += int(suite.get("tests"))
        failed += sum(int(suite.get(key)) for key in ("failures", "errors", "skipped"))
    return Tally(total - failed, failed or (1 if status else 0))


# --- Odoo ----------------------------------------------------------------------------


def run_addons(chosen):
    """Install the addons into a fresh database, then run their tests; return the tally.

    One addon's tests are one process on a database of its worker, as many at a time as
    there are cores.
    """
    if not chosen.addons:
        return Tally()
    names = list(dict.fromkeys(chosen.addons))
    heading(f"Odoo: {', '.join(names)}")
    started = time.monotonic()
    server = test_database.cluster()
    conf = test_database.conf(server)
    if is_everything(chosen):
        source = test_database.ensure_ours(server)
    else:
        source = test_database.fresh(server, DATABASE)
        installed = run_odoo(conf, "install", "-d", source, "-i", ",".join(names))
        if installed.failed:
            return installed
    databases = queue.SimpleQueue()
    for worker in range(min(os.cpu_count(), len(names))):
        databases.put(test_database.copy_of(server, source, f"{DATABASE}_{worker}"))

    def test(addon):
        database = databases.get()
        tags = ",".join(tag for tag in chosen.tags if tag.split("/")[1] == addon)
        options = ("-d", database, "--http-port", free_port(), "--test-tags", tags)
        try:
            return run_odoo(conf, addon, *options)
        finally:
            databases.put(database)

    with ThreadPoolExecutor(databases.qsize()) as pool:
        total = sum(pool.map(test, sorted(names, key=tests_of)), Tally())
    print(f"{total.passed + total.failed} tests in {time.monotonic() - started:.0f} s")
    return total


def build_beside(chosen):
    """Build the database of all our addons while the pure tests use the other core."""
    if is_everything(chosen) and chosen.pure:
        test_database.ensure_ours(test_database.cluster())


def is_everything(chosen):
    return len(set(chosen.addons)) == len(addons())


def tests_of(addon):
    """Return a key by which the addon with the most tests comes first."""
    files = (ROOT / addon / "tests").glob("test_*.py")
    return -sum(path.read_text().count("def test_") for path in files)


def run_odoo(conf, name, *options):
    """Run Odoo to its end with its output in `odoo_NAME.log`; return the tally."""
    log = test_database.FOLDER / f"odoo_{name}.log"
    status = test_database.run_odoo(conf, log, *options, "--stop-after-init")
    with open(log) as lines:
        report = odoo_log.read(lines)
    complain("failed", report.failures)
    complain("skipped", report.skips)
    failed = report.failed + len(report.skips)
    if status and not failed:
        failed = 1
        print(f"-- Odoo ended with an error; the end of {log}:")
        print("".join(log.read_text().splitlines(keepends=True)[-30:]))
    return Tally(max(report.tests - failed, 0), failed)


def check_logs(since):
    """Count what our addons complained about in the logs written since `since`."""
    complaints = []
    for log in sorted(test_database.FOLDER.rglob("*.log")):
        if log.stat().st_mtime >= since:
            with open(log, errors="replace") as lines:
                complaints += odoo_log.read(lines).complaints
    if complaints:
        heading("logs")
        complain("in the log", complaints)
    return Tally(failed=len(complaints))


def main():
    parser = argparse.ArgumentParser(
        prog="setup/test",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="addon|path")
    chosen = select(parser.parse_args().names)
    test_database.FOLDER.mkdir(parents=True, exist_ok=True)
    since = time.time()
    ignored = [f"--ignore={folder}" for folder in (END_TO_END, BENCH)]
    with told(), lock("test"):
        with ThreadPoolExecutor(1) as pool:
            built = pool.submit(build_beside, chosen)
            tally = run_pytest("pure", chosen.pure, *ignored)
        built.result()
        tally += run_addons(chosen)
        tally += run_pytest("end-to-end", chosen.end_to_end, "--durations=12")
        test_database.leave_cluster()
    tally += check_logs(since)
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed or not tally.passed else 0)


if __name__ == "__main__":
    main()
