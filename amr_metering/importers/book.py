"""All sheets of a workbook, in the order in which they build on each other."""

from ..estate_book import BookError, is_empty, read_book
from .accounts import AccountImporter
from .base import Report
from .estate import (
    BuildingImporter,
    CommunityImporter,
    DistrictImporter,
    RoomImporter,
)
from .meters import MeterImporter
from .places import Places
from .readings import ReadingImporter
from .reasons import sentence
from .seed import SeedSheet

MAX_ROWS = 20_000  # a request has two minutes
IMPORTERS = (
    DistrictImporter,
    CommunityImporter,
    BuildingImporter,
    RoomImporter,
    AccountImporter,
    MeterImporter,
    ReadingImporter,
)


def import_rows(env, data, dry_run=False):
    """Import a workbook as the person of ``env``, in the caller's transaction.

    :param bytes data: the file
    :param bool dry_run: the caller rolls back; nothing lasting may be taken
    :rtype: Report
    :raises BookError: the file cannot be read at all, or holds nothing
    """
    rows, problems = read_book(data, MAX_ROWS)
    if is_empty(rows, problems):
        raise BookError("no_rows")
    report = Report()
    for problem in problems:
        report.add_fault(
            problem.sheet,
            problem.row,
            problem.column,
            sentence(env, problem.reason, problem.values),
            problem.notice,
        )
    places = Places(env)
    extra = {}
    for importer in IMPORTERS:
        if rows.get("seed") and importer is AccountImporter:
            split = SeedSheet(env, report, places).split(rows["seed"])
            extra = dict(zip(("accounts", "meters"), split, strict=True))
        found = rows.get(importer.sheet, []) + extra.get(importer.sheet, [])
        if found:
            importer(env, report, places, dry_run).work(found)
    return report
