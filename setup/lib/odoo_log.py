"""Read Odoo's log: how many tests ran, what failed, what our addons complain about."""

import re
from dataclasses import dataclass, field

RECORD = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ "
    r"(?P<level>[A-Z]+) \S+ (?P<logger>[\w.]+): (?P<message>.*)"
)
TOTAL = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests when loading")
TEST_LOGGER = re.compile(r"odoo\.addons\.\w+\.tests\b")
# One of our modules (amr_billing) or models (amr.charge).
OURS = re.compile(r"\bamr[._][a-z]")
COMPLAINTS = ("WARNING", "ERROR", "CRITICAL")


@dataclass
class Record:
    """One entry of the log, with the lines that belong to it."""

    level: str
    logger: str
    message: str

    @property
    def is_test_failure(self):
        return bool(
            self.level == "ERROR"
            and TEST_LOGGER.match(self.logger)
            and self.message.startswith(("FAIL: ", "ERROR: "))
        )

    @property
    def is_skip(self):
        return bool(
            TEST_LOGGER.match(self.logger) and self.message.startswith("skipped ")
        )

    @property
    def is_complaint(self):
        """Whether one of our addons, or Odoo about one of them, complains.

        What a test's browser writes to its console is left to the test: an error
        there has failed it already. So is a statement the database refuses: Odoo
        tries again or makes it a sentence, or else complains once more itself.
        """
        return (
            self.level in COMPLAINTS
            and not self.is_test_failure
            and not self.logger.endswith(".browser")
            and self.logger not in ("odoo.tests.result", "odoo.sql_db")
            and bool(OURS.search(self.logger) or OURS.search(self.message))
        )

    def __str__(self):
        return f"{self.level} {self.logger}: {self.message}"


@dataclass
class Report:
    """What a log says. `tests` and `failed` are what Odoo's runner counted."""

    tests: int = 0
    failed: int = 0
    failures: list = field(default_factory=list)
    skips: list = field(default_factory=list)
    complaints: list = field(default_factory=list)


def records(lines):
    """Yield the records of a log; a line without a head belongs to the one before."""
    current = None
    for line in lines:
        line = line.rstrip("\n")
        if found := RECORD.match(line):
            if current:
                yield current
            current = Record(**found.groupdict())
        elif current:
            current.message += "\n" + line
    if current:
        yield current


def read(lines):
    """Return the report of a log."""
    report = Report()
    for record in records(lines):
        if total := TOTAL.search(record.message):
            failures, errors, tests = map(int, total.groups())
            report.tests += tests
            report.failed += failures + errors
        elif record.is_test_failure:
            report.failures.append(record)
        elif record.is_skip:
            report.skips.append(record)
        elif record.is_complaint:
            report.complaints.append(record)
    return report
