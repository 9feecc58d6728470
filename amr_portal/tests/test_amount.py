from decimal import Decimal

from odoo.tests import BaseCase, tagged

from ..tools import AmountError, parse_amount


@tagged("post_install", "-at_install")
class TestAmount(BaseCase):
    def test_what_people_type_is_understood(self):
        for text, expected in (
            ("50", "50.00"),
            (" 100.5 ", "100.50"),
            ("¥200", "200.00"),
            ("￥２００．５０", "200.50"),
            ("500元", "500.00"),
            ("1,000", "1000.00"),
            ("20.", "20.00"),
            ("-5", "-5.00"),
            (12.3, "12.30"),
        ):
            with self.subTest(text=text):
                amount = parse_amount(text)
                self.assertEqual(amount, Decimal(expected))
                self.assertEqual(str(amount), expected)

    def test_what_is_not_an_amount_is_named(self):
        for text, code in (
            (None, "empty"),
            ("  ", "empty"),
            ("¥", "empty"),
            ("fifty", "letters"),
            ("五十", "letters"),
            ("nan", "letters"),
            ("Infinity", "letters"),
            ("1e3", "letters"),
            ("0x10", "letters"),
            ("1,0000", "letters"),
            ("5 0 - 1", "letters"),
            ("9" * 30, "letters"),
            ("10.005", "decimals"),
        ):
            with self.subTest(text=text), self.assertRaises(AmountError) as caught:
                parse_amount(text)
            self.assertEqual(caught.exception.code, code)
