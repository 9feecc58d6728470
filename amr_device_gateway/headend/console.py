"""Decoding and encoding frames by hand: the work behind ``odoo amr_console``."""

import argparse

from .protocols import registry
from .protocols.base import Decoded, Fault, ProtocolError


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
    encode.add_argument("--address", required=True)
    what = encode.add_mutually_exclusive_group(required=True)
    what.add_argument("--index", action="store_true", help="current index")
    what.add_argument("--daily", type=int, metavar="N", help="N-th last daily freeze")
    what.add_argument("--relay-state", action="store_true")
    what.add_argument("--purchase-state", action="store_true")
    what.add_argument("--item", metavar="HEX", help="data identification")
    return parser


def run(args, stream, parser=None):
    """Yield what is to be printed: a dict (JSON) or a string, one a line.

    :raises ConsoleError: the request cannot be made
    """
    options = build_parser(parser).parse_args(args)
    if options.action == "encode":
        yield from encode(options)
        return
    lines = stream if options.frame == "-" else [options.frame]
    for line in lines:
        if line.strip():
            yield decode(line, options.protocol)


def decode(text, name=None):
    """Decoded form of one frame in hex, as a dict; never raises."""
    try:
        frame = bytes.fromhex("".join(text.split()))
    except ValueError:
        fault = Fault("frame", "This is no hex: digits 0-9 and A-F, two for each byte.")
        return Decoded(name, error=fault).as_dict()
    name = name or registry.detect(frame)
    if name is None:
        return Decoded(None, error=_why_none(frame)).as_dict()
    return registry.get(name).decode(frame).as_dict()


def _why_none(frame):
    """The most telling fault of a frame that no protocol accepts."""
    faults = [registry.get(name).decode(frame).error for name in registry.names()]
    order = ("checksum", "truncated", "frame")
    return min(faults, key=lambda fault: order.index(fault.code))


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
    try:
        return [protocol.read_item(address, int(options.item, 16))]
    except (ValueError, OverflowError) as error:
        if isinstance(error, ProtocolError):
            raise
        raise ConsoleError(f"“{options.item}” is no data identification.") from error
