"""Who plays in the story, by which doors, and in which community."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from doors import PHONE, Operator, SimulatedMeters, Visitor
from runtime import SetupError

COMMUNITY = "10371"
PATIENCE = 120
CENT = Decimal("0.01")
CREDIT_CARD = "4242 4242 4242 4242"


class StepError(SetupError):
    """A step of the story did not happen."""


def expect(condition, sentence):
    if not condition:
        raise StepError(sentence)


def money(value):
    return Decimal(str(value)).quantize(CENT)


def month_before(day):
    """Return the first day of the month before a day."""
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return day.replace(year=year, month=month, day=1)


class People:
    """The story's people and devices, as its steps find them.

    :param stack: the running demo_stack.Stack
    :param browser: Playwright's browser, for the residents
    """

    def __init__(self, stack, browser):
        self.stack = stack
        self.browser = browser
        self.meters = SimulatedMeters(stack.simulator_url)
        self._operators = {}

    def operator(self, role):
        """Return the operator of a role, logged in once."""
        if role not in self._operators:
            one = self.stack.credentials()[role]
            self._operators[role] = Operator(
                self.stack.url, self.stack.database, one["login"], one["password"]
            )
        return self._operators[role]

    def resident(self, role, viewport=PHONE):
        """Return a resident's browser, logged in."""
        one = self.stack.credentials()[role]
        return Visitor(
            self.browser, self.stack.url, one["login"], one["password"], viewport
        )

    @cached_property
    def community(self):
        return self.operator("admin").one(
            "amr.community", [("full_code", "=", COMMUNITY)], ["name", "tz"]
        )

    @cached_property
    def today(self):
        """Return the day it is in the community."""
        return datetime.now(ZoneInfo(self.community["tz"])).date()

    @cached_property
    def month(self):
        """Return the first day of the last month that the meters' freezes cover."""
        newest = self.operator("admin").one(
            "amr.reading", [("kind", "=", "daily")], ["read_at"], order="read_at desc"
        )
        read_at = datetime.fromisoformat(newest["read_at"] + "+00:00")
        return month_before(read_at.astimezone(ZoneInfo(self.community["tz"])).date())
