"""What all importers share: plans, chunks with savepoints, and the report."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg2

from odoo.exceptions import UserError
from odoo.tools import split_every

from odoo.addons.amr_base.tools import dec

from ..estate_book import BY_KEY, Place, Row, clean, look_alike

CHUNK = 500
TOMORROW = timedelta(days=1)  # how far a clock in the file may be ahead


class RowError(Exception):
    """A row that cannot be taken: a sentence, and the column it is about."""

    def __init__(self, message, column=None):
        super().__init__(message)
        self.message = message
        self.column = column


class Fault(NamedTuple):
    """One line of the report; a notice is about a row that is imported all the same."""

    sheet: str
    row: int
    column: str
    reason: str
    notice: bool


class Report:
    """What became of a file's rows, by sheet."""

    def __init__(self):
        self.faults = []
        self.counts = defaultdict(Counter)

    def add_fault(self, sheet, row, column, reason, notice=False):
        self.faults.append(Fault(sheet, row, column, reason, notice))

    def refuse(self, row, error):
        self._add_about(row, error.column, error.message)

    def tell(self, row, message, column):
        """Say something about a row that is imported all the same."""
        self._add_about(row, column, message, notice=True)

    def _add_about(self, row, column, message, notice=False):
        sheet = BY_KEY[row.sheet]
        titles = {one.key: one.title for one in sheet.columns}
        title = titles.get(column, "")
        self.add_fault(sheet.title, row.number, title, message, notice)


@dataclass(slots=True)
class Plan:
    """What a row asks for: a new record, changed values, or nothing."""

    row: Row
    record: object
    vals: dict
    extra: dict = field(default_factory=dict)


class SheetImporter:
    """Imports the rows of one sheet into one model.

    Subclasses say in :meth:`plan` what a row asks for; what is refused there is told
    with the row. :meth:`apply` then writes many plans at once.
    """

    sheet = None
    model = None

    def __init__(self, env, report, places, dry_run=False):
        self.env = env
        self.report = report
        self.places = places
        self.dry_run = dry_run
        self.seen = {}
        self.company = env.company

    @property
    def records(self):
        return self.env[self.model]

    def work(self, rows):
        """Import the rows of the sheet."""
        self.prepare(rows)
        self.work_rows(rows)

    def work_rows(self, rows):
        """Plan rows and carry them out, chunk by chunk."""
        plans = []
        for row in rows:
            try:
                plan = self.plan(row)
                if plan.record and not plan.vals and not plan.extra:
                    self.count(row, "unchanged")
                else:
                    self.check_right("write" if plan.record else "create")
                    plans.append(plan)
            except RowError as error:
                self.report.refuse(row, error)
        for chunk in split_every(CHUNK, plans, list):
            self.apply_safely(chunk)

    def prepare(self, rows):
        """Fetch what is known about all rows at once."""

    def plan(self, row):
        """Return what a row asks for.

        :rtype: Plan
        :raises RowError: it cannot be taken
        """
        raise NotImplementedError

    def apply(self, plans):
        """Carry plans out; return their records in the same order."""
        new = [plan for plan in plans if not plan.record]
        made = iter(self.make(self.model, [plain(plan.vals) for plan in new]))
        for plan in plans:
            if plan.record:
                plan.record.write(plain(plan.vals))
        return [plan.record or next(made) for plan in plans]

    def make(self, model, vals_list):
        """Create records; the import's report stands for a note on each of them."""
        quiet = self.env[model].with_context(tracking_disable=True)
        return quiet.create(vals_list).with_env(self.env)

    def done(self, plan, record):
        """Learn of a record that was made, for the rows that refer to it."""

    def apply_safely(self, plans):
        """Apply plans; when that fails, halve them until the row is found."""
        if not plans:
            return
        try:
            with self.env.cr.savepoint():
                records = self.apply(plans)
        except (UserError, psycopg2.IntegrityError, psycopg2.DataError) as error:
            if len(plans) == 1:
                self.report.refuse(plans[0].row, RowError(self.explain(error)))
                return
            middle = len(plans) // 2
            self.apply_safely(plans[:middle])
            self.apply_safely(plans[middle:])
            return
        for plan, record in zip(plans, records, strict=True):
            self.count(plan.row, "changed" if plan.record else "new")
            self.done(plan, record)

    def explain(self, error):
        """Return the sentence of an error that the database or the ORM raised."""
        if isinstance(error, UserError):
            return str(error.args[0])
        table = error.diag.table_name
        model = next(
            (name for name, cls in self.env.registry.items() if cls._table == table),
            self.model,
        )
        return self.env[model]._sql_error_to_message(error)

    def count(self, row, what):
        self.report.counts[self.sheet][what] += 1

    def check_right(self, operation):
        if not self.records.has_access(operation):
            raise RowError(
                self.env._(
                    "You may not add or change %(what)s; ask a system administrator.",
                    what=BY_KEY[self.sheet].title,
                )
            )

    def check_once(self, row, key, column):
        """Refuse a row whose key another row of the file has already."""
        first = self.seen.setdefault((self.sheet, key), row)
        if first is not row:
            raise RowError(
                self.env._("Row %(row)s says this already.", row=first.number), column
            )

    def find_archived(self, key):
        """Return the keys of what was archived, and would be made a second time.

        :param key: function of a record
        """
        archived = [("company_id", "=", self.company.id), ("active", "=", False)]
        return {key(record) for record in self.records.search(archived)}

    def check_archived(self, key, column):
        """Refuse to make what is there already, but archived."""
        if key in self.archived:
            raise RowError(
                self.env._(
                    "This is in the archive already, but archived: find it by the "
                    "filter “Archived” and unarchive it, then import again."
                ),
                column,
            )

    def changes(self, record, vals):
        """Return those values that differ from what the record has."""
        return {
            name: value
            for name, value in vals.items()
            if not self.is_same(record, name, value)
        }

    def is_same(self, record, name, value):
        known = record[name]
        kind = record._fields[name].type
        if kind == "many2one":
            return known.id == value
        if kind == "float":
            digits = record._fields[name].get_digits(self.env)
            return dec(known, digits[1]) == dec(value, digits[1])
        if isinstance(known, str) and isinstance(value, str):
            # as a cell would be read that holds what is known
            return value in (known, clean(known), look_alike(known))
        return (known or False) == (value or False)

    def find_padded(self, name, values):
        """Return known numbers that Excel may have dropped the zeros of.

        :param str name: of the field
        :param values: as read; only those that stood in number cells count
        :return: dict of the known numbers by themselves without zeros
        """
        bare = {str(value) for value in values if isinstance(value, Place)}
        if not bare:
            return {}
        domain = [("company_id", "=", self.company.id), (name, "=like", "0%")]
        records = self.records.sudo().with_context(active_test=False)
        known = records.search_fetch(domain, [name]).mapped(name)
        padded = {number.lstrip("0"): number for number in known}
        return {number: padded[number] for number in bare & padded.keys()}

    def refuse_padded(self, text, known, column):
        """:raises RowError: zeros before the number are lost"""
        raise RowError(
            self.env._(
                "Is %(known)s meant? Excel has dropped its zeros (%(text)s): format "
                "the column as text and type it again.",
                known=known,
                text=text,
            ),
            column,
        )


def plain(vals):
    """Return values as the ORM takes them: numbers as floats."""
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in vals.items()
    }


def by_any_name(records, key):
    """Return ``{key(record) with name: [records]}`` by the names in all languages.

    :param key: function of (record, name) that returns what to find it by
    """
    found = defaultdict(list)
    languages = [code for code, _name in records.env["res.lang"].get_installed()]
    for language in languages:
        for record in records.with_context(lang=language):
            known = found[key(record, clean(record.name))]
            if record.id not in {each.id for each in known}:
                known.append(record)
    return found


def utc(moment, tz):
    """Return a local time as naive UTC.

    :param datetime moment: naive, local in ``tz``
    """
    local = moment.replace(tzinfo=ZoneInfo(tz))
    return local.astimezone(timezone.utc).replace(tzinfo=None)


def local(moment, tz):
    """Return a naive UTC time as naive local time, or None."""
    if not isinstance(moment, datetime):
        return None
    aware = moment.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(tz))
    return aware.replace(tzinfo=None)
