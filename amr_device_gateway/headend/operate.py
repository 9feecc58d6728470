"""What a person asks of a running head-end, one command at a time.

The commands are those of the manual's worker console (S0 5.4.3). They read; whatever
changes a meter goes through Odoo, which checks who may, and keeps a record of it.
"""

import contextlib
import inspect
import shlex
from datetime import datetime, timezone

from .client import HeadEndError
from .protocols import registry
from .protocols.base import ProtocolError

#: Tried one after the other where nobody says what a meter speaks.
TRIALS = ("dlt645-2007", "dlt645-1997", "cjt188")
CONCENTRATOR, CONCENTRATOR_PROTOCOL = "concentrator", "gdw376"
MAX_PARTS = 32
DEADLINE = 60

#: What the manual's console says of itself when it starts.
SHORT = {"?": "list", "!": "exit"}
#: The forms of the manual, by their letter.
MANUAL = {
    "?": "list",
    "n": "notify",
    "l": "load",
    "f": "free",
    "o": "open",
    "c": "close",
    "i": "run",
    "g": "read",
}

WHY = {
    "timeout": "The meter did not answer.",
    "offline": "The link is not online: its DTU or concentrator has not logged in.",
    "unknown_link": "The head-end does not know this link.",
    "busy": "Too much waits on this link already.",
    "deadline": "There was no time left to ask.",
    "internal": "The head-end failed; see its log.",
}


class OperatorError(ValueError):
    """A command cannot be carried out; the message is a sentence."""


class Operator:
    """The console's memory between commands: the links and the one that is open.

    :param client: :class:`.client.HeadEndClient`, entered
    :param str protocol: what the meters speak; None finds out
    """

    def __init__(self, client, protocol=None):
        self.client = client
        self.protocol = protocol
        self.links = []
        self.link = None
        self.done = False

    async def perform(self, words):
        """Carry out one command and yield answers, each a dict for JSON.

        :param list words: the command and its arguments
        :raises OperatorError: it cannot be done
        """
        words = as_words(words)
        if not words:
            return
        words[0] = SHORT.get(words[0], words[0])
        command = COMMANDS.get(words[0])
        if command is None:
            raise OperatorError(f"There is no command “{words[0]}”; see “list all”.")
        try:
            inspect.signature(command).bind(self, *words[1:])
        except TypeError:
            text = FORMATS[words[0]]
            raise OperatorError(f"“{words[0]}” is used like this: {text}") from None
        try:
            async for answer in command(self, *words[1:]):
                yield answer
        except (ProtocolError, HeadEndError) as error:
            raise OperatorError(str(error)) from error

    # === COMMANDS === #

    async def list(self, what="all"):
        """list [all|I]: the commands, or how command I is used (?:all, ?:I)"""
        if what == "all":
            for name, text in FORMATS.items():
                yield {"command": name, "format": text}
            numbers = range(1, len(REQUESTS) + 1)
        else:
            numbers = [_number(what, REQUESTS, "command")]
        for number in numbers:
            _make, text = REQUESTS[number - 1]
            yield {"command": f"run {number}", "format": f"run {number} {text}"}

    async def notify(self):
        """notify: fetch the links and deliver the events now (n:)"""
        answer = await self.client.refresh()
        yield {key: answer[key] for key in ("reached", "links", "spool")}
        if not answer["reached"]:
            raise OperatorError("Odoo did not answer.")

    async def about(self):
        """about: how the head-end is, and where its files are"""
        answer = await self.client.about()
        yield {**answer, "since": _time(answer["since"])}

    async def load(self):
        """load: the links, with the numbers that “open” takes (l:)"""
        self.links = await self.client.known()
        for number, link in enumerate(self.links, 1):
            yield {"number": number, **_readable(link)}

    async def free(self):
        """free: forget the links (f:)"""
        self.links, self.link = [], None
        yield {"links": 0}

    async def open(self, link):
        """open I|LINK: work on a link, by number or key such as dtu:10372001 (o:I)"""
        if not self.links:
            self.links = await self.client.known()
        found = [one for one in self.links if one["link"] == link]
        if not found and link.isdecimal():
            found = [self.links[_number(link, self.links, "link") - 1]]
        if not found:
            raise OperatorError(f"There is no link “{link}”; “load” lists them.")
        self.link = found[0]
        if state := await self.client.links(self.link["link"]):
            self.link = state[-1]
        else:
            self.link = {**self.link, "state": "offline"}
        yield _readable(self.link)
        if self.link["state"] == "quarantined":
            raise OperatorError("Odoo does not know this terminal: create its link.")
        if self.link["state"] != "online":
            problem = self.link.get("problem") or WHY["offline"]
            raise OperatorError(f"{self.link['link']}: {problem}")

    async def close(self):
        """close: leave the link; the device stays connected (c:)"""
        self.link = None
        yield {"link": None}

    async def run(self, number, *parameters):
        """run I P…: carry out command I of “list all” (i:I,P,…)"""
        make, text = REQUESTS[_number(number, REQUESTS, "command") - 1]
        try:
            inspect.signature(make).bind(None, *parameters)
        except TypeError:
            raise OperatorError(f"It is used like this: run {number} {text}") from None
        async for answer in self._ask(make, parameters):
            yield answer

    async def read(self, meter):
        """read M: the index of meter M; behind a concentrator, of point M (g:M)"""
        async for answer in self._ask(_index, (meter,)):
            yield answer

    async def watch(self, link=None):
        """watch [LINK]: the frames of the open link, or of all, until interrupted"""
        link = link or (self.link and self.link["link"])
        async with contextlib.aclosing(self.client.watch(link)) as watching:
            async for frames in watching:
                for frame in frames:
                    yield {**frame, "at": _time(frame["at"])}

    async def exit(self):
        """exit: leave the console"""
        self.done = True
        return
        yield

    # === METERS === #

    async def _ask(self, make, parameters):
        """Ask in the meter's protocol, or in one after the other until it answers."""
        if not self.link:
            raise OperatorError("Open a link first: “load”, then “open I”.")
        answers, problem = [], None
        for protocol in map(registry.get, self._protocols()):
            try:
                frames = make(protocol, *self._addressed(parameters))
            except ProtocolError as error:
                problem = problem or str(error)
                continue
            answers = await self._exchange(protocol, frames)
            if any(answer["reply"] or not answer["sent"] for answer in answers):
                break
        for answer in answers:
            yield answer
        errors = [answer["error"] for answer in answers if answer["error"]]
        if errors or not answers:
            raise OperatorError(errors[0] if errors else problem)

    def _protocols(self):
        if self.protocol:
            return [self.protocol]
        if self.link["kind"] == CONCENTRATOR:
            return [CONCENTRATOR_PROTOCOL]
        return TRIALS

    def _addressed(self, parameters):
        """Parameters with the whole address of a point of the open concentrator."""
        if self.link["kind"] != CONCENTRATOR or not parameters:
            return parameters
        return (f"{self.link['terminal']}/{parameters[0]}", *parameters[1:])

    async def _exchange(self, protocol, frames):
        """One answer for each request, long ones joined."""
        answers = []
        for frame in frames:
            reply, parts, request = None, [], frame
            while request and len(parts) < MAX_PARTS:
                [reply] = await self.client.exchange(
                    self.link["link"], protocol.name, [request], deadline=DEADLINE
                )
                if not reply.reply:
                    break
                parts.append(protocol.decode(reply.reply))
                request = protocol.next_request(frame, parts)
            answers.append(self._answer(protocol, frame, reply, parts))
            if not reply.sent:
                break
        return answers

    def _answer(self, protocol, frame, reply, parts):
        answer = {
            "link": self.link["link"],
            "request": protocol.redact(frame).upper(),
            "reply": reply.reply.hex().upper() if reply.reply else None,
            "ms": reply.ms,
            "sent": reply.sent,
        }
        if reply.error:
            error = WHY.get(reply.error, reply.error)
            return {**answer, "protocol": protocol.name, "error": error, "values": []}
        return {**answer, **protocol.join(parts).as_dict()}


# === REQUESTS: what “run I” can ask of a meter === #


def _index(protocol, meter):
    return protocol.read_index(meter)


def _daily(protocol, meter, days_back="1"):
    if not days_back.isdecimal():
        raise ProtocolError(f"“{days_back}” is no number of days.")
    return protocol.read_daily(meter, int(days_back))


def _relay_state(protocol, meter):
    return [protocol.relay_state(meter)]


def _clock(protocol, meter):
    return protocol.read_clock(meter)


def _purchase(protocol, meter):
    return protocol.purchase_state(meter)


def _item(protocol, meter, number):
    try:
        return [protocol.read_item(meter, int(number, 16))]
    except ProtocolError:
        raise
    except (ValueError, OverflowError) as error:
        raise ProtocolError(f"“{number}” is no data item.") from error


def _address(protocol):
    if not hasattr(protocol, "read_address"):
        raise ProtocolError(f"The protocol {protocol.name} has no such request.")
    return [protocol.read_address()]


REQUESTS = [
    (_index, "METER: the index of now"),
    (_daily, "METER [DAYS]: the daily freeze, DAYS midnights ago (1 is the last)"),
    (_relay_state, "METER: state of the relay or valve"),
    (_clock, "METER: date and time"),
    (_purchase, "METER: purchase number and credit of a prepaid meter"),
    (_item, "METER ITEM: a data item, by its number in hex"),
    (_address, ": the address of the only meter on the line"),
]

COMMANDS = {
    name: getattr(Operator, name)
    for name in "list load open read run close free about notify watch exit".split()
}
#: How each command is used.
FORMATS = {name: command.__doc__ for name, command in COMMANDS.items()}


def as_words(words):
    """Words of a command; the manual's own form (``o:1``, ``i:1,42``) is one word.

    :param words: a line of text, or its words
    :raises OperatorError: a quotation mark is not closed
    """
    if isinstance(words, str):
        try:
            words = shlex.split(words, comments=True)
        except ValueError as error:
            raise OperatorError(f"This line cannot be read: {error}.") from None
    letter, colon, rest = words[0].partition(":") if words else ("", "", "")
    if not colon or letter not in MANUAL:
        return list(words)
    parameters = [part for part in rest.split(",") if part]
    return [MANUAL[letter], *parameters, *words[1:]]


def _number(text, rows, what):
    """A number from 1 to the number of rows."""
    if text.isdecimal() and 1 <= int(text) <= len(rows):
        return int(text)
    raise OperatorError(f"There is no {what} {text}: there are {len(rows)}.")


def _readable(link):
    times = {key: _time(link.get(key)) for key in ("since", "last_seen")}
    return {**link, **times}


def _time(seconds):
    """Epoch seconds as ISO time (UTC), None when never."""
    if not seconds:
        return None
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds")
