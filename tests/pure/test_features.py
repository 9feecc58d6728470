"""docs/features.md tells the truth: no feature is done without a test that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (\w+) \| *(.*?) *\|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "features.md").read_text(encoding="utf-8"))


def test_every_feature_has_its_row():
    assert [int(row[0]) for row in ROWS] == list(range(1, 225))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_state_and_proof(row):
    _number, _feature, state, proofs = row
    assert state in ("done", "part", "open")
    named = proofs.split()
    assert bool(named) == (state != "open"), "done and part name a test, open none"
    for proof in named:
        path, _, name = proof.partition("::")
        source = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"def {re.escape(name.rpartition('::')[2])}\b", source), proof
