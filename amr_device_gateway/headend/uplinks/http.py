"""HTTP push of platforms: ``POST /uplink/PROFILE`` with a token of its own."""

import asyncio
import hmac
import logging

from aiohttp import web

from . import onenet
from . import profile as profiles
from .profile import MessageError, ProfileError

_logger = logging.getLogger(__name__)

MAX_BODY = 1 << 20


class HttpUplinks:
    """Listens for platforms; answers yes only for what is on disk.

    The token comes as ``Authorization: Bearer``, or as ``?token=`` from platforms that
    let people enter an address and nothing else. A platform that signs what it says
    signs it with the token. Requests are not logged.
    """

    def __init__(self, config, sink):
        self.config = config
        self.sink = sink
        self._runner = None

    async def start(self):
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/uplink/{profile}", self._prove)
        app.router.add_post("/uplink/{profile}", self._push)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await self._runner.setup()
        config = self.config
        await web.TCPSite(self._runner, config.uplink_host, config.uplink_port).start()
        _logger.info("uplinks by HTTP on %s:%s", config.uplink_host, self.port)

    @property
    def port(self):
        return self._runner.addresses[0][1]

    async def stop(self):
        if self._runner:
            await self._runner.cleanup()

    async def _prove(self, request):
        """A platform asks whether this is the address it was told: it hears its msg."""
        profile = self._profile(request)
        if not profile.signature:
            raise web.HTTPMethodNotAllowed("GET", ["POST"])
        given = [request.query.get(name) for name in ("nonce", "msg", "signature")]
        try:
            onenet.check(self.config.uplink_token, *given)
        except onenet.NotSigned:
            raise self._refusal() from None
        return web.Response(text=request.query["msg"])

    async def _push(self, request):
        # whether it may, before anything that it says is looked at
        name = request.match_info["profile"]
        signed = name in profiles.names() and profiles.load(name).signature
        if not signed:
            self._authenticate(request)
        profile = self._profile(request)
        try:
            body = await request.read()
            if signed:
                body = onenet.unwrap(self.config.uplink_token, body)
            count, refused = self.sink.take(profile, body)
        except onenet.NotSigned:
            raise self._refusal() from None
        except MessageError as error:
            _logger.warning("an uplink of %s was refused: %s", name, error)
            raise web.HTTPBadRequest(text=str(error)) from None
        try:
            await self.sink.durable()
        except asyncio.TimeoutError:
            raise web.HTTPServiceUnavailable(
                text="The disk cannot be written; please send this again."
            ) from None
        answer = {"taken": count}
        if refused:
            answer["refused"] = [
                {"place": one.place, "error": one.problem} for one in refused
            ]
        return web.json_response(answer)

    def _profile(self, request):
        try:
            return profiles.load(request.match_info["profile"])
        except ProfileError as error:
            raise web.HTTPNotFound(text=str(error)) from None

    def _authenticate(self, request):
        header = request.headers.get("Authorization", "")
        given = header.removeprefix("Bearer ") or request.query.get("token", "")
        # aiohttp hands over bytes that are no UTF-8 as surrogates
        given = given.encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self.config.uplink_token.encode()):
            raise self._refusal()

    def _refusal(self):
        _logger.info("a platform with a wrong token was refused")
        return web.HTTPUnauthorized(text="The token is missing or wrong.")
