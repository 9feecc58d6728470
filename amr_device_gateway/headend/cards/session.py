"""Reading and writing a card, so that no card is ever killed and no write believed.

The secret of a card is never tried when its error counter is not full: somebody has
used a wrong one before, the next two would kill the card for ever, and a card with
money on it is worth more than an answer.
"""

from typing import NamedTuple

from .base import FULL, CardError

SIZES = {"sle4442": 256}
SECRET_SIZE = {"sle4442": 3}


class Card(NamedTuple):
    """What is in a reader. ``tries`` are left of :data:`.base.FULL`."""

    kind: str
    tries: int
    data: bytes


def read(reader):
    """The :class:`Card` in an opened reader.

    :raises CardError: see there
    """
    kind = reader.insert()
    if kind not in SIZES:
        raise CardError("card_type", f"A card of kind {kind} is not known here.")
    tries = reader.error_counter()
    return Card(kind, tries, _read(reader, 0, SIZES[kind]))


def write(reader, secret, start, data, expected=None):
    """Write and read again; returns the card before and after.

    Bytes that are right already are not written, so that doing it twice is harmless.

    :param bytes secret: of the card; tried only when its error counter is full
    :param bytes expected: the card's bytes as they were when it was decided what to
        write; another card, or one that changed meanwhile, is left alone
    :raises CardError: see there; only after ``mismatch`` and ``unknown`` the card may
        have changed
    """
    before = read(reader)
    if start < 0 or not data or start + len(data) > SIZES[before.kind]:
        raise CardError("range", "These places are not on the card.")
    if expected is not None and expected != before.data:
        raise CardError("changed", "This is another card, or it changed meanwhile.")
    if before.data[start : start + len(data)] == data:
        return before, before
    verify(reader, before.kind, secret)
    return before, _write_and_look(reader, before, start, data)


def _write_and_look(reader, before, start, data):
    """The card after writing; what the reader says of it is not believed.

    :raises CardError: what reading again shows
    """
    failure = None
    try:
        reader.write_bytes(start, data)
    except CardError as error:
        failure = error
    except Exception as error:  # a driver's own; bytes may be on the card all the same
        failure = CardError("no_answer", f"The reader fails: {error!r}.")
    try:
        after = read(reader)
    except Exception as error:
        raise CardError(
            "unknown",
            f"{failure or error} What is on the card now is not known: read it again "
            "before anything else is done with it.",
        ) from error
    if after.data == before.data[:start] + data + before.data[start + len(data) :]:
        return after
    if after.data == before.data:
        raise failure or CardError(
            "not_written", "The card took nothing of what was written to it."
        )
    raise CardError(
        "mismatch",
        "The card does not hold what was written to it. Do not hand it out; read it "
        "again and look at the bytes.",
    )


def verify(reader, kind, secret):
    """Open a card by its secret.

    :raises CardError: ``counter``: not tried; ``secret``: the card refused it
    """
    if len(secret) != SECRET_SIZE[kind]:
        raise CardError("secret", f"A secret has {SECRET_SIZE[kind]} bytes.")
    tries = reader.error_counter()
    if tries == 0:
        raise CardError("counter", "The card is locked for ever. Replace it.")
    if tries != FULL:
        raise CardError(
            "counter",
            f"A wrong secret was tried on this card: {tries} of {FULL} tries are left. "
            "The secret is not tried again; replace the card.",
        )
    if not reader.verify(secret):
        raise CardError(
            "secret", "The card refused the secret: it is not a card of this system."
        )
    if reader.error_counter() != FULL:
        raise CardError("secret", "The card took the secret, but did not open.")


def _read(reader, start, count):
    data = reader.read_bytes(start, count)
    if len(data) != count:
        raise CardError("no_answer", "The reader told too few bytes of the card.")
    return bytes(data)
