"""Reads many meters at once through the head-end, for a bounded time. No ORM here."""

import asyncio
import logging
from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from .exchange import QUEUE_SECONDS, exchange
from .frame_reader import FrameRequest
from .results import MeterResult

_logger = logging.getLogger(__name__)

AHEAD = 2  # requests that one link is given: the one on the line, and the next


@dataclass(frozen=True)
class MeterRequest:
    """What one meter is asked, and what its answer will be called.

    :param datetime read_at: naive UTC; None: the time of the answer
    :param date frozen_on: local day that a freeze must be of, or it is not taken
    """

    meter_id: int
    link: str
    protocol: Any
    frames: list
    kind: str = "spot"
    read_at: datetime | None = None
    frozen_on: date | None = None

    @property
    def meter_ids(self):
        return [self.meter_id]


class SliceReader:
    """Asks the meters of each link one after the other, all links side by side.

    When the budget is used up, meters that were not asked yet have no result at all.

    :param client: entered :class:`HeadEndClient`
    :param list requests: :class:`MeterRequest` and :class:`FrameRequest`
    :param float budget: seconds after which no further meter is begun
    :param float timeout: seconds for one frame
    """

    def __init__(self, client, requests, budget, timeout):
        self._client = client
        self._budget = budget
        self._timeout = timeout
        self._results = asyncio.Queue()
        self._by_link = defaultdict(list)
        for request in requests:
            self._by_link[request.link].append(request)

    async def batches(self, seconds):
        """Yield lists of :class:`MeterResult` as they come, at most one per period.

        :param float seconds: shortest time between two batches
        """
        loop = asyncio.get_running_loop()
        self._until = loop.time() + self._budget
        tasks = [
            asyncio.create_task(self._read_link(requests))
            for requests in self._by_link.values()
        ]
        reading = asyncio.gather(*tasks)
        try:
            while not reading.done():
                await asyncio.wait([reading], timeout=seconds)
                if batch := self._take_results():
                    yield batch
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, *tasks, return_exceptions=True)

    def _take_results(self):
        batch = []
        while not self._results.empty():
            batch.append(self._results.get_nowait())
        return batch

    async def _read_link(self, requests):
        """Read the meters of one link until the budget is used up.

        The head-end has the next request before the line is free again.
        """
        waiting = iter(requests)
        await asyncio.gather(*(self._read_some(waiting) for _n in range(AHEAD)))

    async def _read_some(self, requests):
        loop = asyncio.get_running_loop()
        for request in requests:
            if loop.time() >= self._until:
                return
            left = set(request.meter_ids)
            try:
                async with aclosing(self._read(request)) as results:
                    async for result in results:
                        left.discard(result.meter_id)
                        self._results.put_nowait(result)
            except Exception:  # one odd meter must not keep the others from being read
                _logger.exception("Meters %s cannot be read", sorted(left))
                for meter_id in left:
                    crash = MeterResult(meter_id, request.kind, _now(), {}, "crash")
                    self._results.put_nowait(crash)

    async def _read(self, request):
        """Yield the results of a request as they come."""
        if isinstance(request, FrameRequest):
            results = request.read(self._client, self._timeout, self._until)
            async with aclosing(results):
                async for result in results:
                    yield result
        else:
            yield await self._read_meter(request)

    async def _read_meter(self, request):
        patience = self._until - asyncio.get_running_loop().time()
        exchanges = await exchange(
            self._client,
            request.link,
            request.protocol,
            request.frames,
            timeout=self._timeout,
            queue=min(max(patience, 0), QUEUE_SECONDS),
        )
        indexes, error = {}, None
        for item in exchanges:
            if item.problem:
                error = error or item.problem
            else:
                indexes.update(request.protocol.index_from(item.decoded))
        if indexes and not _is_of_day(request, exchanges):
            indexes, error = {}, error or "no_freeze"
        if not indexes:
            error = error or "no_index"
        return MeterResult(
            meter_id=request.meter_id,
            kind=request.kind,
            read_at=request.read_at or _now(),
            indexes=indexes if "total" in indexes else {},
            error=None if "total" in indexes else error or "no_index",
        )


def _is_of_day(request, exchanges):
    """Return whether a freeze was taken on the day that was asked for.

    Meters count freezes, not days: one that had no power at midnight answers with the
    index of another day, and only the time of the freeze tells.
    """
    if not request.frozen_on:
        return True
    times = [
        request.protocol.freeze_time_from(item.decoded)
        for item in exchanges
        if not item.problem
    ]
    return any(time and time.date() == request.frozen_on for time in times)


def _now():
    """Return the time as naive UTC, to the second."""
    return datetime.now(timezone.utc).replace(microsecond=0, tzinfo=None)
