"""The readers of this machine: found by scanning, used by one at a time."""

import asyncio
import glob
import logging
from collections import defaultdict

from serial.tools import list_ports

from . import pcsc, serial_reader, session
from .base import CardError, ReaderName

_logger = logging.getLogger(__name__)

UNKNOWN = (
    "The reader failed, and what is on the card now is not known: read it again before "
    "anything else is done with it."
)


class CardDesk:
    """What the control port offers: scan, read, write.

    :param ports: callable that returns the serial ports that are taken by links
    :param more: patterns of serial ports that the system does not list
    """

    def __init__(self, ports, more=""):
        self._taken = ports
        self._more = [one for one in more.replace(",", " ").split() if one]
        self._locks = defaultdict(asyncio.Lock)

    async def perform(self, message):
        """Carry out one message; what goes wrong is part of the answer.

        A secret is in the message only: not in the log, not in the answer.
        """
        action = message.get("action")
        try:
            if action == "scan":
                return await self._scan()
            if action == "read":
                return await self._use(message, session.read, _card)
            if action == "write":
                return await self._use(message, _write(message), _written)
        except CardError as error:
            _logger.info("card reader: %s", error)
            return {"error": error.code, "message": str(error)}
        except Exception:  # a driver's own
            _logger.exception("card reader: %s failed", action)
            return {"error": "unknown", "message": UNKNOWN}
        return {"error": "action", "message": f"There is no card action “{action}”."}

    async def _use(self, message, work, shown):
        """Do work with an opened reader, undisturbed, to its end."""
        key = message.get("reader")
        reader = find_reader(key)

        async def locked():
            async with self._locks[key]:
                return await asyncio.to_thread(_within, reader, work)

        # who asked may hang up: a card is never left half written for that
        return shown(await asyncio.shield(asyncio.ensure_future(locked())))

    # === SCAN === #

    async def _scan(self):
        taken = set(self._taken())
        async with self._locks["scan"]:
            found, problems = await asyncio.to_thread(self._find, taken)
        return {"readers": [one._asdict() for one in found], "problems": problems}

    def _find(self, taken):
        found, problems = [], []
        try:
            found += pcsc.find()
        except CardError as error:
            problems.append(str(error))
        for port in self._ports() - taken:
            for name in serial_reader.names():
                label = _identify(serial_reader.load(name), port)
                if label:
                    found.append(ReaderName(f"{name}:{port}", f"{label}, {port}"))
                    break
        return sorted(found), problems

    def _ports(self):
        listed = {one.device for one in list_ports.comports()}
        return listed.union(*(glob.glob(pattern) for pattern in self._more))


def _identify(profile, port):
    """What a reader of this make calls itself on a port, None when there is none."""
    try:
        with serial_reader.SerialReader(profile, port) as reader:
            return reader.identify()
    except CardError:
        return None


def find_reader(key):
    """The reader of a key as scanning gives it.

    :raises CardError: there is no such kind of reader
    """
    kind, colon, place = str(key or "").partition(":")
    if colon and place and kind == "pcsc":
        return pcsc.PcscReader(place)
    if colon and place and kind in serial_reader.names():
        return serial_reader.SerialReader(serial_reader.load(kind), place)
    raise CardError("no_reader", f"“{key}” is no card reader. Scan for readers again.")


def _within(reader, work):
    with reader:
        return work(reader)


def _write(message):
    """The work of a write message.

    :raises CardError: a field is wrong; nothing was sent to the card
    """
    secret, data = _bytes(message, "secret"), _bytes(message, "data")
    expected = _bytes(message, "expected") if message.get("expected") else None
    start = message.get("start")
    if isinstance(start, bool) or not isinstance(start, int):
        raise CardError("range", "“start” must be a whole number.")
    return lambda reader: session.write(reader, secret, start, data, expected)


def _bytes(message, name):
    try:
        return bytes.fromhex(message.get(name))
    except (TypeError, ValueError):
        raise CardError("range", f"“{name}” must be hexadecimal.") from None


def _card(card):
    return {"kind": card.kind, "tries": card.tries, "data": card.data.hex()}


def _written(cards):
    before, after = cards
    return {"before": _card(before), "after": _card(after)}
