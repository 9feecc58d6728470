"""What the editions of DL/T 645 share: reading a frame by a table of data items."""

from dataclasses import dataclass
from decimal import Decimal

from . import bcd, dlt645
from .base import Decoded, Fault, Value

REPLY, ERROR, MORE = 0x80, 0x40, 0x20
FUNCTION = 0x1F
#: Functions that only the 1997 edition has; they tell the editions apart.
ONLY_1997 = (0x01, 0x02, 0x04, 0x0A, 0x0C, 0x0F, 0x10)

#: The longest block: a total and 63 rates.
MAX_RATES = 63
RATES = {0: "total", **{rate: f"t{rate}" for rate in range(1, MAX_RATES + 1)}}


@dataclass(frozen=True, eq=False)
class Edition:
    """What one edition of the standard says differently.

    :param item_size: bytes of a data identification
    :param find: callable that answers the :class:`.dlt645_items.Item` of a number
    :param read: functions whose replies carry an item and its value
    :param follow: the function that reads the rest of a long answer
    :param sequence: whether such a rest ends with its number
    :param words: meaning of the bits of status words, by field name
    """

    name: str
    item_size: int
    find: object
    read: tuple
    follow: int
    sequence: bool
    error_bits: tuple
    words: dict


class Decoder:
    """Reads one sound frame; keeps the faults it meets instead of raising."""

    #: Functions whose reply may be nothing but the item.
    may_be_empty = ()

    def __init__(self, edition, frame):
        self.edition = edition
        self.frame = frame
        self.function = frame.control & FUNCTION
        self.data_id = None
        self.error = None
        self.values = []

    def decoded(self):
        control = self.frame.control
        is_reply = bool(control & REPLY)
        if is_reply and control & ERROR:
            self.error = self.meter_error()
        elif is_reply:
            if not self.own_reply():
                self._reply()
        elif not self.own_request():
            self._request()
        return Decoded(
            self.edition.name,
            self.frame.address,
            f"{control:02X}",
            self.data_id,
            self.error,
            self.values,
            self.frame.data,
            is_reply and not control & ERROR and bool(control & MORE),
        )

    def error_bits(self):
        return self.edition.error_bits

    def meter_error(self):
        code = int.from_bytes(self.frame.data[:2], "little")
        met = [
            (flag, text)
            for n, (flag, text) in enumerate(self.error_bits())
            if flag and code >> n & 1
        ]
        text = ", ".join(text for _flag, text in met) or f"code {code:02X}"
        flags = [flag for flag, _text in met]
        return Fault("meter", f"The meter refused: {text}.", flags)

    def own_reply(self):
        """Read a reply that only this edition has; whether it was one."""
        return False

    def own_request(self):
        """Read a request that only this edition has; whether it was one."""
        return False

    def _reply(self):
        edition = self.edition
        if self.function in (*edition.read, edition.follow):
            if len(self.frame.data) >= edition.item_size:
                self.item(self.frame.data)

    def _request(self):
        data, size = self.frame.data, self.edition.item_size
        if self.function in (*self.edition.read, self.edition.follow):
            if len(data) >= size:
                self.data_id = self._data_id(data)

    def _data_id(self, data):
        size = self.edition.item_size
        return f"{int.from_bytes(data[:size], 'little'):0{2 * size}X}"

    def item(self, data):
        self.data_id = self._data_id(data)
        data = data[self.edition.item_size :]
        if self.function == self.edition.follow:
            # a rest begins anywhere in the block: only joined parts have values
            if self.edition.sequence and data:
                self.values.append(Value("sequence", Decimal(data[-1])))
                data = data[:-1]
            self.values.append(Value("data", data.hex().upper()))
            return
        item = self.edition.find(int(self.data_id, 16))
        if not data:
            if self.function not in self.may_be_empty:
                text = "The meter has no record for this item."
                self.error = Fault("no_data", text)
        elif item is None or self.frame.control & MORE:
            self.values.append(Value("data", data.hex().upper()))
        elif item.repeat:
            self._repeated(item.fields[0], data)
        else:
            self.fields(item.fields, data)

    def _repeated(self, field, data):
        """Total and rates, as many as there are; odd bytes at the end are ignored."""
        count = min(len(data) // field.size, MAX_RATES + 1)
        if not count:
            self.error = too_short(field.name, len(data))
        names = [f"{field.name}.{RATES[rate]}" for rate in range(count)]
        self.fields([field._replace(name=name) for name in names], data)

    def fields(self, fields, data):
        for field in fields:
            part, data = data[: field.size], data[field.size :]
            if len(part) < field.size:
                self.error = self.error or too_short(field.name, len(part))
                return
            try:
                self.values.extend(self._field(field, part))
            except bcd.NotDecimal:
                raw = bytes(reversed(part)).hex().upper()
                self.error = self.error or Fault(
                    "bcd", f"The value of {field.name} is no decimal number: {raw}."
                )

    def _field(self, field, data):
        """Values of one field; a status word also tells what its bits mean."""
        if field.kind == "bcd":
            value = bcd.number(data, field.decimals, field.signed)
            return [Value(field.name, value, field.unit)]
        if field.kind == "binary":
            value = Decimal(int.from_bytes(data, "little")).scaleb(-field.decimals)
            return [Value(field.name, value, field.unit)]
        if field.kind == "time":
            return [Value(field.name, _time(data))]
        if field.kind == "digits":
            empty = bcd.is_filler(data)
            return [Value(field.name, None if empty else bcd.digits(data))]
        values = [Value(field.name, bytes(reversed(data)).hex().upper())]
        if field.name in self.edition.words:
            word = int.from_bytes(data, "little")
            values.extend(self.edition.words[field.name](field.name, word))
        return values


def too_short(name, size):
    return Fault("length", f"The value of {name} is too short: {size} bytes.")


def _time(data):
    """``YYYY-MM-DD hh:mm[:ss]`` of mm hh DD MM YY, with ss first when six bytes.

    None when never set.
    """
    if bcd.is_filler(data) or not any(data):
        return None
    text = bcd.digits(data)
    year, month, day, hour, minute = (text[n : n + 2] for n in range(0, 10, 2))
    seconds = f":{text[10:]}" if len(data) > 5 else ""
    return f"20{year}-{month}-{day} {hour}:{minute}{seconds}"


def flags(names):
    """Reader of a status word: the names of the bits that are set, in one value."""

    def read(name, word):
        met = [text for n, text in enumerate(names) if text and word >> n & 1]
        return [Value(f"{name}.flags", ", ".join(met))]

    return read


def answers(edition, asked, answer, with_item, first_only=()):
    """Whether ``answer`` is the reply to ``asked``, both parsed frames.

    :param with_item: functions whose frames begin with a data identification
    :param first_only: of these, functions whose replies need not repeat it
    """
    if isinstance(asked, Fault) or isinstance(answer, Fault):
        return False
    to, question, wanted = asked
    by, control, given = answer
    function = question & FUNCTION
    if question & REPLY or not control & REPLY or control & FUNCTION != function:
        return False
    if by != to and not dlt645.same_meter(to, by):
        return False
    if control & ERROR or function not in with_item or not given:
        return True
    if edition.sequence and function == edition.follow:
        if given[-1:] != wanted[-1:]:
            return False
    size = edition.item_size
    return function in first_only or given[:size] == wanted[:size]


def join(edition, decodeds):
    """One Decoded from a first part and its rests, decoded as a single reply."""
    first, rests = decodeds[0], decodeds[1:]
    if not rests or any(part.error for part in decodeds):
        return next((part for part in decodeds if part.error), first)
    size = edition.item_size
    data = first.data
    for number, part in enumerate(rests, 1):
        if part.data[:size] != data[:size] or part.address != first.address:
            return _broken(first, "belongs to another item or meter")
        rest = part.data[size:]
        if edition.sequence:
            if rest[-1:] != bytes([number % 256]):
                return _broken(first, f"is not number {number}")
            rest = rest[:-1]
        data += rest
    if decodeds[-1].more:
        return _broken(first, "is not the last: the answer goes on")
    control = REPLY | edition.read[0]
    frame = dlt645.Frame(first.address, control, data)
    return Decoder(edition, frame).decoded()


def _broken(first, why):
    fault = Fault("length", f"The parts do not make one answer: a part {why}.")
    return Decoded(first.protocol, first.address, first.control, first.data_id, fault)


def clock_of(decodeds):
    """``YYMMDD`` and ``hhmmss`` digits of the values date (with weekday) and time."""
    date = time = None
    for decoded in decodeds:
        if not decoded.error:
            date = decoded.value("date") or date
            time = decoded.value("time") or time
    return (date[:6] + time) if date and time else None
