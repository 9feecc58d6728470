"""The head-end's side of the interface to Odoo: fetch the links, deliver the events."""

import asyncio
import json
import logging
import os
import sqlite3

import aiohttp

_logger = logging.getLogger(__name__)

CONFIG_PATH = "/amr/headend/v1/config"
EVENTS_PATH = "/amr/headend/v1/events"
#: Pauses between attempts while Odoo is away.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
LAST_ATTEMPT = 2.0
#: What goes wrong while Odoo is away, starting, or answers an error page.
TROUBLE = (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError)


class OdooSide:
    """Polls the configuration and empties the spool; lives through Odoo's restarts."""

    def __init__(self, config, spool, on_links):
        self.config = config
        self.spool = spool
        self.on_links = on_links
        self._session = None
        self._tasks = []
        self.reached = False
        self._well = None
        self._refresh_lock = asyncio.Lock()
        self._begun = float("-inf")
        self._cache = config.path("links.json")
        self._cached = None

    async def start(self):
        self._load_cache()
        if not self.config.odoo_url:
            _logger.info("no odoo_url: the links of %s are all there are", self._cache)
            return
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self.config.token}"},
            timeout=aiohttp.ClientTimeout(total=self.config.post_timeout),
        )
        loops = (self._poll, self._deliver)
        self._tasks = [asyncio.create_task(loop()) for loop in loops]

    async def stop(self):
        """Stop both loops; one last attempt to deliver."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            try:
                await asyncio.wait_for(self._deliver_once(), LAST_ATTEMPT)
            except (*TROUBLE, sqlite3.Error):
                _logger.info("%s events stay in the spool", self.spool.count())
            await self._session.close()

    # === CONFIGURATION === #

    async def refresh(self, asked=None):
        """Fetch the links; True when Odoo answered.

        Many callers share one request: whoever asked before the last request began
        is content with its outcome.

        :param asked: when the caller began to wonder (loop time), default now
        """
        if not self._session:
            return False
        loop = asyncio.get_running_loop()
        asked = loop.time() if asked is None else asked
        async with self._refresh_lock:
            if self._begun < asked:
                pause = self._begun + self.config.refresh_pause - loop.time()
                if pause > 0:
                    await asyncio.sleep(pause)
                self._begun = loop.time()
                self.reached = await self._fetch()
            return self.reached

    async def _fetch(self):
        url = self.config.odoo_url + CONFIG_PATH
        params = {"headend": self.config.name}
        try:
            async with self._session.get(url, params=params) as response:
                response.raise_for_status()
                links = (await response.json(content_type=None))["links"]
        except (*TROUBLE, KeyError, TypeError) as error:
            self._heard(False, f"does not tell the links ({_why(error)})")
            return False
        self._heard(True, "tells the links")
        return self._use(links, save=True)

    async def _poll(self):
        pause = FIRST_PAUSE
        while True:
            if await self.refresh():
                pause = FIRST_PAUSE
                await asyncio.sleep(self.config.config_interval)
            else:
                pause = min(pause * 2, LONGEST_PAUSE)
                await asyncio.sleep(pause)

    def _load_cache(self):
        try:
            links = json.loads(self._cache.read_text(encoding="utf-8"))["links"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            _logger.warning("the cached links cannot be used: %s", error)
            return
        self._use(links, save=False)

    def _use(self, links, save):
        """Take the list over, and keep it on disk when it is new."""
        try:
            self.on_links(links)
        except (KeyError, TypeError, AttributeError) as error:
            _logger.warning("Odoo's list of links cannot be used: %r", error)
            return False
        if save and links != self._cached:
            self._save(links)
        self._cached = links
        return True

    def _save(self, links):
        part = self._cache.with_suffix(".part")
        try:
            part.write_text(json.dumps({"links": links}), encoding="utf-8")
            os.replace(part, self._cache)
        except OSError as error:
            _logger.warning("the links cannot be kept on disk: %s", error)

    # === EVENTS === #

    async def _deliver(self):
        pause = FIRST_PAUSE
        while True:
            await self.spool.changed.wait()
            try:
                await self._deliver_once()
                pause = FIRST_PAUSE
            except (*TROUBLE, sqlite3.Error) as error:
                self._heard(False, f"does not take events ({_why(error)})")
                self.spool.changed.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _deliver_once(self):
        """Deliver until the spool is empty.

        :raises aiohttp.ClientError, ValueError: Odoo is away or answers nonsense
        """
        while True:
            self.spool.changed.clear()
            events = self.spool.peek()
            if not events:
                return
            url = self.config.odoo_url + EVENTS_PATH
            body = {"headend": self.config.name, "events": events}
            async with self._session.post(url, json=body) as response:
                response.raise_for_status()
                answer = await response.json(content_type=None)
            accepted = answer.get("accepted") if isinstance(answer, dict) else None
            if not accepted:
                raise ValueError("no event was accepted")
            self.spool.accept(accepted)
            self._heard(True, "takes events")

    def _heard(self, well, what):
        """Say in the log when Odoo goes away or comes back, not at every attempt."""
        if well != self._well:
            self._well = well
            level = logging.INFO if well else logging.WARNING
            _logger.log(level, "Odoo %s; %s events wait", what, self.spool.count())


def _why(error):
    """Short reason without addresses or tokens."""
    status = getattr(error, "status", None)
    return f"HTTP {status}" if status else type(error).__name__
