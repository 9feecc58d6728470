"""Every test of an addon is one that `setup/test` runs."""

import re

import pytest
from runtime import ROOT

CLASSES = re.compile(r"((?:^@.*\n)*)^class (Test\w+)\(", re.M)
FILES = sorted(ROOT.glob("amr_*/tests/test_*.py"))


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parts[-3]}/{path.name}"
)
def test_classes_run_after_installation(path):
    found = CLASSES.findall(path.read_text())
    assert found
    for decorators, name in found:
        assert '"post_install"' in decorators, f"{name} is never run"


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parts[-3]}/{path.name}"
)
def test_files_are_imported(path):
    imported = re.findall(r"\w+", (path.parent / "__init__.py").read_text())
    assert path.stem in imported, f"{path.name} is never run"


def test_pure_tests_have_names_of_their_own():
    """Two files of one name cannot be collected together."""
    names = [path.name for path in ROOT.glob("tests/pure/**/test_*.py")]
    assert sorted(set(names)) == sorted(names)
