"""Read a workbook: typed rows, and problems that name sheet, row and column."""

import io
import re
import zipfile
from dataclasses import dataclass
from typing import NamedTuple

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from .cells import CellError, clean, convert
from .layout import BY_TITLE, GUIDE_TITLE, LISTS_TITLE, REASON_TITLE

MAX_BYTES = 20 * 2**20
MAX_UNPACKED = 400 * 2**20
OLE_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
MERGED = re.compile(rb'<mergeCell [^>]*ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
HIDDEN = re.compile(rb'<row [^>]*hidden="(?:1|true)"[^>]*>')
ROW_NUMBER = re.compile(rb'\br="(\d+)"')
IGNORED_SHEETS = {GUIDE_TITLE, LISTS_TITLE}


class BookError(Exception):
    """A file that cannot be read at all: a reason code and what it speaks of."""

    def __init__(self, reason, **values):
        super().__init__(reason)
        self.reason = reason
        self.values = values


class Problem(NamedTuple):
    """Why a row, a column or a sheet is not taken; titles as in the file.

    With ``notice`` it is taken all the same, but somebody should look.
    """

    sheet: str
    row: int
    column: str
    reason: str
    values: dict
    notice: bool = False


@dataclass(slots=True)
class Row:
    """One row that is understood; ``values`` has no key for a blank cell."""

    sheet: str
    number: int
    values: dict


def read_book(data, max_rows, wanted=None):
    """Read a workbook.

    :param bytes data: the file
    :param int max_rows: how many rows all sheets together may have
    :param wanted: keys of the sheets to read; None for all
    :return: ``({sheet key: [Row]}, [Problem])``
    :raises BookError: it is no workbook, too large or has no sheet of ours
    """
    book = _open(data)
    rows, problems = {}, []
    left = max_rows
    try:
        for worksheet in book.worksheets:
            sheet = BY_TITLE.get(clean(worksheet.title))
            if sheet and sheet.key in rows:
                problems.append(Problem(worksheet.title, 1, "", "double_sheet", {}))
            elif sheet and (wanted is None or sheet.key in wanted):
                found, bad, count = _read_sheet(worksheet, sheet, left)
                if worksheet.sheet_state != "visible" and found:
                    bad.append(
                        Problem(sheet.title, 1, "", "hidden_sheet", {}, notice=True)
                    )
                rows[sheet.key] = found
                problems += bad
                left -= count
            elif worksheet.title not in IGNORED_SHEETS:
                problems.append(Problem(worksheet.title, 1, "", "unknown_sheet", {}))
    except BookError:
        raise
    except Exception as error:  # whatever a damaged file makes the parser do
        raise BookError("damaged", error=str(error)[:200]) from error
    finally:
        book.close()
    if not rows:
        raise BookError("no_sheet")
    if left < 0:
        raise BookError("too_many_rows", limit=max_rows)
    return rows, problems


def is_empty(rows, problems):
    """Whether a workbook has nothing but headings, and nothing is wrong with it."""
    return not any(rows.values()) and not problems


def _open(data):
    if len(data) > MAX_BYTES:
        raise BookError("too_big", limit=MAX_BYTES // 2**20)
    if data.startswith(OLE_HEAD):
        raise BookError("password" if ENCRYPTED in data else "old_excel")
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise BookError("not_excel")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if "xl/workbook.xml" not in packed.namelist():
                raise BookError("not_excel")
            if sum(part.file_size for part in packed.infolist()) > MAX_UNPACKED:
                raise BookError("too_big", limit=MAX_BYTES // 2**20)
        return load_workbook(io.BytesIO(data), read_only=True)
    except BookError:
        raise
    except Exception as error:
        raise BookError("damaged", error=str(error)[:200]) from error


def _marked_rows(worksheet):
    """Return the numbers of rows that merged cells touch, and of hidden rows."""
    merged, hidden = set(), set()
    with worksheet._get_source() as source:
        tail = b""
        while chunk := source.read(2**20):
            text = tail + chunk
            for found in MERGED.finditer(text):
                merged.update(range(int(found[2]), int(found[4]) + 1))
            for found in HIDDEN.finditer(text):
                if number := ROW_NUMBER.search(found[0]):
                    hidden.add(int(number[1]))
            tail = text[-400:]
    return merged, hidden


def _read_sheet(worksheet, sheet, max_rows):
    """Return (rows, problems, number of rows that are not blank)."""
    worksheet.reset_dimensions()
    merged, hidden = _marked_rows(worksheet)
    lines = worksheet.iter_rows()
    header = [_title(cell) for cell in next(lines, ())]
    columns, problems = _match_columns(sheet, header)
    if columns is None:
        return [], problems, 0
    rows, count = [], 0
    for number, cells in enumerate(lines, 2):
        if all(_is_blank(cell) for cell in cells):
            continue
        count += 1
        if count > max_rows:
            break
        if number in merged:
            problems.append(Problem(sheet.title, number, "", "merged", {}))
            continue
        values, bad = _read_row(sheet, columns, cells, number)
        problems += bad
        if values and not bad:
            rows.append(Row(sheet.key, number, values))
            if number in hidden:
                problems.append(
                    Problem(sheet.title, number, "", "hidden_row", {}, notice=True)
                )
    return rows, problems, count


def _is_blank(cell):
    """Rows that were formatted, or filled with blanks, hold nothing."""
    value = cell.value
    return value is None or isinstance(value, str) and not clean(value)


def _title(cell):
    return clean(str(cell.value)).rstrip("* ") if cell.value is not None else ""


def _match_columns(sheet, header):
    """Return ([(position, Column)], problems); None instead of the list: not usable."""
    while header and not header[-1]:
        header.pop()
    titles = [column.title for column in sheet.columns]
    if sheet.fixed_order:
        given = header[:-1] if header[-1:] == [REASON_TITLE] else header
        if given != titles[: len(given)] or len(given) < 3:
            order = "、".join(titles)
            bad = Problem(sheet.title, 1, "", "wrong_order", {"titles": order})
            return None, [bad]
        return list(enumerate(sheet.columns[: len(given)])), []
    problems, columns = [], []
    by_title = {column.title: column for column in sheet.columns}
    for position, title in enumerate(header):
        column = by_title.pop(title, None)
        if column:
            columns.append((position, column))
        elif title != REASON_TITLE:
            reason = "double_column" if title in titles else "unknown_column"
            where = title or get_column_letter(position + 1)
            problems.append(Problem(sheet.title, 1, where, reason, {}))
    missing = [column.title for column in by_title.values() if column.required]
    for title in missing:
        problems.append(Problem(sheet.title, 1, title, "missing_column", {}))
    return (None if missing else columns), problems


def _read_row(sheet, columns, cells, number):
    values, problems = {}, []
    for position, column in columns:
        cell = cells[position] if position < len(cells) else None
        try:
            value = convert(column, cell) if cell is not None else None
            if value is not None:
                values[column.key] = value
        except CellError as error:
            problems.append(
                Problem(sheet.title, number, column.title, error.reason, error.values)
            )
    if not values:
        return values, problems
    failed = {problem.column for problem in problems}
    for _position, column in columns:
        if column.required and column.key not in values and column.title not in failed:
            problems.append(Problem(sheet.title, number, column.title, "blank", {}))
    return values, problems
