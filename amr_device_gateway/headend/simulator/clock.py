"""What a DL/T 645-2007 meter does with a clock that it is told."""

from datetime import datetime, timedelta

from ..protocols import bcd
from ..protocols import dlt645_2007 as dlt

#: DL/T 645-2007, 7.2: a broadcast is obeyed within so much, and once a day.
BROADCAST_WITHIN = timedelta(minutes=5)


def obey_broadcast(meter, data):
    """Set the clock by broadcast, unless it is too far off or was set today."""
    try:
        moment = datetime.strptime(bcd.digits(data[:6]), "%y%m%d%H%M%S")
    except (bcd.NotDecimal, ValueError):
        return
    now = meter.local_now()
    today = now.date().isoformat()
    if abs(moment - now) > BROADCAST_WITHIN or meter.state.clock_adjusted_on == today:
        return
    meter.set_clock(moment)
    meter.state.clock_adjusted_on = today


def write_clock(meter, di, data):
    """Write date or time; False when it is neither or no valid one."""
    now = meter.local_now()
    try:
        if di == dlt.DATE:
            day = datetime.strptime(bcd.digits(data[1:4]), "%y%m%d").date()
            meter.set_clock(datetime.combine(day, now.time()))
        elif di == dlt.TIME:
            time = datetime.strptime(bcd.digits(data[:3]), "%H%M%S").time()
            meter.set_clock(datetime.combine(now.date(), time))
        else:
            return False
    except (bcd.NotDecimal, ValueError):
        return False
    return True
