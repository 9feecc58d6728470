from decimal import ROUND_HALF_UP, Decimal

from odoo.exceptions import UserError
from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__, default_lang="en_US")


def dec(value, places=3):
    """Return an exact Decimal for a number that the ORM hands over as a float.

    Columns are ``numeric`` with a fixed scale, so quantizing the float's shortest
    representation gives back exactly what the database holds (up to 15 digits).

    :param value: float, int, str, Decimal or a false value (taken as zero)
    :param int places: decimal places to keep
    :rtype: Decimal
    :raises UserError: it is no number at all, or an endless one
    """
    number = Decimal(str(value or 0))
    if not number.is_finite():
        raise UserError(str(_lt("“%s” is no number. Type digits only.", value)))
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
