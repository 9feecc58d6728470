"""When a plan runs next, by the clock of a place. Knows nothing of Odoo."""

import calendar
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo


def next_run(after, interval, zone, minutes, weekday=0, month_day=1):
    """Return the first time after ``after`` that a plan is due.

    A local time that a clock change leaves out is taken as if the clock had gone on;
    one that comes twice is taken the first time.

    :param datetime after: naive UTC
    :param str interval: ``hourly``, ``daily``, ``weekly`` or ``monthly``
    :param str zone: time zone of the place
    :param int minutes: minutes after local midnight; of an hourly plan, after the hour
    :param int weekday: 0 Monday to 6 Sunday, of a weekly plan
    :param int month_day: 1 to 31, of a monthly plan; a month without it ends earlier
    :return: naive UTC datetime, always later than ``after``
    """
    if interval == "hourly":
        return _next_hour(after, zone, minutes % 60)
    place = ZoneInfo(zone)
    day = after.replace(tzinfo=timezone.utc).astimezone(place).date()
    day -= timedelta(days=1)
    while True:
        if _is_due(day, interval, weekday, month_day):
            local = datetime(day.year, day.month, day.day, tzinfo=place)
            local = local.replace(hour=minutes // 60, minute=minutes % 60)
            moment = local.astimezone(timezone.utc).replace(tzinfo=None)
            if moment > after:
                return moment
        day += timedelta(days=1)


def _is_due(day, interval, weekday, month_day):
    if interval == "weekly":
        return day.weekday() == weekday
    if interval == "monthly":
        last = calendar.monthrange(day.year, day.month)[1]
        return day.day == min(month_day, last)
    return True


def _next_hour(after, zone, minute):
    """Hours are counted in UTC; places half an hour off have other minutes there."""
    place = after.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
    offset = int(place.utcoffset().total_seconds() // 60)
    base = after.replace(minute=0, second=0, microsecond=0)
    moment = base + timedelta(minutes=(minute - offset) % 60)
    return moment if moment > after else moment + timedelta(hours=1)
