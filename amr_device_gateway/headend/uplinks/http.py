"""HTTP push of platforms: ``POST /uplink/PROFILE`` with a token of its own."""

import asyncio
import hmac
import logging

from aiohttp import web

from . import profile as profiles
from .profile import MessageError, ProfileError

_logger = logging.getLogger(__name__)

MAX_BODY = 1 << 20


class HttpUplinks:
    """Listens for platforms; answers yes only for what is on disk.

    The token comes as ``Authorization: Bearer``, or as ``?token=`` from platforms that
    let people enter an address and nothing else. Requests are not logged.
    """

    def __init__(self, config, sink):
        self.config = config
        self.sink = sink
        self._runner = None

    async def start(self):
        app = web.Application(client_max_size=MAX_BODY)
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

    async def _push(self, request):
        self._authenticate(request)
        try:
            profile = profiles.load(request.match_info["profile"])
            count = self.sink.take(profile, await request.read())
        except ProfileError as error:
            raise web.HTTPNotFound(text=str(error)) from None
        except MessageError as error:
            name = request.match_info["profile"]
            _logger.warning("an uplink of %s was refused: %s", name, error)
            raise web.HTTPBadRequest(text=str(error)) from None
        try:
            await self.sink.durable()
        except asyncio.TimeoutError:
            raise web.HTTPServiceUnavailable(
                text="The disk cannot be written; please send this again."
            ) from None
        return web.json_response({"taken": count})

    def _authenticate(self, request):
        header = request.headers.get("Authorization", "")
        given = header.removeprefix("Bearer ") or request.query.get("token", "")
        # aiohttp hands over bytes that are no UTF-8 as surrogates
        given = given.encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self.config.uplink_token.encode()):
            _logger.info("a platform with a wrong token was refused")
            raise web.HTTPUnauthorized(text="The token is missing or wrong.")
