"""Step 7: a resident looks at a bill and pays it."""

import io
from unicodedata import normalize

from runtime import wait_until

from .people import CREDIT_CARD, PATIENCE, People, expect


class PortalSteps(People):
    """What a resident does on a phone."""

    def use_portal(self):
        """Look at balance, usage and bill as a resident, and pay the bill online."""
        with self.resident("resident") as resident:
            resident.go("/my/energy")
            balance = resident.text(".o_amr_account .o_amr_figure")
            resident.page.click(
                ".o_amr_account a.btn-light[href^='/my/energy/account/']"
            )
            resident.wait("svg.o_amr_chart")
            bars = resident.page.locator("svg.o_amr_chart rect.o_amr_bar").count()
            expect(bars > 20, f"the usage charts have {bars} bars")
            bill = self._unpaid_bill()
            pdf = self._download_bill(resident, bill)
            self.pay_bill(resident, bill)
        return (
            f"owed {balance}, {bars} bars of usage, {bill['name']} as PDF "
            f"({len(pdf) // 1024} kB), paid online: "
            f"{self._payment_state(bill)}"
        )

    def _unpaid_bill(self):
        return self.operator("admin").one(
            "account.move",
            [
                ("amr_account_id", "=", self._account("resident")["id"]),
                ("payment_state", "=", "not_paid"),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
            ],
            ["name", "amount_residual"],
            order="id desc",
        )

    def _payment_state(self, bill):
        admin = self.operator("admin")
        return admin.read("account.move", bill["id"], ["payment_state"])[
            "payment_state"
        ]

    def _download_bill(self, resident, bill):
        from pypdf import PdfReader

        pdf = resident.download(
            f"/my/invoices/{bill['id']}?report_type=pdf&download=true"
        )
        expect(pdf.startswith(b"%PDF"), "the bill is not a PDF")
        pages = PdfReader(io.BytesIO(pdf)).pages
        # digits are drawn in a font without a text; the Chinese in look-alike radicals
        text = normalize("NFKC", "".join(page.extract_text() for page in pages))
        for word in (self._account("resident")["name"], self.community["name"]):
            expect(word in text, f"{word} is not on the PDF of {bill['name']}")
        return pdf

    def pay_bill(self, resident, bill):
        """Pay a bill with the demo provider, as the resident sees it."""
        page = resident.page
        resident.go(f"/my/invoices/{bill['id']}?payment=True")
        page.fill("#pay_with.show #customer_input", CREDIT_CARD)
        page.click("#pay_with.show button[name=o_payment_submit_button]:enabled")
        resident.text("[name=invoice_paid_badge]")
        wait_until(
            lambda: self._payment_state(bill) == "paid", PATIENCE, "the online payment"
        )
