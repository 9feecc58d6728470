"""Reads the meters of a concentrator by its own frames, a hundred a request. No ORM."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from ..headend.protocols import registry
from .exchange import exchange
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

    async def read(self, client, timeout):
        """Ask until every point is answered, or an answer brings nothing new.

        A unit without data ends what can be read of an answer, and an answer can break
        off: what comes behind is asked for again.

        :rtype: list[MeterResult]
        """
        left, results, sequence = set(self.points), [], 0
        while left:
            request = self.frame(sorted(left), sequence % 16)
            (item,) = await exchange(
                client, self.link, GDW376, [request], timeout=timeout
            )
            if not item.reply:
                return results + [self._failed(point, item.error) for point in left]
            answer = Answer(item.reply)
            told = [self._judge(point, answer) for point in sorted(answer.told & left)]
            results += told
            left -= answer.told
            sequence += 1
            if answer.whole or not told:
                error = answer.refusal or "not_held"
                return results + [self._failed(point, error) for point in left]
        return results

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
