"""The command that a person types, with a handheld of its own."""

import argparse
import io

import pytest
from handheld import console
from handheld.book import dump, parse
from handheld.simulator import Simulator


@pytest.fixture
def handheld(tmp_path):
    simulator = Simulator(tmp_path / "memory")
    yield simulator
    simulator.close()


def typed(*args):
    out = io.StringIO()
    code = console.run([str(arg) for arg in args], argparse.ArgumentParser(), out)
    return code, out.getvalue()


def test_out_and_home(handheld, book, tmp_path):
    made, home = tmp_path / "RB00001.txt", tmp_path / "home.txt"
    made.write_bytes(dump(book))
    code, told = typed("load", made, "--port", handheld.port)
    assert (code, "40 meters loaded" in told, "100 %" in told) == (0, True, True)
    handheld.device.walk(lambda meter: meter.previous + 1)
    code, told = typed("collect", home, "--port", handheld.port)
    assert (code, "40 read, 0 not readable" in told) == (0, True)
    assert len(parse(home.read_bytes()).book.results) == 40
    assert not (tmp_path / "home.txt.part").exists()
    assert not handheld.device.has_unsaved_results()


def test_what_is_wrong_is_said(tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("hello")
    code, told = typed("load", bad, "--port", "/dev/null")
    assert (code, "cut short" in told) == (1, True)
    code, told = typed("collect", tmp_path / "x", "--port", tmp_path / "none")
    assert (code, "cannot be opened" in told) == (1, True)
    code, told = typed("check", tmp_path / "none.txt")
    assert code == 1
