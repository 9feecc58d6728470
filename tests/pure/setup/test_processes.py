"""Processes that belong together: watched, stopped, never orphaned."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from process import Process
from runtime import SetupError, wait_until

LIB = Path(__file__).resolve().parents[3] / "setup/lib"
PATIENCE = 10


@pytest.fixture
def run(tmp_path):
    """Start a shell script as a process; whatever is left of it ends with the test."""
    started = []

    def start(script, healthy=lambda: True):
        command = ["sh", "-c", script]
        process = Process("victim", command, tmp_path, {"WORD": "hello"}, healthy)
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"


def written(process):
    """Return what the process has written as a number, when it has."""
    text = process.log.read_text().strip()
    return text.isdigit() and int(text)


def test_its_words_go_to_its_log(run):
    process = run("echo $WORD; sleep 60")
    wait_until(lambda: process.log.read_text() == "hello\n", PATIENCE, "the log")
    assert process.running


def test_what_it_started_ends_with_it(run):
    process = run("sleep 60 & echo $!; wait")
    child = wait_until(lambda: written(process), PATIENCE, "the child")
    process.stop()
    assert not process.running
    wait_until(lambda: not alive(child), PATIENCE, "the end of the child")


def test_a_program_that_ends_by_itself_is_told_with_its_last_words(run):
    process = run("echo no such port; exit 3", healthy=lambda: False)
    with pytest.raises(SetupError, match="no such port"):
        process.wait_until_healthy(PATIENCE)


def test_a_program_that_never_answers_is_given_up(run):
    process = run("sleep 60", healthy=lambda: False)
    with pytest.raises(SetupError, match="victim"):
        process.wait_until_healthy(0.3)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_whoever_started_it(tmp_path, number):
    parent = f"""
        import sys, time
        sys.path.insert(0, {str(LIB)!r})
        from pathlib import Path
        from process import Process
        process = Process("x", ["sleep", "60"], Path({str(tmp_path)!r}), {{}}, bool)
        process.start()
        print(process.pid, flush=True)
        time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        child = int(starter.stdout.readline())
        assert alive(child)
        starter.send_signal(number)
    wait_until(lambda: not alive(child), PATIENCE, "the end of the child")
