"""The interface of a card reader, and what may go wrong with it."""

from typing import NamedTuple

#: Tries that a card gives before it is dead for ever; the counter of a sound card.
FULL = 3


class CardError(Exception):
    """Something is wrong with reader or card; a code and a sentence.

    Codes: ``no_driver``, ``no_reader``, ``no_answer``, ``no_card``, ``card_type``,
    ``counter`` (its error counter is not full: the secret was not tried), ``secret``
    (the card refused it), ``changed`` (it is not the card that was read before),
    ``protected`` (a byte cannot be changed), ``not_written`` (re-reading shows the old
    bytes), ``mismatch`` (it shows others), ``unknown`` (it cannot be read again),
    ``range`` (a place that the card has not).
    """

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class ReaderName(NamedTuple):
    """One reader: ``key`` finds it again, ``label`` is for people."""

    key: str
    label: str


class CardReader:
    """One reader, opened for one piece of work; everything blocks.

    Below this interface nobody judges: whether a secret may be tried at all is decided
    in :mod:`.session`, for every kind of reader alike.
    """

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_exc):
        self.close()

    def open(self):
        """:raises CardError: the reader is not there"""

    def close(self):
        """Let the card go: a secret that was verified counts no more."""

    def insert(self):
        """Power the inserted card up and return its kind (``sle4442``).

        :raises CardError: no card, or one that the reader does not know
        """
        raise NotImplementedError

    def read_bytes(self, start, count):
        """Bytes from place ``start`` on."""
        raise NotImplementedError

    def error_counter(self):
        """How many tries of the secret are left: 3 is full, 0 a dead card."""
        raise NotImplementedError

    def verify(self, secret):
        """Present the secret; whether the card took it. Use :mod:`.session`."""
        raise NotImplementedError

    def write_bytes(self, start, data):
        """Write bytes; the card has to be open by its secret."""
        raise NotImplementedError
