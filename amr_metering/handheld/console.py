"""What a person types: carry a book out, bring it home, look at it, play a handheld."""

import random
import signal
from decimal import Decimal
from pathlib import Path

from .book import BookError, parse
from .host import HandheldError, Host
from .simulator import Simulator

READ_TIMEOUT = 0.1  # seconds that one look at the line lasts


def run(args, parser, out):
    """Run a command line; return the exit code."""
    _describe(parser)
    options = parser.parse_args(args)
    try:
        return options.work(options, out) or 0
    except (BookError, HandheldError, OSError) as error:
        out.write(f"{error}\n")
        return 1


def _describe(parser):
    commands = parser.add_subparsers(required=True, metavar="command")
    load = commands.add_parser("load", help="carry a book to the handheld")
    load.add_argument("book", type=Path, help="file from the route book's page")
    load.set_defaults(work=_load)
    collect = commands.add_parser("collect", help="bring the results home")
    collect.add_argument("file", type=Path, help="where to put them")
    collect.set_defaults(work=_collect)
    for one in (load, collect):
        one.add_argument("--port", required=True, help="COM1, /dev/ttyUSB0 …")
        one.add_argument("--baud", type=int, default=9600)
    check = commands.add_parser("check", help="say what is in a file")
    check.add_argument("file", type=Path)
    check.set_defaults(work=_check)
    simulate = commands.add_parser("simulate", help="be a handheld on a pty")
    simulate.add_argument("folder", type=Path, help="its memory")
    simulate.add_argument("--walk", action="store_true", help="read all meters first")
    simulate.set_defaults(work=_simulate)


def _line(options):
    import serial  # only those who have a cable need it

    try:
        return serial.Serial(options.port, options.baud, timeout=READ_TIMEOUT)
    except (serial.SerialException, ValueError) as error:
        raise HandheldError(f"The port cannot be opened: {error}") from error


def _load(options, out):
    data = options.book.read_bytes()
    book = parse(data).book
    with _line(options) as line:
        Host(line, report=_reporter(out)).load(data)
    head = book.header
    out.write(f"\n{head.number} {head.line}: {len(book.meters)} meters loaded\n")


def _collect(options, out):
    partial = options.file.with_name(options.file.name + ".part")
    with _line(options) as line:
        host = Host(line, report=_reporter(out))
        data = host.collect(partial)
        options.file.write_bytes(data)
        host.confirm(data)
    partial.unlink(missing_ok=True)
    out.write("\n")
    return _check(options, out)


def _check(options, out):
    """Say what is in a file; 1 when a record of it could not be understood."""
    parsed = parse(options.file.read_bytes())
    book = parsed.book
    read = sum(1 for result in book.results if result.index is not None)
    out.write(
        f"{book.header.number} {book.header.line}: {len(book.meters)} meters, "
        f"{read} read, {len(book.results) - read} not readable\n"
    )
    for number, text, why in parsed.faults:
        out.write(f"record {number}: {why}: {text}\n")
    return 1 if parsed.faults else 0


def _simulate(options, out):
    simulator = Simulator(options.folder)
    if options.walk:
        simulator.device.walk(
            lambda meter: meter.previous + Decimal(random.randrange(1, 5000)) / 100
        )
    out.write(f"{simulator.port}\n")
    out.flush()
    try:
        signal.pause()
    except KeyboardInterrupt:
        simulator.close()


def _reporter(out):
    def report(done, total):
        out.write(f"\r{100 * done // total} %")
        out.flush()

    return report
