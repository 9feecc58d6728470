"""The main screens in Chinese: they open, nothing on them is left in English.

With AMR_UPDATE_SCREENSHOTS set each is kept as a picture in `docs/screenshots`, and a
few more that only the documentation needs.
"""

import os
import re
from pathlib import Path

import pytest
from doors import DESKTOP, PHONE, Visitor

ROOT = Path(__file__).resolve().parents[2]
# Two English words in a row; names of products and standards are single words.
ENGLISH = re.compile(r"\b[A-Za-z][a-z]+(?: [A-Za-z][a-z]+)+\b")
NAMES = {"Powered by Odoo"}

CHART_GROWS = 1500  # milliseconds
PICTURES = bool(os.environ.get("AMR_UPDATE_SCREENSHOTS"))

# picture, role, action, what of it: a list, the newest record, or a new one
DESK = (
    ("concentrators", "admin", "amr_device_gateway.amr_concentrator_action", "list"),
    (
        "concentrator",
        "admin",
        "amr_device_gateway.amr_concentrator_action",
        "amr.concentrator",
    ),
    ("communities", "admin", "amr_base.amr_community_action", "list"),
    ("community", "admin", "amr_base.amr_community_action", "amr.community"),
    ("tariffs", "admin", "amr_base.amr_tariff_action", "list"),
    ("tariff", "admin", "amr_base.amr_tariff_action", "amr.tariff"),
    ("accounts", "admin", "amr_base.amr_account_action", "list"),
    ("account", "admin", "amr_base.amr_account_action", "amr.account"),
    ("meters", "community_admin", "amr_metering.amr_meter_action", "list"),
    ("meter", "community_admin", "amr_metering.amr_meter_action", "amr.meter"),
    ("readings", "reader", "amr_metering.amr_reading_action", "list"),
    ("exceptions", "reader", "amr_metering.amr_exception_action", "list"),
    ("read_tasks", "reader", "amr_metering.amr_read_task_action", "list"),
    ("links", "community_admin", "amr_device_gateway.amr_link_action", "list"),
    ("command", "admin", "amr_device_gateway.amr_command_action", "amr.command"),
    ("billing_run", "community_admin", "amr_billing.amr_billing_run_action", "run"),
    ("bills", "community_admin", "amr_billing.amr_bill_action", "list"),
    ("charges", "community_admin", "amr_billing.amr_charge_action", "list"),
    ("counter", "clerk", "amr_prepaid.amr_vend_sell_action", "wizard"),
    ("orders", "clerk", "amr_prepaid.amr_vend_action", "list"),
    ("order", "clerk", "amr_prepaid.amr_vend_action", "amr.vend"),
    ("dashboard", "community_admin", "amr_metering.amr_dashboard_action", "list"),
    ("status_board", "reader", "amr_metering.amr_status_board_action", "list"),
    ("alarms", "reader", "amr_metering.amr_alarm_action", "list"),
    ("import", "community_admin", "amr_metering.amr_excel_import_action", "list"),
    ("lines", "community_admin", "amr_base.amr_line_action", "list"),
    ("plans", "community_admin", "amr_metering.amr_read_plan_action", "list"),
    ("read_success", "community_admin", "amr_metering.amr_read_kpi_action", "list"),
    ("rules", "community_admin", "amr_metering.amr_vee_rule_action", "list"),
    ("hours", "reader", "amr_metering.amr_interval_usage_action", "list"),
    ("route_books", "reader", "amr_metering.amr_route_book_action", "list"),
    ("go_live", "community_admin", "amr_metering.amr_commissioning_action", "list"),
    ("month_matrix", "reader", "amr_metering.amr_usage_matrix_action", "list"),
    ("month_report", "reader", "amr_metering.amr_usage_month_action", "list"),
    ("losses", "reader", "amr_metering.amr_loss_report_action", "list"),
    ("operation_log", "admin", "amr_base.auditlog_log_action", "list"),
)
# More pictures of the documentation, of screens like those above.
if PICTURES:
    DESK += (
        ("link", "admin", "amr_device_gateway.amr_link_action", "dtu"),
        ("usage", "reader", "amr_metering.amr_usage_day_action", "list"),
        ("meter_models", "admin", "amr_metering.amr_meter_model_action", "list"),
        ("read_results", "reader", "amr_metering.amr_read_task_line_action", "list"),
        ("current_data", "reader", "amr_metering.amr_meter_current_action", "list"),
        ("reading_round", "reader", "amr_metering.amr_reading_round_action", "list"),
    )
# what readers and managers look at on the way
PHONE_DESK = (
    ("read_tasks", "reader", "amr_metering.amr_read_task_action"),
    ("commands", "community_admin", "amr_device_gateway.amr_command_action"),
    ("dashboard", "reader", "amr_metering.amr_dashboard_action"),
    ("status_board", "reader", "amr_metering.amr_status_board_action"),
    ("reading_round", "reader", "amr_metering.amr_reading_round_action"),
    ("exceptions", "reader", "amr_metering.amr_exception_action"),
    ("current_data", "reader", "amr_metering.amr_meter_current_action"),
    ("day_report", "reader", "amr_metering.amr_usage_day_action"),
    ("month_report", "reader", "amr_metering.amr_usage_month_action"),
    ("hours", "reader", "amr_metering.amr_interval_usage_action"),
    ("plans", "community_admin", "amr_metering.amr_read_plan_action"),
    ("rules", "community_admin", "amr_metering.amr_vee_rule_action"),
    ("import", "community_admin", "amr_metering.amr_excel_import_action"),
    ("go_live", "community_admin", "amr_metering.amr_commissioning_action"),
    ("agreements", "community_admin", "amr_metering.amr_agreement_action"),
    ("charges", "community_admin", "amr_billing.amr_charge_action"),
    ("arrears", "community_admin", "amr_billing.amr_arrears_action"),
    ("wallets", "community_admin", "amr_prepaid.amr_wallet_action"),
    ("abnormal_use", "reader", "amr_metering.amr_abnormal_use_action"),
    ("operation_log", "admin", "amr_base.auditlog_log_action"),
)
VIEWS = (
    ".o_list_view, .o_kanban_view, .o_form_view, .modal .o_form_view, .o_pivot_view, "
    ".o_graph_view, .o_amr_dashboard_bar, .o_amr_tiles, .o_amr_entry_line"
)
SETTLED = """() => !document.querySelector(".o_loading_indicator, .o_blockUI")
    && Array.from(document.images).every((image) => image.complete)"""


@pytest.fixture(scope="module", autouse=True)
def played(story):
    """Something to look at, when these tests run without those of the story."""
    admin = story.operator("admin")
    if not admin.count("amr.vend", [("state", "=", "credited")]):
        story.recharge_once()
        story.read_concentrator()
        story.switch_relay()


def picture_of(visitor, name, **options):
    """Keep a picture for the documentation, when pictures are wanted."""
    if PICTURES:
        if visitor.page.locator("canvas").count():
            visitor.page.wait_for_timeout(CHART_GROWS)
        visitor.page.screenshot(path=ROOT / f"docs/screenshots/{name}.png", **options)


@pytest.fixture(scope="module")
def visitors(stack, browser):
    """Return a visitor of a role at a width, logged in once."""
    known = {}

    def visitor(role, viewport=DESKTOP):
        key = role, viewport["width"]
        if key not in known:
            one = stack.credentials()[role]
            known[key] = Visitor(
                browser, stack.url, one["login"], one["password"], viewport
            )
        return known[key]

    yield visitor
    for one in known.values():
        one.context.close()


def english(page, selector="body"):
    """Return the English sentences that a reader of the page would see."""
    text = page.locator(selector).first.inner_text()
    return sorted(set(ENGLISH.findall(text)) - NAMES)


def address(story, role, action, what):
    """Return the address of a screen of the desk."""
    path = f"/odoo/action-{action}"
    if what in ("list", "wizard"):
        return path
    domain = []
    model = what
    if what == "run":
        model, domain = "amr.billing.run", [("move_ids", "!=", False)]
    if what == "dtu":
        model, domain = "amr.link", [("kind", "=", "dtu")]
    record = story.operator(role).one(model, domain, ["id"], order="id desc")
    return f"{path}/{record['id']}"


@pytest.mark.parametrize(
    ("picture", "role", "action", "what"), DESK, ids=[row[0] for row in DESK]
)
def test_desk(story, visitors, picture, role, action, what):
    visitor = visitors(role)
    visitor.go(address(story, role, action, what))
    visitor.wait(VIEWS)
    visitor.page.wait_for_function(SETTLED)
    assert not visitor.page.locator(".o_error_dialog").count()
    picture_of(visitor, f"{picture}_desktop")
    assert not english(visitor.page)


@pytest.mark.parametrize(
    ("picture", "role", "action"), PHONE_DESK, ids=[row[0] for row in PHONE_DESK]
)
def test_phone_of_the_desk(visitors, picture, role, action):
    visitor = visitors(role, PHONE)
    visitor.go(f"/odoo/action-{action}")
    visitor.wait(VIEWS)
    visitor.page.wait_for_function(SETTLED)
    assert not visitor.page.locator(".o_error_dialog").count()
    picture_of(visitor, f"{picture}_phone")
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"], "the page is wider than the phone"
    assert not english(visitor.page)


def test_a_hurried_clerk_reads_what_is_missing(visitors):
    visitor = visitors("community_admin")
    visitor.go("/odoo/action-amr_metering.amr_read_task_action/new")
    visitor.wait(".o_statusbar_buttons button").click()
    assert "小区" in visitor.text(".o_notification")


def test_a_list_of_exceptions_is_a_column_of_cards_on_a_phone(visitors):
    visitor = visitors("reader", PHONE)
    visitor.go("/odoo/action-amr_metering.amr_exception_action")
    visitor.wait(".o_kanban_view .o_kanban_record")
    assert not visitor.page.locator(".o_kanban_grouped").count()


def test_a_frame_is_explained_byte_by_byte(story, visitors):
    """An engineer opens what a concentrator said, and reads it in his own words."""
    admin = story.operator("admin")
    command = admin.one(
        "amr.command",
        [("concentrator_id", "!=", False), ("state", "=", "done")],
        ["id"],
        order="id desc",
    )
    visitor = visitors("admin")
    visitor.go(f"/odoo/action-amr_device_gateway.amr_command_action/{command['id']}")
    visitor.wait("[name=frame_ids] .o_data_row >> nth=1").click()
    assert "0A" in visitor.text(".modal [name=anatomy] table")
    picture_of(visitor, "frame_desktop")
    assert not english(visitor.page)


def test_progress_is_live(story, visitors):
    """The reader presses "Read" and sees the bar grow without touching anything."""
    visitor = visitors("reader")
    community = story.community["id"]
    visitor.go(f"/odoo/action-amr_base.amr_community_action/{community}")
    visitor.wait("button[name=action_read]").click()
    bar = visitor.wait(".o_form_view .progress .bg-success >> text=/[0-9]/")
    first = int(bar.inner_text())
    seen = f"() => document.querySelector('.progress .bg-success').innerText > {first}"
    visitor.page.wait_for_function(seen)
    picture_of(visitor, "read_task_desktop")
    assert not english(visitor.page)
    assert int(bar.inner_text()) > first
    task = story.operator("reader").one("amr.read.task", [], ["id"], order="id desc")
    story.watch_reading(task["id"])


def pages_of_residents(story):
    """Return picture, role, path and what must be seen, for each page."""
    admin = story.operator("admin")
    account = admin.one(
        "amr.account",
        [("partner_id.name", "=", story.stack.credentials()["resident"]["name"])],
        ["id"],
    )
    bill = admin.one(
        "account.move",
        [("amr_account_id", "=", account["id"]), ("move_type", "=", "out_invoice")],
        ["id"],
        order="id desc",
    )
    vend = admin.one("amr.vend", [("state", "=", "credited")], ["id"], order="id desc")
    agreement = story.prepaid_meter["agreement"]
    return {
        "home": ("resident", "/my/energy", ".o_amr_account"),
        "usage": (
            "resident",
            f"/my/energy/account/{account['id']}",
            "svg.o_amr_chart",
        ),
        "bill": ("resident", f"/my/invoices/{bill['id']}", "#invoice_content"),
        "recharge": (
            "prepaid_resident",
            f"/my/energy/recharge/{agreement}",
            ".o_amr_recharge",
        ),
        "receipt": (
            "prepaid_resident",
            f"/my/energy/vend/{vend['id']}",
            ".o_amr_vend",
        ),
    }


@pytest.mark.parametrize("picture", ("home", "usage", "bill", "recharge", "receipt"))
def test_phone(story, visitors, picture):
    role, path, selector = pages_of_residents(story)[picture]
    visitor = visitors(role, PHONE)
    visitor.go(path)
    visitor.wait(selector)
    visitor.page.wait_for_function(SETTLED)
    picture_of(visitor, f"{picture}_phone", full_page=True)
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"], "the page is wider than the phone"
    assert not english(visitor.page, "main, #wrapwrap")
