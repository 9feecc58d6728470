"""How far a device's clock is from the head-end's. No ORM here."""

import asyncio
import time
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from .exchange import exchange

#: Seconds within which a clock is right: a frame takes that long on a slow line.
RIGHT_WITHIN = 15
#: DL/T 645-2007: a broadcast moves a clock by five minutes at most, once a day.
MAX_ADJUSTMENT = 300
#: A date read just before midnight and a time read just after it do not fit together.
MIDNIGHT_MARGIN = 2.0
#: Freezes are taken at midnight: a clock that jumps over it loses or doubles one.
AROUND_MIDNIGHT = timedelta(minutes=10)
#: A clock that is off by more has frozen nothing that could be lost.
FAR_OFF = timedelta(hours=12)


class ClockRequest(NamedTuple):
    """One meter whose clock is read."""

    meter_id: int
    link: str
    protocol: Any
    frames: list
    tz: str


class ClockResult(NamedTuple):
    """Seconds that a meter's clock is ahead, or why nobody knows."""

    meter_id: int
    drift: int | None
    problem: Any = None


def local_time(at, tz):
    """Naive local time of ``at`` (seconds since 1970)."""
    return datetime.fromtimestamp(at, ZoneInfo(tz)).replace(tzinfo=None)


def drift_of(protocol, exchanges, tz):
    """Seconds that the device is ahead of the head-end, negative when it is behind.

    :param list exchanges: replies to :meth:`Protocol.read_clock`, in order
    :param str tz: zone that the device's clock shows
    :return: None when the replies do not tell, or fall on both sides of midnight
    """
    if not exchanges or any(item.problem or not item.decoded for item in exchanges):
        return None
    clock = protocol.clock_from([item.decoded for item in exchanges])
    if clock is None:
        return None
    times = [item.at or time.time() for item in exchanges]
    if len(times) > 1:
        since_midnight = clock.hour * 3600 + clock.minute * 60 + clock.second
        if since_midnight < times[-1] - times[0] + MIDNIGHT_MARGIN:
            return None
    return round((clock - local_time(times[-1], tz)).total_seconds())


def until_settable(moment, drift):
    """How long to wait until a clock can be set without losing or doubling a freeze.

    Neither our time nor the device's own may be near midnight, and no midnight may lie
    between them: set forward over it, the device takes no freeze; set back, two.

    :param datetime moment: what the clock should show
    :param drift: seconds that it is ahead
    :rtype: timedelta
    """
    own = moment + timedelta(seconds=drift)
    spans = [(min(moment, own), max(moment, own))]
    if abs(own - moment) > FAR_OFF:
        spans = [(moment, moment), (own, own)]
    wait = timedelta()
    for _time in spans:  # to wait for one can bring the other near
        for earlier, later in spans:
            wait += _until_past_midnight(earlier + wait, later + wait)
    return wait


def _until_past_midnight(earlier, later):
    """How long until this span of time, and what is around it, holds no midnight."""
    first = earlier - AROUND_MIDNIGHT
    midnight = datetime.combine(first.date() + timedelta(days=1), datetime.min.time())
    if later + AROUND_MIDNIGHT < midnight:
        return timedelta()
    return midnight - first


class ClockReader:
    """Reads clocks: the meters of a link one after the other, all links side by side.

    :param float budget: seconds after which no further meter is begun
    :param float timeout: seconds for one frame
    """

    def __init__(self, client, budget, timeout):
        self._client = client
        self._budget = budget
        self._timeout = timeout

    async def read(self, requests):
        """Return :class:`ClockResult` of the meters that were asked in time.

        :param list requests: :class:`ClockRequest`
        """
        self._until = asyncio.get_running_loop().time() + self._budget
        by_link = defaultdict(list)
        for request in requests:
            by_link[request.link].append(request)
        parts = await asyncio.gather(*map(self._read_link, by_link.values()))
        return [result for part in parts for result in part]

    async def _read_link(self, requests):
        loop, results = asyncio.get_running_loop(), []
        for request in requests:
            if loop.time() >= self._until:
                break
            results.append(await self._read_meter(request))
        return results

    async def _read_meter(self, request):
        exchanges = await exchange(
            self._client,
            request.link,
            request.protocol,
            request.frames,
            timeout=self._timeout,
        )
        drift = drift_of(request.protocol, exchanges, request.tz)
        problem = next((item.problem for item in exchanges if item.problem), None)
        return ClockResult(request.meter_id, drift, problem)


def stamp(at):
    """Seconds since 1970 of a naive UTC datetime."""
    return at.replace(tzinfo=timezone.utc).timestamp()
