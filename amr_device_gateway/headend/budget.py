"""How much a terminal may send: a bucket of bytes that fills up again with time."""


class Budget:
    """Bytes a terminal may still send.

    A serial line behind a DTU or concentrator brings 2 kB/s at most, so a terminal
    that goes on above ``rate`` is broken or hostile. It may save up :data:`SECONDS` of
    unused rate for a burst (a concentrator that hands over a day's freezes).

    :param float rate: bytes a second, 0 = no limit
    :param clock: callable that returns seconds
    """

    SECONDS = 4

    def __init__(self, rate, clock):
        self._rate = rate
        self._clock = clock
        self._left = self._full = rate * self.SECONDS
        self._at = clock()

    def take(self, count):
        """Note ``count`` bytes; False when they are more than is allowed."""
        if not self._rate:
            return True
        now = self._clock()
        left = self._left + (now - self._at) * self._rate
        if left > self._full:
            left = self._full
        self._at = now
        self._left = max(left - count, 0)
        return count <= left
