"""PC/SC readers with the memory card commands of ACS (ACR38, ACR1281 and like).

Source: ACS, reference manuals ACR38/ACR1281, chapter memory cards SLE4432/SLE4442:
select FF A4, read FF B0, write FF D0, present the secret FF 20, its counter FF B1.
"""

from .base import CardError, CardReader, ReaderName

PREFIX = "pcsc:"
SELECT = [0xFF, 0xA4, 0x00, 0x00, 0x01, 0x06]
#: Bits of the counter byte that are still set are tries; 07 is full.
COUNTER_BITS = 0x07
GOOD = (0x90, 0x00)
PIECE = 128
#: Three bytes follow the counter in the answer; the card does not tell its secret.
COUNTER_COMMAND = [0xFF, 0xB1, 0x00, 0x00, 0x04]


def _smartcard():
    """pyscard's modules.

    :raises CardError: it is not installed on this machine
    """
    try:
        from smartcard import System
        from smartcard.Exceptions import NoCardException, SmartcardException
    except ImportError as error:
        raise CardError(
            "no_driver",
            "PC/SC readers need pyscard: apt-get install pcscd libpcsclite-dev swig "
            "python3-dev gcc, then pip install -r requirements-pcsc.txt.",
        ) from error
    return System, NoCardException, SmartcardException


def find():
    """:class:`ReaderName` of every PC/SC reader of this machine.

    :raises CardError: pyscard or its service is not there
    """
    system, _no_card, trouble = _smartcard()
    try:
        return [ReaderName(PREFIX + str(one), str(one)) for one in system.readers()]
    except trouble as error:
        raise CardError(
            "no_driver", f"The PC/SC service does not answer: {error}"
        ) from error


class PcscReader(CardReader):
    """A reader by its name."""

    def __init__(self, name):
        self.name = name
        self._connection = None

    def open(self):
        system, self._no_card, self._trouble = _smartcard()
        for one in system.readers():
            if str(one) == self.name:
                self._connection = one.createConnection()
                return
        raise CardError("no_reader", f"The card reader “{self.name}” is not there.")

    def close(self):
        if self._connection:
            self._connection.disconnect()

    def insert(self):
        try:
            self._connection.connect()
        except self._no_card as error:
            raise CardError("no_card", "There is no card in the reader.") from error
        except self._trouble as error:
            raise CardError("no_answer", f"The reader fails: {error}") from error
        _data, status = self._send(SELECT)
        if status != GOOD:
            raise CardError(
                "card_type", "This is no SLE4442 card, or it is upside down."
            )
        return "sle4442"

    def read_bytes(self, start, count):
        data = b""
        while count > len(data):
            size = min(PIECE, count - len(data))
            part, status = self._send([0xFF, 0xB0, 0x00, start + len(data), size])
            if status != GOOD or len(part) != size:
                raise CardError("no_answer", "The card cannot be read.")
            data += bytes(part)
        return data

    def error_counter(self):
        data, status = self._send(COUNTER_COMMAND)
        if status != GOOD or not data:
            raise CardError("no_answer", "The card does not tell its error counter.")
        return (data[0] & COUNTER_BITS).bit_count()

    def verify(self, secret):
        _data, status = self._send([0xFF, 0x20, 0x00, 0x00, len(secret), *secret])
        return status == (0x90, COUNTER_BITS)

    def write_bytes(self, start, data):
        for place in range(0, len(data), PIECE):
            part = data[place : place + PIECE]
            _data, status = self._send(
                [0xFF, 0xD0, 0x00, start + place, len(part), *part]
            )
            if status != GOOD:
                raise CardError("protected", "The card refuses to be written.")

    def _send(self, command):
        try:
            data, first, second = self._connection.transmit(command)
        except self._trouble as error:
            raise CardError("no_answer", f"The reader fails: {error}") from error
        return data, (first, second)
