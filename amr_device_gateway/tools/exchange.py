"""Thin layer between Odoo's models and the head-end's client."""

import logging
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from ..headend.client import (
    HeadEndClient,
    HeadEndError,
    HeadEndLost,
    HeadEndUnavailable,
)
from .settings import gateway_settings

_logger = logging.getLogger(__name__)

OFFLINE = frozenset({"offline", "unknown_link"})
# Not the device's fault: the head-end itself was away.
HEAD_END_AWAY = frozenset({"unreachable", "disconnected"})
QUEUE_SECONDS = 20  # how long frames may wait for their turn on the link


class Exchange(NamedTuple):
    """One frame for a device and what came of it.

    :param str error: what went wrong on the way (``timeout``, ``offline``, …)
    :param bool sent: whether a byte may have left for the device
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


async def exchange(client, link, protocol, frames, timeout, priority=0):
    """Send frames to one link and return one :class:`Exchange` per frame.

    A head-end that is away is an outcome like any other: ``unreachable`` when nothing
    can have left, ``disconnected`` when nobody knows.

    :param str link: key of the link (``dtu:10372001``)
    :param protocol: protocol object, of the registry
    :param list[bytes] frames: requests in order
    :param float timeout: seconds to wait for each reply
    :param int priority: 1 overtakes reads
    """
    try:
        replies = await client.exchange(
            link,
            protocol.name,
            frames,
            deadline=timeout * len(frames) + QUEUE_SECONDS,
            priority=priority,
            timeout=timeout,
        )
    except HeadEndUnavailable as error:
        return _failed(frames, "unreachable", False, error)
    except HeadEndLost as error:
        return _failed(frames, "disconnected", True, error)
    except HeadEndError as error:
        return _failed(frames, str(error), False, error)
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


def nothing_sent(exchanges):
    """Return whether it is certain that no byte has left for the device."""
    return bool(exchanges) and not any(item.sent or item.reply for item in exchanges)


def _failed(frames, code, sent, error):
    _logger.info("Head-end: %s", error)
    return [Exchange(frame, None, code, 0, sent) for frame in frames]
