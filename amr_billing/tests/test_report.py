from lxml.html import fromstring

from odoo.tests import tagged

from .common import FEBRUARY, BillingCommon


@tagged("post_install", "-at_install")
class TestReport(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._freeze(FEBRUARY, 100)

    def _print(self, move):
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "account.account_invoices", move.ids
        )
        return html.decode()

    def test_the_bill_explains_itself(self):
        bill = self._bill().move_ids
        html = self._print(bill)
        for text in (
            self.meter.number,
            self.account.number,
            "Start index",
            "0.5283",
            "100.000",
            "伍拾贰元捌角叁分",
        ):
            with self.subTest(text):
                self.assertIn(text, html)

    def test_the_bill_names_who_bills_and_is_no_tax_invoice(self):
        self.company.phone = "0755-88"
        terms = self.env.ref("account.account_payment_term_15days")
        self.partner.property_payment_term_id = terms
        bill = self._bill().move_ids
        html = self._print(bill)
        page = html[html.index("invoice_main") :]
        for text in ("Billed by", self.company.name, "0755-88"):
            with self.subTest(text):
                self.assertIn(text, page)
        self.assertIn(f"Bill {bill.name}", " ".join(self._words(html)))
        self.assertNotIn("Payment terms", html)

    def _words(self, html):
        return fromstring(html).text_content().split()

    def test_other_invoices_print_as_before(self):
        self.partner_a.lang = "en_US"
        invoice = self._create_invoice_one_line(
            product_id=self.product_a, partner_id=self.partner_a, post=True
        )
        html = self._print(invoice)
        self.assertNotIn("Start index", html)
        self.assertIn(f"Invoice {invoice.name}", " ".join(self._words(html)))

    def test_the_customer_reads_his_own_language(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        self.env["ir.module.module"]._load_module_terms(
            ["amr_base", "amr_metering", "amr_billing"], ["zh_CN"]
        )
        self.partner.lang = "zh_CN"
        bill = self._bill().move_ids
        self.assertIn("倍率 1", bill.invoice_line_ids.name)
        self.assertIn("起度", self._print(bill))
