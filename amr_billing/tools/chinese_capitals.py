"""Amounts in the capital numerals that Chinese receipts must carry (人民币大写).

After 正确填写票据和结算凭证的基本规定 (People's Bank of China, Payment and Settlement
Measures, annex 1): zeros between digits are read once, 整 closes an amount without 分.
"""

from decimal import ROUND_HALF_UP, Decimal

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
GROUPS = ("", "万", "亿", "万亿")
LIMIT = Decimal(10) ** 16


def _group(number: int) -> str:
    """A number below ten thousand, without leading zero."""
    text, zero = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if not digit:
            zero = bool(text)
            continue
        text += ("零" if zero else "") + DIGITS[digit] + PLACES[place]
        zero = False
    return text


def _integer(number: int) -> str:
    """Whole yuan in groups of four digits, a skipped place read as one zero."""
    text, skipped = "", False
    for position in range(len(GROUPS) - 1, -1, -1):
        group = number // 10000**position % 10000
        if not group:
            skipped = bool(text)
            continue
        zero = text and (skipped or group < 1000)
        name = GROUPS[position]
        if position == 3 and number // 10**8 % 10000:
            name = "万"  # …万…亿: the 亿 follows with the next group
        text += ("零" if zero else "") + _group(group) + name
        skipped = False
    return text


def chinese_capitals(amount: Decimal) -> str:
    """The amount in yuan, e.g. 1234.56 → 壹仟贰佰叁拾肆元伍角陆分.

    :param amount: CNY; rounded half up to 分.
    :raise ValueError: beyond 16 digits before the point.
    """
    cents = Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_UP)
    sign = "负" if cents < 0 else ""
    cents = abs(cents)
    if cents >= LIMIT:
        raise ValueError(f"{amount} is too large to be written")
    yuan, fen = divmod(int(cents * 100), 100)
    jiao, fen = divmod(fen, 10)
    text = _integer(yuan) + "元" if yuan else ""
    if not jiao and not fen:
        return sign + (text or "零元") + "整"
    if jiao:
        text += DIGITS[jiao] + "角"
    elif yuan:
        text += "零"
    text += DIGITS[fen] + "分" if fen else "整"
    return sign + text
