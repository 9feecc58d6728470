"""The whole system, isolated: own database, own ports, the demo's data and processes.

Making the database takes a minute, so a pristine copy is kept until an addon, the demo
data or the day changes.
"""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The commands' own modules, and the head-end's package, which needs no Odoo.
sys.path[:0] = [str(ROOT / "setup/lib"), str(ROOT / "amr_device_gateway")]

import demo_database  # noqa: E402
import test_database  # noqa: E402
from demo_stack import Stack  # noqa: E402
from doors import chromium  # noqa: E402
from runtime import odoo_command  # noqa: E402
from story import Story  # noqa: E402

FOLDER = test_database.FOLDER / "e2e"
DATA_FILES = sorted((ROOT / "setup/lib").glob("demo_*.py"))


collect_ignore = [] if os.environ.get("AMR_KILLS") else ["test_kill_again.py"]
# What kills processes comes last, and screens show what the story has left.
ORDER = (
    "test_story",
    "test_screens",
    "test_prepaid",
    "test_bad_input",
    "test_kill",
    "test_kill_again",
)


def pytest_collection_modifyitems(items):
    def place(item):
        name = item.path.stem
        return ORDER.index(name) if name in ORDER else -1

    items.sort(key=place)


def make_database(stack):
    """Give the stack a database in which nobody has done anything yet."""
    pristine = Stack(stack.cluster, "e2e_pristine", FOLDER / "pristine", stack.data_dir)
    # its history ends today
    today = pristine.folder / "today"
    today.write_text(date.today().isoformat())
    if not demo_database.is_current(pristine, today, *DATA_FILES):
        ours = test_database.ensure_ours(stack.cluster)
        demo_database.create(pristine, today, *DATA_FILES, installed=ours)
    demo_database.copy(pristine, stack)


@pytest.fixture(scope="session")
def stack():
    """The running system."""
    server = test_database.cluster()
    stack = Stack(server, "e2e", FOLDER, test_database.DATA, default_ports=False)
    for log in FOLDER.glob("*.log"):
        log.unlink()
    make_database(stack)
    with stack:
        stack.start()
        yield stack


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def story(stack, browser):
    """The people of the story, and the meters' control port."""
    story = Story(stack, browser)
    story.wait_for_links()
    return story


@pytest.fixture
def console():
    """Decode a frame with the engineer's console; returns what it prints."""

    def decode(frame):
        command = odoo_command("amr_console", "decode", frame.hex())
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return decode
