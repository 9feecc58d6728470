"""Live frames of the links, for whoever looks at the line."""

import asyncio
import time

#: What waits for a slow onlooker; the oldest goes first, and he is told how many.
WAITING = 1000
#: Bytes of noise that are shown.
NOISE = 64


class Watch:
    """Tells onlookers what goes out and comes in; costs nothing while nobody looks."""

    def __init__(self):
        self._onlookers = set()

    def __bool__(self):
        return bool(self._onlookers)

    def frame(self, link, direction, protocol, frame):
        """A frame went "out" or came "in"; passwords are starred out."""
        self._tell(
            {
                "link": link,
                "direction": direction,
                "frame": protocol.redact(frame).upper(),
                **_explained(protocol, frame),
            }
        )

    def silence(self, link, protocol, request, noise):
        """No reply came to ``request``, only ``noise`` (bytes, mostly none).

        A line may echo what is sent: after a request with a secret nothing is shown.
        """
        shown = protocol.redact(request) == request.hex()
        self._tell(
            {
                "link": link,
                "direction": "none",
                "frame": noise[:NOISE].hex().upper() if shown else "",
                "protocol": protocol.name,
                "error": f"No reply; {len(noise)} bytes that make no frame.",
                "values": [],
            }
        )

    def _tell(self, event):
        event["at"] = time.time()
        for onlooker in self._onlookers:
            onlooker.add(event)

    async def events(self, link=None):
        """Yield lists of events as they come, of one link or of all."""
        onlooker = _Onlooker(link)
        self._onlookers.add(onlooker)
        try:
            while True:
                yield await onlooker.take()
        finally:
            self._onlookers.discard(onlooker)


class _Onlooker:
    def __init__(self, link):
        self._link = link
        self._events = []
        self._lost = 0
        self._some = asyncio.Event()

    def add(self, event):
        if self._link and event["link"] != self._link:
            return
        if len(self._events) >= WAITING:
            self._lost += 1
            del self._events[0]
        self._events.append(event)
        self._some.set()

    async def take(self):
        await self._some.wait()
        self._some.clear()
        events, self._events = self._events, []
        if self._lost:
            events[0] = {**events[0], "lost": self._lost}
            self._lost = 0
        return events


def _explained(protocol, frame):
    answer = protocol.decode(frame).as_dict()
    if protocol.redact(frame) != frame.hex():
        answer["values"] = []  # they may hold the secret
    return answer
