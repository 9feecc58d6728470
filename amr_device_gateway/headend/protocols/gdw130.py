"""Q/GDW 130-2005: concentrators and load terminals from before Q/GDW 376.1.

The same frame with another protocol number, 64 metering points named by bits, and an
authentication code of two bytes (:class:`.gdw376_frame.Edition`). The items F129, F161
and F177 of one register each do not exist yet: the index is one of four registers of
F33, F1 and F17, which 376.1 has kept as they were. Its list of meters (F10) has rows of
another size; nothing open shows one with its bytes, so it is left out.
Source: two open terminals and an open master station that speak both editions.
"""

from dataclasses import dataclass

from . import gdw376_frame as frames
from .gdw376 import Gdw376


@dataclass(frozen=True)
class Gdw130(Gdw376):
    """Q/GDW 130-2005."""

    name = "gdw130"
    title = "Q/GDW 130-2005"
    framing_rank = 6

    edition = frames.GDW130
    now_item, day_item, month_item = 33, 1, 17

    def Framer(self):
        return frames.Gdw130Framer()

    def write_archives(self, terminal, rows, *, code=None, sequence=0):
        raise self._unsupported("a list of meters")

    def read_archives(self, terminal, numbers, sequence=0):
        raise self._unsupported("a list of meters")


PROTOCOL = Gdw130()
