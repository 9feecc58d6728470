"""A process is killed in the middle of a read or a recharge, and started again.

What is there in the end is what would be there had nothing happened: each meter of the
read task has one reading or an open exception, the credit is on the meter once.
"""

import pytest
from runtime import wait_until

PATIENCE = 120


@pytest.fixture(params=["headend", "odoo"])
def victim(request, stack):
    """The process that is killed; Odoo runs the job."""
    return getattr(stack, request.param)


def test_killed_while_reading(story, stack, victim):
    task = story.start_reading()
    wait_until(lambda: story.reading(task)["done_count"], PATIENCE, "the first meters")
    counts = story.reading(task)
    assert counts["state"] == "running"
    assert counts["done_count"] < counts["total_count"] - 1
    victim.kill()
    stack.restart(victim)
    wait_until(
        lambda: stack.wake_runner() and story.reading(task)["state"] == "done",
        PATIENCE,
        "the read task",
    )
    story.check_reading(task)


def test_killed_while_crediting(story, stack, victim):
    """The frame has left, its acknowledgement has not come."""
    address = story.prepaid_meter["address"]
    before = story.meters.ask(address)
    with story.meters.fault(address, delay_ms=2500):
        with story.resident("prepaid_resident") as resident:
            vend = story.order_recharge(resident)
            wait_until(
                lambda: (
                    story.meters.ask(address)["purchase_no"] > before["purchase_no"]
                ),
                PATIENCE,
                "the credit on the meter",
            )
            victim.kill()
        assert (
            story.vend_state(vend) == "crediting" if victim is stack.headend else True
        )
    stack.restart(victim)
    wait_until(
        lambda: stack.wake_runner() and story.vend_state(vend) == "credited",
        PATIENCE,
        "the end of the order",
    )
    story.check_recharge(vend, before)


def test_killed_before_crediting(story, stack, victim):
    """The command is written down, its frame has not left."""
    address = story.prepaid_meter["address"]
    before = story.meters.ask(address)
    with story.meters.fault(address, silent=True):
        with story.resident("prepaid_resident") as resident:
            vend = story.order_recharge(resident)
            wait_until(
                lambda: story.vend_state(vend) == "crediting", PATIENCE, "the command"
            )
            victim.kill()
    assert story.meters.ask(address)["purchase_no"] == before["purchase_no"]
    stack.restart(victim)
    wait_until(
        lambda: stack.wake_runner() and story.vend_state(vend) == "credited",
        PATIENCE,
        "the end of the order",
    )
    story.check_recharge(vend, before)
