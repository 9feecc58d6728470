"""One month in the life of the demo estate, played through the doors people use.

Each step does what a person or a device would do and looks at what became of it; it
returns what it saw as a sentence, and raises :class:`StepError` when something did not
happen. The steps look at differences, so the story can be played again and again on
the same database.
"""

import time

from doors import chromium

from .billing import BillingSteps
from .estate import EstateSteps
from .people import StepError
from .portal import PortalSteps
from .prepaid import PrepaidSteps
from .reading import ReadingSteps


class Story(EstateSteps, ReadingSteps, BillingSteps, PortalSteps, PrepaidSteps):
    """The steps in their order, each by the door its person or device uses."""


STEPS = (
    ("the estate, its people, tariffs and history", Story.check_estate),
    ("DTUs register and are seen online", Story.check_links),
    ("the reader reads the community", Story.read_community),
    ("the reader reads through a concentrator", Story.read_concentrator),
    ("last month is billed", Story.bill_community),
    ("the front desk takes cash", Story.take_cash),
    ("a resident looks at his bill and pays it online", Story.use_portal),
    ("a resident recharges his prepaid meter", Story.recharge),
    ("a relay is opened and closed", Story.switch_relay),
)


def play(stack, say):
    """Play all steps; a step that fails does not keep the others from being tried.

    :return: exit status, 0 when every step happened
    """
    failed = 0
    with chromium() as browser:
        story = Story(stack, browser)
        for number, (title, step) in enumerate(STEPS, 1):
            started = time.monotonic()
            try:
                seen = f"ok: {step(story)}"
            except Exception as error:  # whatever it is, the step did not happen
                failed += 1
                seen = f"FAILED: {type(error).__name__}: {error}"
            took = time.monotonic() - started
            say(f"{number}/{len(STEPS)} {title} ({took:.0f} s) … {seen}")
    say("The story happened." if not failed else f"{failed} steps did not happen.")
    return 1 if failed else 0
