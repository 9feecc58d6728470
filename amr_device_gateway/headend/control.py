"""The control port: what Odoo asks of the head-end (HTTP and WebSocket, token)."""

import asyncio
import contextlib
import hmac
import json
import logging

from aiohttp import WSMsgType, web

from .exchange import refused
from .protocols import registry
from .protocols.base import UnknownProtocol
from .uplinks.downlinks import DownlinkError

_logger = logging.getLogger(__name__)

MAX_MESSAGE = 1 << 20
MAX_DEADLINE = 3600.0
DEFAULT_DEADLINE = 30.0


class BadRequest(ValueError):
    """A control message that cannot be carried out; the message is a sentence."""


class ControlPort:
    """``/healthz``, ``/v1/links`` and the WebSocket ``/v1/control``."""

    def __init__(self, gateway):
        self.gateway = gateway
        self._runner = None
        self._sockets = set()
        self._token = f"Bearer {gateway.config.token}".encode()

    async def start(self):
        app = web.Application(middlewares=[self._authenticate])
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/v1/links", self._links)
        app.router.add_get("/v1/control", self._control)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await self._runner.setup()
        config = self.gateway.config
        site = web.TCPSite(self._runner, config.control_host, config.control_port)
        await site.start()

    @property
    def port(self):
        return self._runner.addresses[0][1]

    async def stop(self):
        if self._runner:
            for socket in list(self._sockets):
                await socket.close(code=1001, message=b"the head-end stops")
            await self._runner.cleanup()

    @web.middleware
    async def _authenticate(self, request, handler):
        if request.path != "/healthz":
            given = request.headers.get("Authorization", "")
            # aiohttp hands over bytes that are no UTF-8 as surrogates
            given = given.encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, self._token):
                raise web.HTTPUnauthorized(text="The token is missing or wrong.")
        return await handler(request)

    async def _health(self, request):
        online = sum(1 for link in self.gateway.links.values() if link.session)
        return web.json_response(
            {
                "status": "ok",
                "name": self.gateway.config.name,
                "links": len(self.gateway.links),
                "online": online,
                "spool": self.gateway.spool.count(),
            }
        )

    async def _links(self, request):
        return web.json_response(self.gateway.state(request.query.get("link")))

    # === WEBSOCKET === #

    async def _control(self, request):
        socket = web.WebSocketResponse(heartbeat=30, max_msg_size=MAX_MESSAGE)
        await socket.prepare(request)
        self._sockets.add(socket)
        tasks = set()
        try:
            async for message in socket:
                if message.type != WSMsgType.TEXT:
                    continue
                task = asyncio.create_task(self._answer(socket, message.data))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            self._sockets.discard(socket)
            for task in tasks:
                task.cancel()
        return socket

    async def _answer(self, socket, text):
        """One message in, one message out, in the order they get done."""
        number = None
        try:
            message = _parse(text)
            number = message.get("id")
            if message.get("op") == "watch":
                await self._watch(socket, number, message.get("link"))
                return
            answer = await self._perform(message)
        except BadRequest as error:
            answer = {"error": "bad_request", "message": str(error)}
        except asyncio.CancelledError:
            raise
        except Exception:
            _logger.exception("a control message failed")
            answer = {"error": "internal", "message": "The head-end failed; see log."}
        if not socket.closed:
            try:
                await socket.send_str(_text({"id": number, **answer}))
            except ConnectionError:
                _logger.info("an answer had nobody to go to")

    async def _perform(self, message):
        operation = message.get("op")
        if operation == "links":
            return {"links": self.gateway.state(message.get("link"))}
        if operation == "known":
            return {"links": self.gateway.known()}
        if operation == "about":
            return {"about": self.gateway.about()}
        if operation == "refresh":
            return {
                "reached": await self.gateway.refresh(),
                "links": len(self.gateway.links),
                "spool": self.gateway.spool.count(),
            }
        if operation == "exchange":
            return await self._exchange(message)
        if operation == "downlink":
            return await self._downlink(message)
        if operation == "card":
            return {"card": await self.gateway.cards.perform(message)}
        raise BadRequest(f"There is no operation “{operation}”.")

    async def _downlink(self, message):
        """Hand frames to the network server, which sends them when the device wakes."""
        door = self.gateway.uplinks.mqtt
        if door is None:
            raise BadRequest("This head-end has no MQTT broker (mqtt_url).")
        try:
            await door.send(message)
        except DownlinkError as error:
            raise BadRequest(str(error)) from None
        return {"handed_over": True}

    async def _watch(self, socket, number, link):
        """Send the frames of the lines as they come, until the socket is closed."""
        with contextlib.suppress(ConnectionError):
            await socket.send_json({"id": number, "frames": []})
            async for events in self.gateway.watch.events(link):
                await socket.send_json({"id": number, "frames": events})

    async def _exchange(self, message):
        protocol, frames = _frames(message)
        key = message.get("link")
        config = self.gateway.config
        deadline = _seconds(message, "deadline", DEFAULT_DEADLINE)
        timeout = _seconds(message, "timeout", config.reply_timeout)
        priority = 1 if message.get("priority") else 0
        if len(frames) > config.max_frames:
            raise BadRequest(f"{len(frames)} frames are too many for one exchange.")
        link = self.gateway.links.get(key)
        if link is None:
            replies = refused(frames, "unknown_link")
        else:
            replies = await link.exchange(protocol, frames, deadline, priority, timeout)
        return {"link": key, "replies": replies}


def _parse(text):
    try:
        message = json.loads(text)
    except ValueError:
        raise BadRequest("The message is no JSON.") from None
    if not isinstance(message, dict):
        raise BadRequest("The message is no JSON object.")
    return message


def _text(answer):
    """JSON of an answer; ``replies`` in it are requests that know their own JSON."""
    replies = answer.pop("replies", None)
    text = json.dumps(answer)
    if replies is None:
        return text
    rows = ", ".join([one.as_json() for one in replies])
    return f'{text[:-1]}, "replies": [{rows}]}}'


def _frames(message):
    """Protocol and request frames, each checked before a byte leaves."""
    try:
        protocol = registry.get(message.get("protocol"))
    except UnknownProtocol as error:
        raise BadRequest(str(error)) from None
    frames = []
    texts = message.get("frames")
    if not isinstance(texts, list) or not texts:
        raise BadRequest("“frames” must be a list of hex strings.")
    for number, text in enumerate(texts, 1):
        try:
            frame = bytes.fromhex(text)
        except (TypeError, ValueError):
            raise BadRequest(f"Frame {number} is no hex string.") from None
        fits = len(frame) <= protocol.longest_request
        error = protocol.fault_of(frame) if fits else "too long"
        if error and getattr(error, "code", "frame") in SEVERE:
            raise BadRequest(f"Frame {number} is no {protocol.name} request: {error}")
        frames.append(frame)
    return protocol, frames


SEVERE = ("frame", "truncated", "checksum")


def _seconds(message, name, default):
    value = message.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise BadRequest(f"“{name}” must be a positive number of seconds.")
    return min(float(value), MAX_DEADLINE)
