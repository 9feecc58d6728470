"""Archives of a concentrator: which meter is behind which metering point (F10).

Source: Q/GDW 376.1-2009, 5.5.1.3 F10 (27 bytes a row); 32 as protocol for CJ/T 188 from
the extension for four-meter reading.
"""

from typing import NamedTuple

from . import bcd
from .base import EncodeError, clean_address

ROW = 27
BAUDS = (0, 600, 1200, 2400, 4800, 7200, 9600, 19200)
PROTOCOLS = {
    "dlt645-1997": 1,
    "ac_sampling": 2,
    "dlt645-2007": 30,
    "carrier": 31,
    "cjt188": 32,
}
MAX_NUMBER, MAX_RATES = 2040, 12


class Archive(NamedTuple):
    """One meter as the terminal knows it.

    :param number: place in the terminal's list, from 1
    :param point: metering point, 0 deletes the row
    :param port: port of the terminal, 1…31 (31 = carrier)
    :param baud: bits a second, 0 = the terminal's default
    :param password: hex of the six bytes, never shown
    :param digits: digits of an index before the point (4…7), and behind it (1…4)
    :param kind: major and minor class of the user, 0…15 each
    """

    number: int
    point: int
    address: str
    protocol: str = "dlt645-2007"
    port: int = 31
    baud: int = 2400
    password: str = "0" * 12
    rates: int = 4
    digits: tuple = (6, 2)
    collector: str = "0"
    kind: tuple = (0, 0)


def _within(what, value, low, high):
    if not low <= value <= high:
        raise EncodeError(f"The {what} {value} must be from {low} to {high}.")
    return value


def pack(row):
    """27 bytes of one :class:`Archive`.

    :raises EncodeError: a value that does not fit
    :raises AddressError: the meter's or collector's address
    """
    if row.protocol not in PROTOCOLS:
        raise EncodeError(
            f"A terminal has no number for the protocol “{row.protocol}”; "
            f"known are: {', '.join(PROTOCOLS)}."
        )
    if row.baud not in BAUDS:
        raise EncodeError(f"{row.baud} bits a second cannot be set (F10).")
    raw = _within("number", row.number, 1, MAX_NUMBER).to_bytes(2, "little")
    raw += _within("metering point", row.point, 0, MAX_NUMBER).to_bytes(2, "little")
    port = _within("port", row.port, 1, 31)
    raw += bytes([BAUDS.index(row.baud) << 5 | port, PROTOCOLS[row.protocol]])
    address, extra = _address(row)
    raw += address + bytes(reversed(bytes.fromhex(row.password.zfill(12)[-12:])))
    raw += bytes([_within("number of rates", row.rates, 1, MAX_RATES), extra])
    raw += bcd.pack_digits(clean_address(row.collector, 12), 6)
    major, minor = (_within("class", one, 0, 15) for one in row.kind)
    return raw + bytes([major << 4 | minor])


def _address(row):
    """Six bytes of the address, and the byte of the digits.

    A CJ/T 188 address has seven bytes: its last takes the place of the digits.
    """
    if row.protocol == "cjt188":
        raw = bcd.pack_digits(clean_address(row.address, 14), 7)
        return raw[:6], raw[6]
    before, behind = row.digits
    _within("number of digits", before, 4, 7)
    _within("number of decimals", behind, 1, 4)
    raw = bcd.pack_digits(clean_address(row.address, 12), 6)
    return raw, (before - 4) << 2 | behind - 1


def unpack(raw):
    """:class:`Archive` of 27 bytes; its password is not told.

    :raises NotDecimal: an address that is no number
    """
    code, port = raw[4] >> 5, raw[4] & 0x1F
    names = {number: name for name, number in PROTOCOLS.items()}
    protocol = names.get(raw[5], str(raw[5]))
    address, digits = raw[6:12], (4 + (raw[19] >> 2 & 3), 1 + (raw[19] & 3))
    if protocol == "cjt188":
        address, digits = address + raw[19:20], (6, 2)
    return Archive(
        number=int.from_bytes(raw[:2], "little"),
        point=int.from_bytes(raw[2:4], "little"),
        address=bcd.digits(address),
        protocol=protocol,
        port=port,
        baud=BAUDS[code],
        password="",
        rates=raw[18] & 0x3F,
        digits=digits,
        collector=bcd.digits(raw[20:26]),
        kind=(raw[26] >> 4, raw[26] & 0x0F),
    )
