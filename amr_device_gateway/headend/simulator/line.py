"""How long bytes take on a simulated serial line."""

import asyncio

#: Start bit, eight data bits, parity, stop bit (8E1).
BITS = 11


class LineSpeed:
    """The half-duplex line behind a DTU or serial server: one byte at a time.

    :param baud: bits a second; 0 = bytes take no time
    """

    def __init__(self, baud=0):
        self.seconds = BITS / baud if baud else 0.0
        self._free_at = 0.0

    def put(self, count, follows=False):
        """Give the line ``count`` more bytes to carry.

        :param bool follows: they follow the bytes before at once, however late this
            process has woken up
        """
        if not self.seconds:
            return
        now = asyncio.get_running_loop().time()
        begin = self._free_at if follows else max(now, self._free_at)
        self._free_at = begin + count * self.seconds

    async def carried(self):
        """Wait until all bytes have gone over the line."""
        left = self._free_at - asyncio.get_running_loop().time()
        if self.seconds and left > 0:
            await asyncio.sleep(left)
