from datetime import timedelta
from decimal import Decimal

from lxml import html

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .common import PortalCommon


@tagged("post_install", "-at_install")
class TestPortal(PortalCommon):
    def _open(self, url):
        response = self.url_open(url)
        self.assertEqual(response.status_code, 200)
        return html.fromstring(response.text)

    def _open_account(self):
        self._login()
        return self._open(f"/my/energy/account/{self.own['account'].id}")

    def test_every_room_and_meter_is_listed(self):
        second = self.env["amr.room"].create(
            {
                "name": "0201",
                "building_id": self.building.id,
                "account_id": self.own["account"].id,
            }
        )
        self._create_agreement(
            self.own["account"], second, self.water, "postpaid", "100777"
        )
        self._login()
        page = self._open("/my/energy")
        self.assertEqual(len(page.cssselect(".o_amr_account")), 1)
        self.assertEqual(len(page.cssselect(".o_amr_account li")), 3)
        self.assertIn("M100777", page.text_content())

    def test_resident_without_account_gets_a_friendly_page(self):
        self.own["account"].partner_id = self.default_partner
        self._login()
        page = self._open("/my/energy")
        self.assertFalse(page.cssselect(".o_amr_account"))
        self.assertTrue(page.cssselect(".o_amr .fa-home"))

    def test_account_without_meters_gets_a_friendly_page(self):
        self.own["postpaid"].date_to = self.since + timedelta(seconds=1)
        agreements = self.own["postpaid"] | self.own["prepaid"]
        agreements.account_id = self.other["account"]
        page = self._open_account()
        self.assertFalse(page.cssselect("svg.o_amr_chart"))

    def test_latest_index_is_shown(self):
        self._read_daily(self.own["postpaid"], ["100", "101.25"])
        values = self.own["postpaid"].sudo()._get_portal_values()
        self.assertEqual(values["index"], Decimal("101.250"))
        page = self._open_account()
        self.assertIn("101.25", page.text_content())

    def test_unpaid_bills_are_shown_and_lead_to_their_payment(self):
        bill = self._create_bill(self.own, 87.65)
        # in China it may be tomorrow already
        bill.invoice_date_due = fields.Date.today() + timedelta(days=3)
        values = self.own["account"].sudo()._get_portal_values()
        self.assertEqual(values["arrears"], Decimal("87.65"))
        self.assertEqual(values["overdue"], 0)
        page = self._open_account()
        self.assertIn("87.65", page.text_content())
        self.assertTrue(
            page.cssselect(f"a[href='/my/invoices/{bill.id}?payment=True']")
        )

    def test_overdue_bills_stand_out(self):
        bill = self._create_bill(self.own, 50)
        bill.invoice_date_due = fields.Date.today() - timedelta(days=3)
        values = self.own["account"].sudo()._get_portal_values()
        self.assertEqual(values["overdue"], Decimal(50))
        self.assertTrue(self._open_account().cssselect(".o_amr_figure.text-danger"))

    def test_several_unpaid_bills_lead_to_the_list(self):
        self._create_bill(self.own)
        self._create_bill(self.own)
        values = self.own["account"].sudo()._get_portal_values()
        self.assertEqual(values["pay_url"], "/my/invoices?filterby=invoices")

    def test_charts_of_days_and_months_have_their_table(self):
        self._read_daily(self.own["postpaid"], [str(i * 2) for i in range(11)])
        page = self._open_account()
        charts = page.cssselect("svg.o_amr_chart")
        self.assertEqual(len(charts), 2, "one meter has usage, the other none")
        self.assertEqual(len(charts[0].cssselect(".o_amr_bar")), 10)
        for chart in charts:
            self.assertEqual(chart.get("role"), "img")
            self.assertTrue(chart.get("aria-label"))
        rows = page.cssselect("details table")[0].cssselect("tbody tr")
        self.assertEqual(len(rows), 30)

    def test_page_is_light(self):
        self._read_daily(self.own["postpaid"], [str(i) for i in range(39)])
        self._login()
        url = f"/my/energy/account/{self.own['account'].id}"
        self.assertLess(len(self.url_open(url).content), 100_000)

    def test_bill_tells_how_it_came_about(self):
        bill = self._create_bill(self.own, 8.2)
        agreement = self.own["postpaid"]
        self.env["amr.charge"].sudo().create(
            {
                "agreement_id": agreement.id,
                "account_id": self.own["account"].id,
                "meter_id": agreement.meter_id.id,
                "utility_id": agreement.utility_id.id,
                "room_id": agreement.room_id.id,
                "community_id": self.community.id,
                "company_id": self.company.id,
                "kind": "energy",
                "component": "total",
                "start_at": self.since,
                "end_at": self.since + timedelta(days=30),
                "start_index": 234.5,
                "end_index": 236.5,
                "factor": 1,
                "consumption": 2,
                "quantity": 2,
                "unit_price": 4.1,
                "amount": 8.2,
                "tariff_version_id": agreement.tariff_id.version_ids.id,
                "explanation": "water",
                "move_line_id": bill.invoice_line_ids.id,
            }
        )
        self._login()
        text = self._open(f"/my/invoices/{bill.id}").text_content()
        for figure in ("234.50", "236.50", "4.1", "8.20"):
            self.assertIn(figure, text)
        self.assertIn(agreement.meter_id.number, text)

    def test_other_invoices_are_left_as_they_are(self):
        bill = self._create_bill(self.own)
        self._login()
        page = self._open(f"/my/invoices/{bill.id}")
        self.assertFalse(page.cssselect(".o_amr"))


@tagged("post_install", "-at_install")
class TestUsage(PortalCommon):
    def _get_charts(self, agreement):
        return agreement.sudo()._get_usage_charts()[agreement.id]

    def _get_known(self, chart):
        return [bar.value for bar in chart.bars if bar.value is not None]

    def test_no_reading_is_no_usage(self):
        charts = self._get_charts(self.own["postpaid"])
        self.assertEqual(charts["days"].known, 0)
        self.assertEqual(charts["months"].known, 0)

    def test_days_are_differences_times_factor(self):
        agreement = self.own["postpaid"]
        agreement.meter_id.ratio_percent = 200
        self._read_daily(agreement, ["10", "11.5", "11.5", "14"])
        known = self._get_known(self._get_charts(agreement)["days"])
        self.assertEqual(known, [Decimal(3), Decimal(0), Decimal(5)])

    def test_a_hole_is_unknown_by_day_and_counted_by_month(self):
        agreement = self.own["postpaid"]
        self._read_daily(agreement, ["10", None, None, "16", "17"])
        charts = self._get_charts(agreement)
        self.assertEqual(self._get_known(charts["days"]), [Decimal(1)])
        self.assertEqual(charts["months"].total, Decimal(7))

    def test_all_agreements_in_one_query(self):
        agreements = self.own["postpaid"] | self.own["prepaid"]
        self._read_daily(self.own["postpaid"], ["1", "2"])
        self._read_daily(self.own["prepaid"], ["5", "9"])
        charts = agreements.sudo()._get_usage_charts()
        totals = [charts[agreement.id]["days"].total for agreement in agreements]
        self.assertEqual(totals, [Decimal(1), Decimal(4)])

    def test_usage_of_the_former_resident_stays_his(self):
        """The meter goes on counting; each sees the days of his own agreement."""
        agreement = self.own["postpaid"]
        today = self.community._local_date(fields.Datetime.now())
        moved = self.community._local_midnight(today - timedelta(days=2))
        self._read_daily(agreement, ["0", "1", "3", "7", "15"])
        agreement.date_to = moved
        later = agreement.copy(
            {
                "account_id": self.other["account"].id,
                "date_from": moved,
                "date_to": False,
            }
        )
        former_days = self._get_known(self._get_charts(agreement)["days"])
        later_days = self._get_known(self._get_charts(later)["days"])
        self.assertEqual(former_days, [Decimal(1), Decimal(2)])
        self.assertEqual(later_days, [Decimal(4), Decimal(8)])

    def test_former_resident_does_not_see_the_index_any_more(self):
        agreement = self.own["postpaid"]
        self._read_daily(agreement, ["3", "4"])
        agreement.date_to = fields.Datetime.now() - timedelta(hours=1)
        values = agreement.sudo()._get_portal_values()
        self.assertIsNone(values["index"])
        self.assertFalse(values["meter"])
        self.assertTrue(values["ended"])

    def test_new_resident_does_not_see_the_index_before_he_came(self):
        agreement = self.own["postpaid"]
        self._read_daily(agreement, ["3", "4"])
        agreement.date_from = fields.Datetime.now() - timedelta(minutes=1)
        self.assertIsNone(agreement.sudo()._get_portal_values()["index"])

    def test_usage_goes_on_over_a_replacement(self):
        agreement = self.own["postpaid"]
        today = self.community._local_date(fields.Datetime.now())
        replaced = self.community._local_midnight(today - timedelta(days=2))
        self._read_daily(
            agreement, ["90", "95", "99"], last_day=today - timedelta(days=2)
        )
        meter = agreement.meter_id.copy({"number": "M2", "address": "222222"})
        agreement.point_id.installation_ids.write(
            {"date_to": replaced, "end_index": 99}
        )
        self.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": agreement.point_id.id,
                "date_from": replaced,
                "start_index": 0,
            }
        )
        agreement.invalidate_recordset()
        self._read_daily(agreement, ["0", "6", "13"])
        known = self._get_known(self._get_charts(agreement)["days"])
        self.assertEqual(known, [Decimal(5), Decimal(4), Decimal(6), Decimal(7)])

    def test_usage_goes_on_where_the_ratio_changed(self):
        agreement = self.own["postpaid"]
        today = self.community._local_date(fields.Datetime.now())
        yesterday = today - timedelta(days=1)
        self._read_daily(agreement, ["90", "95", "99"], last_day=yesterday)
        seam = self.community._local_midnight(yesterday) + timedelta(hours=10)
        self.env["amr.reading"]._ingest(
            [
                {
                    "meter_id": agreement.meter_id.id,
                    "read_at": seam,
                    "kind": "spot",
                    "source": "manual",
                    "index": Decimal(102),
                }
            ]
        )
        agreement.meter_id.current_ratio = 30
        self._read_daily(agreement, ["103"])
        charts = self._get_charts(agreement)
        known = self._get_known(charts["days"])
        self.assertEqual(known, [Decimal(5), Decimal(4), Decimal(3 + 30)])
        self.assertEqual(charts["months"].total, Decimal(42))

    def test_this_month_begins_on_its_first_day(self):
        agreement = self.own["postpaid"]
        today = self.community._local_date(fields.Datetime.now())
        first = today.replace(day=1)
        self._read_daily(
            agreement, ["5", "7", "10"], last_day=first + timedelta(days=1)
        )
        usage = agreement.sudo()._get_usage_this_month()
        self.assertEqual(usage[agreement.id], Decimal(3))

    def test_price_includes_surcharges_on_the_unit(self):
        version = self.own["prepaid"].tariff_id.version_ids
        version.surcharge_ids = [
            Command.create({"name": "Fund", "kind": "per_unit", "amount": 0.04})
        ]
        values = self.own["prepaid"].sudo()._get_portal_values()
        self.assertEqual(values["price"], Decimal("0.600000"))
