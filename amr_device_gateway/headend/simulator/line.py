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

    async def carry(self, count):
        """Wait until ``count`` more bytes have gone over the line."""
        if not self.seconds:
            return
        loop = asyncio.get_running_loop()
        self._free_at = max(loop.time(), self._free_at) + count * self.seconds
        await asyncio.sleep(self._free_at - loop.time())
