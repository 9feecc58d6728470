import re
import unicodedata
from decimal import Decimal

_CURRENCY_WORDS = re.compile(r"^(?:¥|CNY|RMB)|(?:元|CNY|RMB)$", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?")
_MAX_LENGTH = 20


class AmountError(ValueError):
    """What a person typed is not an amount of money.

    :ivar str code: ``empty``, ``letters`` or ``decimals``
    """

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def parse_amount(text, places=2):
    """Return the amount of money a person typed on a phone or a keyboard.

    Full-width digits, spaces, a currency sign and thousands separators are what people
    type, so they are understood; exponents, "nan" and the like are not.

    :param text: what was typed, or None
    :param int places: decimal places the currency has
    :rtype: Decimal
    :raise AmountError: nothing typed, not a number, or finer than the currency
    """
    typed = unicodedata.normalize("NFKC", str(text or ""))
    typed = _CURRENCY_WORDS.sub("", re.sub(r"\s", "", typed).replace("−", "-"))
    if not typed:
        raise AmountError("empty")
    if len(typed) > _MAX_LENGTH or not _NUMBER.fullmatch(typed):
        raise AmountError("letters")
    amount = Decimal(typed.replace(",", ""))
    step = Decimal(1).scaleb(-places)
    if amount != amount.quantize(step):
        raise AmountError("decimals")
    return amount.quantize(step)


def plain_number(value):
    """Return a Decimal without trailing zeros, such as "0.5", "12" or "1000".

    :param Decimal value: price, quantity or factor
    """
    return f"{value.normalize():f}"
