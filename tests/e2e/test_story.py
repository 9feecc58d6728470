"""The story of `setup/demo --check`, a test a step."""

import pytest
from story import STEPS

NAMES = [step.__name__ for _title, step in STEPS]


@pytest.mark.parametrize("step", [step for _title, step in STEPS], ids=NAMES)
def test_step(story, step):
    assert step(story)


@pytest.mark.parametrize(
    "step",
    [
        step
        for _title, step in STEPS
        if step.__name__ in ("bill_community", "use_portal")
    ],
    ids=lambda step: step.__name__,
)
def test_step_can_be_played_again(story, step):
    """Billing finds nothing new the second time, and a bill billed anew is payable."""
    assert step(story)
