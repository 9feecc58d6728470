"""The counter sells prepaid energy: two clerks at once, devices that misbehave."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from doors import DoorError, Operator
from runtime import DB_USER, wait_until

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


@pytest.fixture
def windows(story, stack):
    """Two windows of the prepaid resident, each with its own session."""
    one = stack.credentials()["prepaid_resident"]
    return [
        Operator(stack.url, stack.database, one["login"], one["password"])
        for _window in range(2)
    ]


@contextlib.contextmanager
def order_held(stack, vend):
    """Hold an order until two others wait for it; then let both go on at once."""
    connection = psycopg2.connect(
        host=stack.cluster.socket, user=DB_USER, dbname=stack.database
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM amr_vend WHERE id = %s FOR NO KEY UPDATE", [vend]
        )
        yield lambda: wait_until(
            lambda: waiting_for_orders(stack) == 2, PATIENCE, "both windows"
        )
        connection.commit()


def waiting_for_orders(stack):
    """Return how many sessions wait for a lock on an order."""
    [[found]] = stack.cluster.psql(
        stack.database,
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database() AND query LIKE '%amr_vend%NO KEY UPDATE%'",
    )
    return int(found)


def test_two_windows_pay_a_recharge_once(story, stack, windows):
    """Both press “pay” in the same moment, and both payments are confirmed."""
    admin, meter = story.operator("admin"), story.prepaid_meter
    before = story.meters.ask(meter["address"])
    with story.resident("prepaid_resident") as resident:
        story.choose_recharge(resident)
        vend = int(resident.page.url.rpartition("/")[2].partition("?")[0])
    provider = admin.one(
        "payment.provider",
        [("code", "=", "demo"), ("state", "=", "test")],
        ["payment_method_ids"],
    )
    params = {
        "provider_id": provider["id"],
        "payment_method_id": provider["payment_method_ids"][0],
        "token_id": None,
        "amount": admin.read("amr.vend", vend, ["amount"])["amount"],
        "flow": "direct",
        "tokenization_requested": False,
        "landing_route": "/my",
        "is_validation": False,
        "access_token": None,
    }

    def pay(window):
        return window.ask(f"/my/energy/vend/{vend}/transaction", params)["reference"]

    def confirm(window):
        answer = {"reference": references[0], "simulated_state": "done"}
        window.ask("/payment/demo/simulate_payment", answer)
        window.ask("/payment/status/poll", {})

    with ThreadPoolExecutor() as pool:
        with order_held(stack, vend) as both_wait:
            paying = [pool.submit(pay, window) for window in windows]
            both_wait()
        references = [payment.result() for payment in paying]
        assert references[0] == references[1], "one and the same payment"
        list(pool.map(confirm, windows))
    wait_for_credit(story, vend)
    story.check_recharge(vend, before)
    payments = [("payment_transaction_id.amr_vend_id", "=", vend)]
    assert admin.count("account.payment", payments) == 1


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
