"""A meter that counts: index, relay, prepaid balance, and the faults it is told.

Protocol-independent; the modules beside it put frames around it.
"""

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta, timezone
from decimal import ROUND_DOWN, Decimal

from .load import load_of

CENT = Decimal("0.01")
HOUR = Decimal(3600)
SECOND = timedelta(seconds=1)
ROLLOVER = Decimal(1_000_000)
KEPT_FREEZES = 62

NUMBERS = ("index", "per_hour", "balance")


@dataclass
class State:
    """What survives a restart; numbers in kWh or m³, times in epoch seconds.

    :param area_code: of the vending site that it is keyed for; empty = of none
    :param relay: 'closed' = supplied, 'open' = cut (for water: valve shut)
    :param switches: how many commands have opened or closed it
    :param clock_offset: seconds that its clock is ahead; behind when negative
    :param clock_rate: seconds a day that it gains, since ``clock_at``
    :param clock_adjusted_on: its own day of the last broadcast it obeyed
    :param delay_ms: how long the meter thinks before it answers
    :param drop_replies: how many replies get lost; likewise corrupt (wrong checksum),
        garble (noise before it) and repeat (sent twice)
    :param only: faults befall only this kind of request: read, relay or credit
    :param tripped: the relay opened by itself because the credit was used up
    :param freezes: index at local midnight by ISO date, for days that were lived
    :param measured: volts, amperes, … as text by name; what is left out it has not
    :param load: how the use is spread over a day, a name of :data:`.load.SHAPES`
    :param dark: there is no power: nothing is counted
    :param origin: index and time when the meter was first started
    """

    address: str
    protocol: str = "dlt645-2007"
    index: Decimal = Decimal(0)
    per_hour: Decimal = Decimal(0)
    relay: str = "closed"
    switches: int = 0
    prepaid: bool = False
    balance: Decimal = Decimal(0)
    purchase_no: int = 0
    customer_no: str = ""
    area_code: str = ""
    password: str = ""
    clock_offset: float = 0
    clock_rate: float = 0
    clock_at: float | None = None
    clock_adjusted_on: str = ""
    delay_ms: int = 0
    silent: bool = False
    dark: bool = False
    load: str = "flat"
    measured: dict = field(default_factory=lambda: {"voltage": "220.0"})
    drop_replies: int = 0
    corrupt_replies: int = 0
    garble_replies: int = 0
    repeat_replies: int = 0
    only: str = ""
    tripped: bool = False
    credits: list = field(default_factory=list)
    freezes: dict = field(default_factory=dict)
    at: float | None = None
    origin_index: Decimal | None = None
    origin_at: float | None = None


#: What a meter remembers over a restart; the rest is behaviour, from the configuration.
MEMORY = (
    "index",
    "relay",
    "switches",
    "balance",
    "purchase_no",
    "tripped",
    "credits",
    "freezes",
    "at",
    "origin_index",
    "origin_at",
    "clock_offset",
    "clock_at",
    "clock_adjusted_on",
)

#: What happens to a reply: named by the counter that says to how many more.
FAULTS = {
    "drop_replies": "drop",
    "corrupt_replies": "corrupt",
    "garble_replies": "garble",
    "repeat_replies": "repeat",
}

#: What a person may change while the simulator runs.
ADJUSTABLE = {
    "index",
    "per_hour",
    "relay",
    "balance",
    "purchase_no",
    "clock_offset",
    "clock_rate",
    "delay_ms",
    "silent",
    "only",
    *FAULTS,
}


class Meter:
    """One meter; time comes from ``clock`` (epoch seconds) so that tests may own it."""

    protocol = None

    def __init__(self, row, clock, zone=None):
        known = {one.name for one in fields(State)}
        values = {key: value for key, value in row.items() if key in known}
        self.state = State(**{key: _number(key, values[key]) for key in values})
        self.clock = clock
        self.zone = zone or timezone(timedelta(hours=8))
        state = self.state
        self._load = load_of(state.load, self.zone.utcoffset(None) // SECOND)
        self._next_freeze = 0.0
        if state.at is None:
            state.at = state.origin_at = clock()
            state.origin_index = state.index

    # === COUNTING === #

    def advance(self):
        """Count up to now; opens the relay at the end of the credit."""
        now = self.clock()
        self._freeze_until(now)
        self._count(now)

    def _freeze_until(self, now):
        """Remember the index of every midnight passed since the last look."""
        if now < self._next_freeze:
            return
        midnight = self._midnight(self._local(self.state.at).date() + timedelta(days=1))
        while midnight <= now:
            self._count(midnight)
            day = self._local(midnight).date()
            self.state.freezes[day.isoformat()] = str(self.state.index)
            midnight = self._midnight(day + timedelta(days=1))
        self._next_freeze = midnight
        for day in sorted(self.state.freezes)[:-KEPT_FREEZES]:
            del self.state.freezes[day]

    def _count(self, now):
        state = self.state
        since, state.at = state.at, max(now, state.at)
        if state.relay == "open" or state.dark or not state.per_hour:
            return
        seconds = self._load.seconds(since, state.at)
        used = state.per_hour * seconds / HOUR
        if state.prepaid:
            used = min(used, state.balance)
            state.balance -= used
            if not state.balance:
                state.relay, state.tripped = "open", True
        state.index = (state.index + used) % ROLLOVER

    def local_now(self):
        """The meter's own local time (naive)."""
        return self._local(self.clock() + self.clock_error()).replace(tzinfo=None)

    def clock_error(self):
        """Seconds that its clock is ahead of the true time."""
        state = self.state
        since = state.origin_at if state.clock_at is None else state.clock_at
        return state.clock_offset + state.clock_rate * (self.clock() - since) / 86400

    def set_clock(self, moment):
        """Let its clock show ``moment`` (local, naive) from now on."""
        true = self._local(self.clock()).replace(tzinfo=None)
        self.state.clock_offset = (moment - true).total_seconds()
        self.state.clock_at = self.clock()

    def _local(self, seconds):
        return datetime.fromtimestamp(seconds, self.zone)

    def _midnight(self, day):
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()

    # === WHAT IT SHOWS === #

    def index(self):
        """Index of now, two decimals, rounded down like a real register."""
        self.advance()
        return self.state.index.quantize(CENT, ROUND_DOWN)

    def balance(self):
        self.advance()
        return self.state.balance.quantize(CENT, ROUND_DOWN)

    def freeze(self, back):
        """(date, index) of the ``back``-th last midnight; None when out of range.

        Midnights before the meter was started are reckoned from its load.
        """
        if not 1 <= back <= KEPT_FREEZES:
            return None
        day = self._local(self.clock()).date() - timedelta(days=back - 1)
        index = self.index_on(day)
        return None if index is None else (day, index)

    def settlement(self, back):
        """Index at the beginning of the ``back``-th last month, None when not kept."""
        day = self._local(self.clock()).date().replace(day=1)
        for _month in range(back - 1):
            day = (day - timedelta(days=1)).replace(day=1)
        return self.index_on(day)

    def index_on(self, day):
        """Index at local midnight of ``day``, None when that was forgotten."""
        self.advance()
        known = self.state.freezes.get(day.isoformat())
        if known is not None:
            return Decimal(known).quantize(CENT, ROUND_DOWN)
        midnight = self._midnight(day)
        if midnight > self.state.origin_at:
            return None
        hours = self._load.seconds(midnight, self.state.origin_at) / HOUR
        index = self.state.origin_index - hours * self.state.per_hour
        return max(index, Decimal(0)).quantize(CENT, ROUND_DOWN)

    # === WHAT IS DONE TO IT === #

    def cut_power(self, dark):
        """The power goes, or comes back."""
        self.advance()
        self.state.dark = dark

    def switch(self, close):
        self.advance()
        self.state.relay = "closed" if close else "open"
        self.state.switches += 1
        self.state.tripped = False

    def credit(self, number, amount):
        """Book a purchase and return 'booked', 'repeat' or 'refused'.

        Only the number after the last one is new; the last one again changes nothing.
        """
        self.advance()
        state = self.state
        if number == state.purchase_no and number:
            return "repeat"
        if number != state.purchase_no + 1:
            return "refused"
        state.purchase_no = number
        state.balance += amount
        state.credits.append(
            {
                "purchase_no": number,
                "amount": str(amount),
                "at": self.local_now().isoformat(timespec="seconds"),
            }
        )
        if state.tripped:
            state.relay, state.tripped = "closed", False
        return "booked"

    def adjust(self, changes):
        """Apply changes from the control port.

        :raises ValueError: an unknown name or a value that is no number
        """
        unknown = set(changes) - ADJUSTABLE
        if unknown:
            raise ValueError(f"Unknown: {', '.join(sorted(unknown))}.")
        self.advance()
        for key, value in changes.items():
            setattr(self.state, key, _number(key, value))

    def fault(self, kind):
        """What befalls the reply to a request of ``kind``: a word of FAULTS or None.

        Counts the fault down. With ``only`` set, other kinds are spared.
        """
        state = self.state
        if state.silent:
            return "drop"
        if state.only and state.only != kind:
            return None
        drop, corrupt = state.drop_replies, state.corrupt_replies
        if not (drop or corrupt or state.garble_replies or state.repeat_replies):
            return None
        for counter, fault in FAULTS.items():
            left = getattr(state, counter)
            if left > 0:
                setattr(state, counter, left - 1)
                return fault
        return None

    def as_dict(self):
        """Everything, for the control port."""
        self.advance()
        row = asdict(self.state)
        for key in (*NUMBERS, "origin_index"):
            row[key] = str(row[key])
        return row

    def memory(self):
        """What has to survive a restart, for the file."""
        self.advance()
        row = {key: getattr(self.state, key) for key in MEMORY}
        for key in row.keys() & {*NUMBERS, "origin_index"}:
            row[key] = str(row[key])
        return row

    def wire(self):
        """The address as it is in a frame; None when there is none to look for."""
        return None

    def answer(self, frame):
        """(kind of request, reply or None) for one request frame.

        The kind is 'read', 'relay', 'credit' or 'other'.
        """
        raise NotImplementedError


def _number(key, value):
    if key in (*NUMBERS, "origin_index") and value is not None:
        try:
            return Decimal(str(value))
        except ArithmeticError:
            raise ValueError(f"{key} must be a number.") from None
    return value
