"""Odoo's side of the control port.

async with HeadEndClient(url, token) as client:
    replies = await client.exchange(link, protocol, frames, deadline=30)
"""

import asyncio
import itertools
from typing import NamedTuple

import aiohttp

CONNECT_TIMEOUT = 5.0
#: The head-end answers by its deadline; this much later it counts as gone.
GRACE = 10.0
MAX_MESSAGE = 1 << 24
DOWNLINK_TIMEOUT = 20.0


class HeadEndError(Exception):
    """The head-end refused a request; the message is a sentence."""


class HeadEndUnavailable(HeadEndError):
    """The head-end cannot be reached; nothing was sent to any device."""


class HeadEndLost(HeadEndError):
    """The connection broke before the answer came: what reached the device is unknown.

    A relay or credit command must be read back before it is repeated.
    """


class HeadEndFailed(HeadEndLost):
    """The head-end answered that it failed: it may have done so after sending."""


#: The one answer that is given before a byte can have left.
REFUSED = "bad_request"


class Reply(NamedTuple):
    """Outcome of one request frame.

    :param reply: frame of the device, or None
    :param error: None, "timeout", "offline", "unknown_link", "deadline", "busy" or
        "internal"
    :param ms: time on the line
    :param at: head-end's time of the reply, seconds since 1970
    :param sent: whether a byte may have left for the device (only then is its state in
        doubt); a head-end that does not say so leaves it in doubt
    """

    request: bytes
    reply: bytes | None
    error: str | None
    ms: int
    sent: bool = True
    at: float | None = None


class HeadEndClient:
    """One WebSocket to a head-end; any number of exchanges at the same time."""

    def __init__(self, url, token):
        self.url = url.rstrip("/")
        self._token = token
        self._session = None
        self._socket = None
        self._reader = None
        self._lock = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._waiting = {}

    def __repr__(self):
        return f"HeadEndClient({self.url!r}, token=…)"

    async def __aenter__(self):
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        )
        return self

    async def __aexit__(self, *_exc):
        await self.close()

    async def close(self):
        if self._socket:
            await self._socket.close()
        if self._reader:
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def exchange(
        self, link, protocol, frames, *, deadline=30, priority=0, timeout=None
    ):
        """Send request frames to a link, in order, and return a :class:`Reply` each.

        :param deadline: seconds after which nothing more is sent
        :param priority: 1 overtakes waiting reads (relay and credit commands)
        :param timeout: seconds to wait for each reply; None = the head-end's own
        :raises HeadEndUnavailable: nothing was sent
        :raises HeadEndLost: outcome unknown
        :raises HeadEndError: the request is wrong
        """
        message = {
            "op": "exchange",
            "link": link,
            "protocol": protocol,
            "frames": [bytes(frame).hex() for frame in frames],
            "deadline": deadline,
            "priority": priority,
            "timeout": timeout,
        }
        if not frames:
            return []
        answer = await self._call(message, deadline + GRACE)
        try:
            replies = [_reply(one) for one in answer["replies"]]
        except (KeyError, TypeError, ValueError) as error:
            raise HeadEndFailed("The head-end's answer is not clear.") from error
        if [one.request for one in replies] != [bytes(frame) for frame in frames]:
            raise HeadEndFailed("The head-end answered something else than was asked.")
        return replies

    async def downlink(self, device, application, port, frame, number, expires=None):
        """Hand a frame for a sleeping LoRaWAN device to its network server.

        :param str device: devEUI
        :param str application: its number at the network server
        :param int port: port of the device
        :param str number: UUID; the same again is the same downlink
        :param datetime expires: naive UTC; not sent after it (ChirpStack from 4.11)
        :raises HeadEndUnavailable: it was not handed over
        :raises HeadEndLost: nobody knows
        :raises HeadEndError: it cannot be, a sentence; nothing was handed over
        """
        message = {
            "op": "downlink",
            "device": device,
            "application": application,
            "port": port,
            "frame": bytes(frame).hex(),
            "number": number,
            "expires": expires and f"{expires.isoformat()}Z",
        }
        await self._call(message, DOWNLINK_TIMEOUT)

    async def links(self, link=None):
        """Rows with link, kind, terminal, peer, since, last_seen and state."""
        answer = await self._call({"op": "links", "link": link}, GRACE)
        return answer["links"]

    async def known(self):
        """Rows like :meth:`links`, of all links of the configuration."""
        answer = await self._call({"op": "known"}, GRACE)
        return answer["links"]

    async def about(self):
        """How the head-end is, and where its files are."""
        return (await self._call({"op": "about"}, GRACE))["about"]

    async def refresh(self, timeout=60):
        """Let the head-end fetch its links and deliver its events now.

        :return: mapping with reached (whether Odoo answered), links and spool (counts)
        """
        return await self._call({"op": "refresh"}, timeout)

    async def watch(self, link=None):
        """Yield lists of frames of a link, or of all links, as they go by.

        The first list is empty: from then on nothing is missed.

        :raises HeadEndLost: the head-end ended or the connection broke
        """
        socket = await self._connect()
        try:
            await socket.send_json({"id": 0, "op": "watch", "link": link})
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    yield message.json()["frames"]
        finally:
            await socket.close()
        raise HeadEndLost("The connection to the head-end broke.")

    async def card(self, action, *, timeout=60, **fields):
        """Use a card reader: ``scan``, ``read`` or ``write``.

        :param fields: ``reader`` (a key of the scan); to write also ``secret``,
            ``start`` and ``data``, and ``expected`` (the card as it was read before)
        :return: mapping; ``error`` (a code of :class:`.cards.base.CardError`) and
            ``message`` when it cannot be done
        :raises HeadEndUnavailable: nothing was done
        :raises HeadEndLost: after ``write`` the card must be read before anything else
        """
        message = {"op": "card", "action": action}
        for name, value in fields.items():
            message[name] = value.hex() if isinstance(value, bytes) else value
        return (await self._call(message, timeout))["card"]

    # === WEBSOCKET === #

    async def _call(self, message, timeout):
        socket = await self._connected()
        number = next(self._numbers)
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            await socket.send_json({"id": number, **message})
            answer = await asyncio.wait_for(future, timeout)
        except (ConnectionError, aiohttp.ClientError) as error:
            raise HeadEndLost(
                "The connection to the head-end broke before it answered."
            ) from error
        except asyncio.TimeoutError as error:
            raise HeadEndLost(
                f"The head-end did not answer within {timeout:.0f} s."
            ) from error
        finally:
            self._waiting.pop(number, None)
        if error := answer.get("error"):
            refused = HeadEndError if error == REFUSED else HeadEndFailed
            raise refused(answer.get("message") or error)
        return answer

    async def _connected(self):
        async with self._lock:
            if self._socket is None or self._socket.closed:
                if self._reader:  # it tells those who waited on the old connection
                    await asyncio.gather(self._reader, return_exceptions=True)
                self._socket = await self._connect()
                self._reader = asyncio.create_task(self._read(self._socket))
            return self._socket

    async def _connect(self):
        url = f"{self.url}/v1/control"
        if self._session.closed:
            raise HeadEndUnavailable("The connection to the head-end was closed.")
        try:
            return await self._session.ws_connect(
                url, heartbeat=30, max_msg_size=MAX_MESSAGE
            )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 401:
                raise HeadEndError("The head-end refuses the token.") from error
            raise HeadEndUnavailable(
                f"The head-end answers with HTTP {error.status}."
            ) from error
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise HeadEndUnavailable("The head-end cannot be reached.") from error

    async def _read(self, socket):
        """Hand answers to those who wait; when the line breaks, tell them all."""
        try:
            async for message in socket:
                if message.type != aiohttp.WSMsgType.TEXT:
                    continue
                answer = message.json()
                future = self._waiting.get(answer.get("id"))
                if future and not future.done():
                    future.set_result(answer)
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionResetError())


def _reply(one):
    return Reply(
        bytes.fromhex(one["request"]),
        bytes.fromhex(one["reply"]) if one["reply"] else None,
        one["error"],
        one["ms"],
        one.get("sent", True),
        one.get("at"),
    )
