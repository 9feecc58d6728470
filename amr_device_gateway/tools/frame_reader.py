"""Reads the meters of a concentrator by its own frames, a hundred a request. No ORM."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from ..headend.protocols import registry
from .exchange import QUEUE_SECONDS, exchange
from .results import MeterResult

GDW376 = registry.get("gdw376")
PER_REQUEST = 100  # KTAMR manual 4.2.3
FRESH = timedelta(days=1)  # a concentrator reads its meters at least once a day
AHEAD = timedelta(minutes=5)  # that a clock may be ahead without being called wrong


@dataclass(frozen=True)
class FrameRequest:
    """What a concentrator is asked of up to a hundred of its meters.

    :param dict points: ``{metering point: meter id}``
    :param str zone: of the concentrator's clock
    :param datetime read_at: naive UTC of a freeze; None: what it holds now
    :param date freeze_date: the freeze is that of 00:00 of this local day
    :param datetime fresh_since: naive UTC; what it holds from before counts as old
    """

    link: str
    terminal: str
    points: dict
    zone: str
    kind: str = "spot"
    read_at: datetime | None = None
    freeze_date: date | None = None
    fresh_since: datetime | None = None

    @property
    def meter_ids(self):
        return list(self.points.values())

    def frame(self, points, sequence):
        """Request for what these metering points showed."""
        if not self.freeze_date:
            return GDW376.read_current(self.terminal, points, sequence=sequence)
        closed = self.freeze_date - timedelta(days=1)
        ask = GDW376.read_month if self.kind == "monthly" else GDW376.read_day
        return ask(self.terminal, points, closed, sequence=sequence)

    async def read(self, client, timeout, until):
        """Yield what each answer brings, until every point is answered, an answer
        brings nothing new, or the time is up.

        A unit without data ends what can be read of an answer, and an answer can break
        off: what comes behind is asked for again. Of points that there was no time for
        nothing is yielded: they are asked by the next job.

        :param float until: loop time after which nothing more is asked
        :return: yields :class:`MeterResult`
        """
        left, sequence, now = set(self.points), 0, asyncio.get_running_loop().time
        while left and (patience := until - now()) > 0:
            request = self.frame(sorted(left), sequence % 16)
            (item,) = await exchange(
                client,
                self.link,
                GDW376,
                [request],
                timeout=timeout,
                queue=min(patience, QUEUE_SECONDS),
            )
            told, error = self._take(item, left)
            for result in told.values():
                yield result
            left -= told.keys()
            sequence += 1
            if error:
                for point in sorted(left):
                    yield self._failed(point, error)
                return

    def _take(self, item, left):
        """Return the results of an answer by point, and why no more will come."""
        if not item.reply:
            return {}, item.error
        answer = Answer(item.reply)
        told = {
            point: self._judge(point, answer) for point in sorted(answer.told & left)
        }
        if answer.whole or not told:
            return told, answer.refusal or "not_held"
        return told, None

    def _failed(self, point, error):
        return MeterResult(self.points[point], self.kind, _now(), {}, error)

    def _judge(self, point, answer):
        """The result of a point the concentrator said something of."""
        indexes = answer.indexes.get(point, {})
        if "total" not in indexes:
            return self._failed(point, "not_held")
        read_at = self._utc(answer.times.get(point))
        if not read_at:
            return self._failed(point, "not_held")
        wrong = wrong_time(read_at, self.read_at, self.fresh_since)
        if wrong:
            return self._failed(point, wrong)
        at = self.read_at or read_at
        return MeterResult(self.points[point], self.kind, at, indexes)

    def _utc(self, moment):
        return utc_of(moment, self.zone) if moment else None


class Answer:
    """What the frames of an answer say of each metering point.

    ``told``: points with a value, or of which it says that there is none. ``whole``:
    nothing was cut off. ``refusal``: why there is nothing at all.
    """

    def __init__(self, reply):
        self.indexes, self.times, self.told = {}, {}, set()
        self.refusal = None
        decodeds = [GDW376.decode(one) for one in GDW376.Framer().feed(reply)]
        self.whole = bool(decodeds) and not decodeds[-1].more
        for decoded in decodeds:
            self._take(decoded)

    def _take(self, decoded):
        self.indexes.update(GDW376.points_from(decoded))
        self.times.update(GDW376.read_times_from(decoded))
        fault = decoded.error
        if not fault:
            self.told |= self.indexes.keys()
            return
        points = {
            int(flag[1:]) for flag in fault.flags if flag[1:].isdigit() and flag != "p0"
        }
        self.told |= self.indexes.keys() | points
        if points:
            self.whole = False
        else:
            self.refusal = fault


def wrong_time(read_at, frozen_at, fresh_since):
    """Why a value the concentrator read at a moment is no answer, or None.

    :param datetime read_at: when it read the meter; all are naive UTC
    :param datetime frozen_at: of the freeze that it is to be, or None
    :param datetime fresh_since: since when it has to be read otherwise, or None
    :return: ``clock_ahead`` or ``stale``
    """
    if read_at > _now() + AHEAD:
        return "clock_ahead"
    oldest = frozen_at - timedelta(days=1) if frozen_at else fresh_since
    return "stale" if oldest and read_at < oldest else None


def utc_of(moment, zone):
    """Naive UTC of a concentrator's local time.

    :param str zone: of its clock
    """
    local = moment.replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(timezone.utc).replace(tzinfo=None)


def _now():
    return datetime.now(timezone.utc).replace(microsecond=0, tzinfo=None)
