"""Examples of the regulation (annex 1) and the corners around zero."""

from decimal import Decimal

import pytest
from amr_billing_tools import chinese_capitals
from hypothesis import given
from hypothesis import strategies as st

VALUES = {char: value for value, char in enumerate("零壹贰叁肆伍陆柒捌玖")}


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234.56", "壹仟贰佰叁拾肆元伍角陆分"),
        ("1409.50", "壹仟肆佰零玖元伍角整"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("1680.32", "壹仟陆佰捌拾元叁角贰分"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("0", "零元整"),
        ("0.004", "零元整"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("10", "壹拾元整"),
        ("100000000", "壹亿元整"),
        ("100000001", "壹亿零壹元整"),
        ("100010000", "壹亿零壹万元整"),
        ("10000000000", "壹佰亿元整"),
        ("1000000000000", "壹万亿元整"),
        ("1000200000000", "壹万零贰亿元整"),
        ("20000300", "贰仟万零叁佰元整"),
        ("-86.38", "负捌拾陆元叁角捌分"),
    ],
)
def test_amount_in_capitals(amount, text):
    assert chinese_capitals(Decimal(amount)) == text


def test_an_amount_too_large_is_refused():
    with pytest.raises(ValueError, match="too large"):
        chinese_capitals(Decimal(10) ** 16)


def read_group(text):
    total, digit = 0, 0
    for char in text:
        if char in VALUES:
            digit = VALUES[char]
        else:
            total += digit * {"拾": 10, "佰": 100, "仟": 1000}[char]
            digit = 0
    return total + digit


def read(text):
    yuan, _sign, small = text.partition("元")
    total = 0
    for unit, size in (("亿", 10**8), ("万", 10**4)):
        head, found, tail = yuan.rpartition(unit)
        if found:
            groups = head.split("万")
            value = read_group(groups[-1])
            value += 10**4 * read_group(groups[0]) if len(groups) == 2 else 0
            total, yuan = total + value * size, tail
    cents = 0
    for char, step in (("角", 10), ("分", 1)):
        if char in small:
            cents += VALUES[small[small.index(char) - 1]] * step
    return Decimal(total + read_group(yuan)) + Decimal(cents) / 100


@given(st.decimals("1", "99999999999.99", places=2))
def test_capitals_read_back_to_the_amount(amount):
    assert read(chinese_capitals(amount)) == amount
