"""Thin layer between Odoo's models and the head-end's client."""

import logging
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from ..headend.client import (
    HeadEndClient,
    HeadEndError,
    HeadEndFailed,
    HeadEndLost,
    HeadEndUnavailable,
)
from ..headend.protocols.base import Fault
from .settings import gateway_settings

_logger = logging.getLogger(__name__)

OFFLINE = frozenset({"offline", "unknown_link"})
# Not the device's fault: the head-end itself was away.
HEAD_END_AWAY = frozenset({"unreachable", "disconnected"})
# Not the device's fault either: others were before it on its line.
NO_TURN = frozenset({"busy", "deadline"})
QUEUE_SECONDS = 20  # how long frames may wait for their turn on the link

NOT_SENT, PERHAPS_SENT = "not_sent", "perhaps_sent"
#: What may have happened at the device, by what went wrong. This table alone decides
#: whether a command is sent again as it is, or read back first; a word that is not in
#: it leaves the device in doubt.
AFTER = {
    "unknown_link": NOT_SENT,
    "offline": NOT_SENT,
    "busy": NOT_SENT,
    "deadline": NOT_SENT,
    "unreachable": NOT_SENT,  # no connection to the head-end came about
    "refused": NOT_SENT,  # a wrong token or request: it looks before it sends
    "timeout": PERHAPS_SENT,
    "disconnected": PERHAPS_SENT,  # the connection broke after the question
    "internal": PERHAPS_SENT,  # the head-end failed, nobody knows where
}
#: What the client raises, by the words of that table; the first that fits.
RAISED = (
    (HeadEndUnavailable, "unreachable"),
    (HeadEndFailed, "internal"),
    (HeadEndLost, "disconnected"),
    (HeadEndError, "refused"),
)


class Exchange(NamedTuple):
    """One frame for a device and what came of it.

    :param str error: what went wrong on the way (``timeout``, ``offline``, …), or a
        :class:`Fault` with that code
    :param bool sent: whether a byte may have left for the device, as the head-end says;
        :attr:`arrived` is what counts
    :param decoded: the reply in readable form
    :param at: head-end's time of the reply, seconds since 1970
    """

    request: bytes
    reply: bytes | None
    error: str | None
    ms: int = 0
    sent: bool = True
    decoded: Any = None
    at: float | None = None

    @property
    def problem(self):
        """Return what went wrong, on the way or in the device, or None."""
        return self.error or (self.decoded.error if self.decoded else None)

    @property
    def arrived(self):
        """Return whether the device may have got the frame.

        It has not only if the head-end says so and the kind of error allows it.
        """
        if self.reply or not self.error or self.sent:
            return True
        return AFTER.get(error_code(self.error)) != NOT_SENT


def open_client(links=()):
    """Return a client of the head-end, to be entered with ``async with``.

    :param links: ``amr.link`` records that will be spoken to; where there are several
        head-ends, each link is looked for where it is served
    """
    settings = gateway_settings()
    if not settings.headends:
        return HeadEndClient(settings.headend_url, settings.headend_token)
    urls = {link.key: settings.url_of(link.headend or link.served_by) for link in links}
    return HeadEnds(settings.headend_url, urls, settings.headend_token)


class HeadEnds:
    """Several head-ends as one client: each link is asked where it is served.

    :param str url: head-end of links that no other is known to serve
    :param dict urls: ``{key of a link: url}``
    """

    def __init__(self, url, urls, token):
        self._default = url
        self._urls = urls
        self._clients = {
            one: HeadEndClient(one, token) for one in {url, *urls.values()}
        }
        self._stack = AsyncExitStack()

    async def __aenter__(self):
        for client in self._clients.values():
            await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *exc):
        return await self._stack.__aexit__(*exc)

    async def exchange(self, link, *args, **options):
        url = self._urls.get(link, self._default)
        return await self._clients[url].exchange(link, *args, **options)

    async def links(self, link=None):
        url = self._urls.get(link, self._default)
        return await self._clients[url].links(link)


def open_head_end(name):
    """Return a client of the head-end called ``name``."""
    settings = gateway_settings()
    return HeadEndClient(settings.url_of(name), settings.headend_token)


async def exchange(
    client, link, protocol, frames, timeout, priority=0, queue=QUEUE_SECONDS
):
    """Send frames to one link and return one :class:`Exchange` per frame.

    A head-end that is away is an outcome like any other, a word of :data:`AFTER`.

    :param str link: key of the link (``dtu:10372001``)
    :param protocol: protocol object, of the registry
    :param list[bytes] frames: requests in order
    :param float timeout: seconds to wait for each reply
    :param int priority: 1 overtakes reads
    :param float queue: seconds that the frames may wait for their turn
    """
    try:
        replies = await client.exchange(
            link,
            protocol.name,
            frames,
            deadline=timeout * len(frames) + queue,
            priority=priority,
            timeout=timeout,
        )
    except HeadEndError as error:
        return _failed(frames, error)
    return [
        Exchange(
            request=reply.request,
            reply=reply.reply,
            error=reply.error,
            ms=reply.ms,
            sent=reply.sent,
            decoded=protocol.decode(reply.reply) if reply.reply else None,
            at=reply.at,
        )
        for reply in replies
    ]


def error_code(error):
    """Return the word for an error: its own, or the code of a :class:`Fault`."""
    return getattr(error, "code", error)


def nothing_sent(exchanges):
    """Return whether it is certain that no byte has left for the device."""
    return bool(exchanges) and not any(item.arrived for item in exchanges)


def _failed(frames, error):
    """Return the exchanges of frames that the client raised an error for."""
    word = word_for(error)
    sent = AFTER[error_code(word)] != NOT_SENT
    return [Exchange(frame, None, word, 0, sent) for frame in frames]


def word_for(error):
    """Return the word of :data:`AFTER` for what the client raised."""
    _logger.info("Head-end: %s", error)
    word = next(word for kind, word in RAISED if isinstance(error, kind))
    # the sentence of a refusal says what to do
    return Fault(word, str(error)) if word == "refused" else word
