"""From a platform's message to the spool: durable before the sender hears yes."""

import asyncio
import json
import logging

from . import downlinks
from .profile import MessageError, NoJson, Refused

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
        """Queue the uplinks of one message, or of a list of them.

        What of a list cannot be used is queued too, for people to see; so is a single
        message of a platform that would not repeat it for the better.

        :return: how many uplinks it held, and what was :class:`.profile.Refused`
        :raises MessageError: a sentence
        """
        try:
            uplinks, refused = profile.uplinks(body)
        except NoJson:
            raise
        except MessageError as error:
            if profile.on_error != "keep":
                raise
            uplinks, refused = [], [Refused(1, str(error), json.loads(body))]
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
                **uplink.route,
                **more,
            )
        for one in refused:
            self._keep(profile, one)
        self.taken += len(uplinks)
        _logger.debug("%s: %s uplinks", profile.name, len(uplinks))
        return len(uplinks), refused

    def receipt(self, profile, name, body):
        """Queue what became of a downlink.

        :param str name: the event's, one of ``downlinks.EVENTS``
        :raises MessageError: a sentence
        """
        receipt = downlinks.receipt(name, body)
        if not receipt:
            return
        self.spool.put(
            "downlink",
            f"{profile.kind}:{receipt.device}",
            receipt.device,
            profile.name,
            id=receipt.id,
            item=receipt.item,
            outcome=receipt.outcome,
            **({"at": receipt.at} if receipt.at else {}),
        )

    def _keep(self, profile, refused):
        number, text = refused.kept()
        _logger.warning("an uplink of %s was refused: %s", profile.name, refused[1])
        self.spool.put(
            "bad_uplink",
            f"{profile.kind}:?",
            "",
            profile.name,
            id=number,
            problem=refused.problem,
            message=text,
        )

    async def durable(self):
        """Wait until everything taken is on disk.

        :raises asyncio.TimeoutError: the disk cannot be written
        """
        await asyncio.wait_for(self.spool.saved(), DURABLE_WITHIN)
