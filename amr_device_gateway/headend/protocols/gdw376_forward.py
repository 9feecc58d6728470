"""Any meter protocol, carried through a concentrator (AFN 10H F1).

The requests of the meter's own protocol go inside 376.1 frames and its answers are
taken out of them, so that whoever reads or switches a meter need not know what is in
between.
"""

from dataclasses import dataclass

from .base import Protocol, Unsupported
from .gdw376 import PROTOCOL as GDW376

#: Seconds the terminal waits for the meter; it has to tell before we give up (10 s).
METER_TIMEOUT = 8

REQUESTS = (
    "read_item",
    "read_index",
    "read_daily",
    "read_clock",
    "set_clock",
    "relay",
    "relay_state",
    "credit",
    "purchase_state",
)
ANSWERS = (
    "index_from",
    "is_frozen",
    "freeze_time_from",
    "clock_from",
    "relay_from",
    "purchase_from",
    "join",
)


@dataclass(frozen=True)
class Forwarded(Protocol):
    """``inner``, spoken to meters on a port of the concentrator ``terminal``.

    :param outer: what the concentrator speaks
    """

    inner: Protocol
    terminal: str
    port: int = 31
    baud: int = 2400
    outer: Protocol = GDW376

    @property
    def name(self):
        return self.outer.name

    def Framer(self):
        return self.outer.Framer()

    def wrap(self, frame):
        """376.1 request that carries ``frame``.

        :raises Unsupported: a request of several frames
        """
        if len(self.inner.steps(frame)) > 1:
            raise Unsupported(f"{self.inner.name} cannot go through a concentrator.")
        line = {"port": self.port, "baud": self.baud, "timeout": METER_TIMEOUT}
        return self.outer.forward(self.terminal, frame, **line)

    def decode(self, frame):
        """The meter's own answer; without one, what the concentrator says."""
        inner = self.outer.forwarded_from(frame)
        if not inner:
            return self.outer.decode(frame)
        return self.inner.decode(inner)

    def credit_from(self, decoded):
        """What the meter itself said; nothing when only the concentrator spoke."""
        if decoded.protocol == self.outer.name:
            return None
        return self.inner.credit_from(decoded)

    def matches(self, request, reply):
        return self.outer.matches(request, reply)

    def next_request(self, request, decodeds):
        inner = self.outer.forwarded_from(request)
        # pylint: disable-next=assignment-from-none
        following = self.inner.next_request(inner, decodeds)
        return None if following is None else self.wrap(following)

    def redact(self, frame):
        return self.outer.redact(frame)


def _request(name):
    def method(self, *args, **kwargs):
        made = getattr(self.inner, name)(*args, **kwargs)
        if isinstance(made, bytes):
            return self.wrap(made)
        return [self.wrap(frame) for frame in made]

    method.__doc__ = f"Like :meth:`.Protocol.{name}`, carried by the concentrator."
    return method


def _answer(name):
    def method(self, *args, **kwargs):
        return getattr(self.inner, name)(*args, **kwargs)

    method.__doc__ = f"Like :meth:`.Protocol.{name}`: what the meter itself said."
    return method


for _name in REQUESTS:
    setattr(Forwarded, _name, _request(_name))
for _name in ANSWERS:
    setattr(Forwarded, _name, _answer(_name))
