"""The counter sells prepaid energy: two clerks at once, devices that misbehave."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from doors import DoorError, Operator
from runtime import wait_until

PATIENCE = 120


@pytest.fixture
def clerks(story, stack):
    """Two desks of the front desk's log-in, each with its own session."""
    one = stack.credentials()["clerk"]
    desks = [
        Operator(stack.url, stack.database, one["login"], one["password"])
        for _desk in range(2)
    ]
    for desk in desks:
        desk.context["lang"] = "en_US"
    return desks


def sell(clerk, meter, amount):
    """Sell at the counter; return the order's id."""
    values = {"agreement_id": meter["agreement"], "amount": amount}
    wizard = clerk.create("amr.vend.sell", values)
    return clerk.press("amr.vend.sell", wizard, "action_sell")["res_id"]


def wait_for_credit(story, vend):
    wait_until(lambda: story.vend_state(vend) == "credited", PATIENCE, "the credit")


def test_two_clerks_sell_to_one_meter_once(story, clerks):
    meter = story.prepaid_meter
    before = story.meters.ask(meter["address"])

    def try_to_sell(clerk):
        try:
            return sell(clerk, meter, 24)
        except DoorError as refused:
            return str(refused)

    with story.meters.fault(meter["address"], silent=True):
        with ThreadPoolExecutor() as pool:
            results = list(pool.map(try_to_sell, clerks))
        [vend] = [result for result in results if isinstance(result, int)]
        [refusal] = [result for result in results if isinstance(result, str)]
        name = clerks[0].read("amr.vend", vend, ["name"])["name"]
        assert name in refusal
    wait_for_credit(story, vend)
    story.check_recharge(vend, before)


def test_the_counter_credits_once_when_the_acknowledgement_is_lost(story, clerks):
    meter = story.prepaid_meter
    before = story.meters.ask(meter["address"])
    with story.meters.fault(meter["address"], drop_replies=1, only="credit"):
        vend = sell(clerks[0], meter, 36)
        wait_for_credit(story, vend)
    story.check_recharge(vend, before)


def test_the_counter_waits_for_a_meter_that_does_not_answer(story, clerks):
    meter = story.prepaid_meter
    before = story.meters.ask(meter["address"])
    with story.meters.fault(meter["address"], silent=True):
        vend = sell(clerks[0], meter, 12)
        with pytest.raises(DoorError, match="still being credited"):
            sell(clerks[1], meter, 12)
        assert story.vend_state(vend) == "crediting"
    wait_for_credit(story, vend)
    story.check_recharge(vend, before)
