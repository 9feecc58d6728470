"""What goes wrong on the line: by chance at a rate, or at a time of a script."""

import asyncio
import logging
import random
from typing import NamedTuple

_logger = logging.getLogger(__name__)

#: Kinds of faults, and what befalls the reply. A break comes after the meter has done
#: what it was asked, before it says so.
KINDS = {
    "silence": "drop",
    "corrupt": "corrupt",
    "noise": "garble",
    "duplicate": "repeat",
    "delay": "delay",
    "disconnect": "disconnect",
}
DELAY_MS = (500, 3000)
ACTIONS = ("faults", "disconnect", "power_cut")


class FaultError(ValueError):
    """Faults that cannot be made; the message is a sentence."""


class Fault(NamedTuple):
    """What befalls a reply, and how many seconds it is late."""

    kind: str | None = None
    late: float = 0.0


NOTHING = Fault()


class Faults:
    """Faults of one DTU; the same seed and the same requests bring the same faults.

    :param dict rates: share of the exchanges by kind, and ``delay_ms``: [low, high]
    :raises FaultError: an unknown kind, or shares that are none
    """

    def __init__(self, seed, terminal, rates=None):
        self._random = random.Random(f"{seed}/{terminal}/faults")
        #: Replies so far, and faults that befell them.
        self.exchanges = self.count = 0
        self.use(rates or {})

    def use(self, rates):
        """Take other rates from now on."""
        rates = dict(rates)
        low, high = rates.pop("delay_ms", DELAY_MS)
        unknown = rates.keys() - KINDS.keys()
        if unknown:
            raise FaultError(f"No fault is called {', '.join(sorted(unknown))}.")
        if any(rate < 0 for rate in rates.values()) or sum(rates.values()) > 1:
            raise FaultError("The rates of faults are shares: 0 to 1 in all.")
        self._delay = low / 1000, high / 1000
        self._rates = rates

    def draw(self):
        """The fault of the next exchange."""
        self.exchanges += 1
        if not self._rates:
            return NOTHING
        drawn, late = self._random.random(), self._random.uniform(*self._delay)
        for kind, rate in self._rates.items():
            drawn -= rate
            if drawn < 0:
                self.count += 1
                return Fault(KINDS[kind], late if kind == "delay" else 0.0)
        return NOTHING


class Timeline:
    """Plays a script (tables ``[[timeline]]``), by seconds since the start.

    ``at``, ``do`` (faults, disconnect, power_cut), ``dtus`` (terminals, or a share of
    them), and ``seconds`` (how long a power cut lasts) or ``rates``.

    :raises FaultError: a step that cannot be done
    """

    def __init__(self, steps, dtus, seed):
        self._dtus = dtus
        self._random = random.Random(f"{seed}/timeline")
        self._steps = sorted(steps, key=lambda step: step.get("at", 0))
        for step in self._steps:
            if step.get("do") not in ACTIONS:
                raise FaultError(f"A step of the timeline does {' or '.join(ACTIONS)}.")
        self.plan = [(step, self._chosen(step)) for step in self._steps]

    def _chosen(self, step):
        """Terminals of a step, drawn once, in the order of the script."""
        which = step.get("dtus", 1)
        if isinstance(which, list):
            unknown = {str(one) for one in which} - self._dtus.keys()
            if unknown:
                raise FaultError(f"There is no DTU {', '.join(sorted(unknown))}.")
            return [str(one) for one in which]
        terminals = sorted(self._dtus)
        return sorted(self._random.sample(terminals, round(which * len(terminals))))

    async def play(self):
        begun = asyncio.get_running_loop().time()
        for step, terminals in self.plan:
            pause = begun + step.get("at", 0) - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0, pause))
            _logger.info("timeline: %s of %s DTUs", step["do"], len(terminals))
            for terminal in terminals:
                self._do(step, self._dtus[terminal])

    def _do(self, step, dtu):
        if step["do"] == "faults":
            dtu.faults.use(step.get("rates", {}))
        elif step["do"] == "disconnect":
            dtu.disconnect()
        else:
            dtu.cut_power(step.get("seconds", 30))
