"""From a platform's message to the spool: durable before the sender hears yes."""

import asyncio
import logging

_logger = logging.getLogger(__name__)

#: So long the disk may take; afterwards the sender is told to come again.
DURABLE_WITHIN = 10.0


class Sink:
    """Takes uplinks of every door into one spool, each of them once.

    :param spool: the head-end's :class:`..spool.Spool`
    """

    def __init__(self, spool):
        self.spool = spool
        self.taken = 0

    def take(self, profile, body):
        """Queue the uplinks of one message; returns how many it held.

        :raises MessageError: a sentence
        """
        uplinks = profile.uplinks(body)
        for uplink in uplinks:
            more = {"at": uplink.at} if uplink.at else {}
            if uplink.protocol:
                more["protocol"] = uplink.protocol
            self.spool.put(
                "uplink",
                uplink.link,
                uplink.terminal,
                profile.name,
                id=uplink.id,
                frame=uplink.frame.hex(),
                **more,
            )
        self.taken += len(uplinks)
        _logger.debug("%s: %s uplinks", profile.name, len(uplinks))
        return len(uplinks)

    async def durable(self):
        """Wait until everything taken is on disk.

        :raises asyncio.TimeoutError: the disk cannot be written
        """
        await asyncio.wait_for(self.spool.saved(), DURABLE_WITHIN)
