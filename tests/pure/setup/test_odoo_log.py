"""What `setup/test` makes of Odoo's log."""

import odoo_log

STAMP = "2026-11-21 07:12:41,687 165"


def read(*lines):
    text = "".join(f"{STAMP} {line}\n" for line in lines)
    return odoo_log.read(text.splitlines(keepends=True))


def test_counts_are_odoos_own():
    report = read(
        "INFO test odoo.tests.stats: amr_base: 20 tests 1.20s 300 queries",
        "ERROR test odoo.tests.result: 1 failed, 2 error(s) of 25 tests"
        " when loading database 'test'",
    )
    assert (report.tests, report.failed) == (25, 3)
    assert not report.complaints


def test_a_failed_test_is_told_with_its_traceback():
    report = read(
        "ERROR test odoo.addons.amr_base.tests.test_tariff: FAIL: TestTariff.test_x\n"
        "Traceback (most recent call last):\nAssertionError: 1 != 2",
        "INFO test odoo.modules.loading: Modules loaded.",
    )
    (failure,) = report.failures
    assert str(failure).endswith("AssertionError: 1 != 2")
    assert not report.complaints


def test_a_skipped_tour_is_seen():
    report = read(
        "INFO test odoo.addons.amr_portal.tests.test_tours:"
        " skipped TestTours.test_recharge : Chrome executable not found"
    )
    assert len(report.skips) == 1


def test_our_addons_complaints_count():
    report = read(
        "WARNING test odoo.addons.amr_base.models.amr_room: odd",
        "WARNING test odoo.registry: field amr.charge.amount: unknown parameter",
        "ERROR ? odoo.modules.loading: Some modules are not loaded: ['amr_billing']",
    )
    assert len(report.complaints) == 3


def test_others_complaints_do_not():
    report = read(
        "WARNING test odoo.addons.iap.tools: no network",
        "ERROR test odoo.sql_db: bad query: INSERT INTO amr_tariff_version; amr.tariff",
        "INFO test odoo.addons.amr_base.models.amr_room: all is well",
        "ERROR test odoo.addons.amr_portal.tests.test_tours.T.test_x.browser: amr.vend",
    )
    assert not report.complaints
