"""Decoding and encoding frames by hand: the work behind ``odoo amr_console``."""

import argparse
from datetime import date, datetime

from .protocols import registry
from .protocols.base import Decoded, Fault, ProtocolError

#: Characters of a line; the longest frame of any protocol has 16,391 bytes.
MAX_LINE = 1 << 16


class ConsoleError(ValueError):
    """The command line cannot be carried out; the message is a sentence."""


def build_parser(parser=None):
    parser = parser or argparse.ArgumentParser()
    actions = parser.add_subparsers(dest="action", required=True)
    decode = actions.add_parser("decode", help="frames to JSON, one object a line")
    decode.add_argument("--protocol", choices=registry.names())
    decode.add_argument("frame", metavar="HEX", help="hex, or - for standard input")
    encode = actions.add_parser("encode", help="request frames as hex")
    encode.add_argument("--protocol", required=True, choices=registry.names())
    encode.add_argument("--address", default="", help="a point of 376.1: 02001234/5")
    what = encode.add_mutually_exclusive_group(required=True)
    what.add_argument("--index", action="store_true", help="current index")
    what.add_argument("--daily", type=int, metavar="N", help="N-th last daily freeze")
    what.add_argument("--relay-state", action="store_true")
    what.add_argument("--purchase-state", action="store_true")
    what.add_argument("--item", metavar="HEX", help="data identification")
    what.add_argument(
        "--settlement", type=int, metavar="N", help="N-th last settlement"
    )
    what.add_argument("--day", metavar="YYYY-MM-DD", help="freeze that closes a day")
    what.add_argument("--month", metavar="YYYY-MM", help="freeze that closes a month")
    what.add_argument("--clock", action="store_true", help="read the clock")
    what.add_argument("--set-clock", metavar="TIME", help="YYYY-MM-DDThh:mm:ss, local")
    what.add_argument("--relay", choices=("open", "close"), help="needs --password")
    what.add_argument("--read-address", action="store_true")
    what.add_argument("--write-address", metavar="NEW")
    what.add_argument("--forward", metavar="HEX", help="bytes for a meter behind it")
    encode.add_argument("--password", help="level and password of the meter, 8 digits")
    encode.add_argument("--operator", default="0")
    encode.add_argument("--at", metavar="TIME", help="the meter's time, for --relay")
    return parser


def run(args, stream, parser=None):
    """Yield what is to be printed: a dict (JSON) or a string, one a line.

    :raises ConsoleError: the request cannot be made
    """
    options = build_parser(parser).parse_args(args)
    if options.action == "encode":
        yield from encode(options)
        return
    if options.frame != "-":
        yield decode(options.frame, options.protocol)
        return
    for line in _lines(stream):
        if line.strip():
            yield decode(line, options.protocol)


def _lines(stream):
    """Lines of a text stream; what is no text makes a line that is no hex.

    Of a line that is too long no more than its beginning is kept, to be told of.
    """
    stream = getattr(stream, "buffer", stream)
    while line := stream.readline(MAX_LINE + 2):
        part, end = line, "\n" if isinstance(line, str) else b"\n"
        while len(part) > MAX_LINE and not part.endswith(end):
            part = stream.readline(MAX_LINE + 2)
        yield line if isinstance(line, str) else line.decode("latin-1")


def decode(text, name=None):
    """Decoded form of one frame in hex, as a dict; never raises."""
    if len(text.strip()) > MAX_LINE:
        fault = Fault("length", f"A line has {MAX_LINE} characters at most.")
        return Decoded(name, error=fault).as_dict()
    try:
        frame = bytes.fromhex("".join(text.split()))
    except ValueError:
        fault = Fault("frame", "This is no hex: digits 0-9 and A-F, two for each byte.")
        return Decoded(name, error=fault).as_dict()
    found, sound = registry.find(frame, name and [name])
    if found and registry.get(found).recognisable:
        return registry.get(found).decode(sound).as_dict()
    name = name or found
    if name:
        return registry.get(name).decode(frame).as_dict()
    return Decoded(None, error=_why_none(frame)).as_dict()


def _why_none(frame):
    """The most telling fault of a frame that no protocol accepts."""
    faults = [registry.get(name).decode(frame).error for name in registry.names()]
    order = ("checksum", "truncated", "length")
    return min(
        filter(None, faults),
        key=lambda fault: order.index(fault.code) if fault.code in order else 9,
    )


def encode(options):
    """Hex of the request frames.

    :raises ConsoleError: bad address, or nothing of the kind in this protocol
    """
    protocol = registry.get(options.protocol)
    try:
        for frame in _requests(protocol, options):
            yield frame.hex().upper()
    except ProtocolError as error:
        raise ConsoleError(str(error)) from error


def _requests(protocol, options):
    address = options.address
    if options.index:
        return protocol.read_index(address)
    if options.daily is not None:
        return protocol.read_daily(address, options.daily)
    if options.relay_state:
        return [protocol.relay_state(address)]
    if options.purchase_state:
        return protocol.purchase_state(address)
    if options.clock:
        return protocol.read_clock(address)
    if options.set_clock:
        return protocol.set_clock(
            address,
            _moment(options.set_clock),
            password=options.password,
            operator=options.operator,
        )
    if options.relay:
        return [_relay(protocol, options)]
    if options.item is None:
        return _special(protocol, options)
    try:
        return [protocol.read_item(address, int(options.item, 16))]
    except (ValueError, OverflowError) as error:
        if isinstance(error, ProtocolError):
            raise
        raise ConsoleError(f"“{options.item}” is no data identification.") from error


def _relay(protocol, options):
    return protocol.relay(
        options.address,
        options.relay == "close",
        now=_moment(options.at) if options.at else datetime.now(),
        password=options.password,
        operator=options.operator,
    )


def _special(protocol, options):
    """Requests that only some protocols have."""
    address = options.address
    if options.settlement is not None:
        return _own(protocol, "read_settlement")(address, options.settlement)
    if options.read_address:
        return [_own(protocol, "read_address")()]
    if options.write_address:
        return [_own(protocol, "write_address")(options.write_address)]
    if options.forward:
        return [_own(protocol, "forward")(address, _bytes(options.forward))]
    terminal, _slash, point = address.partition("/")
    points = [int(point)] if point.isascii() and point.isdigit() else []
    if options.day:
        day = _date(options.day)
        return [_own(protocol, "read_day")(terminal, points, day)]
    month = _date(f"{options.month}-01")
    return [_own(protocol, "read_month")(terminal, points, month)]


def _own(protocol, name):
    method = getattr(protocol, name, None)
    if method is None:
        raise ConsoleError(f"The protocol {protocol.name} has no such request.")
    return method


def _bytes(text):
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ConsoleError(f"“{text}” is no hex.") from error


def _date(text):
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConsoleError(f"“{text}” is no date (YYYY-MM-DD).") from error


def _moment(text):
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise ConsoleError(f"“{text}” is no time (YYYY-MM-DDThh:mm:ss).") from error
