import io
from decimal import Decimal

import xlsxwriter

NUMBERS = (float, int, Decimal)
INVALID = str.maketrans("[]:*?/\\", "       ")
FORMATS = {
    "date": {"num_format": "yyyy-mm-dd"},
    "datetime": {"num_format": "yyyy-mm-dd hh:mm"},
    "float": {"num_format": "#,##0.000"},
    **{f"float{n}": {"num_format": "#,##0." + "0" * n} for n in range(1, 7)},
    "integer": {"num_format": "0"},
}
# characters; Excel shows ##### where a date or a number does not fit
WIDTHS = {"char": 22, "date": 12, "datetime": 18, "integer": 10}
A4 = 9


def make_workbook(title, columns, rows):
    """Return the bytes of an Excel workbook of one sheet, written row by row.

    Its headings stay in sight and carry filters.

    :param str title: name of the sheet and its first line
    :param list columns: pairs ``(heading, type)``; the type is "char", "date",
        "datetime", "integer" or "float", with a number of places behind it if they
        are not three, and decides the number format
    :param rows: iterable of pairs ``(cells, bold)``; an empty cell is None or False,
        numbers stay numbers
    """
    buffer = io.BytesIO()
    options = {"constant_memory": True, "remove_timezone": True}
    book = xlsxwriter.Workbook(buffer, options)
    sheet = book.add_worksheet(title.translate(INVALID)[:31].strip() or "1")
    formats = {
        bold: [
            book.add_format({**FORMATS.get(kind, {}), "bold": bold})
            for __, kind in columns
        ]
        for bold in (False, True)
    }
    heading = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    for at, (__, kind) in enumerate(columns):
        sheet.set_column(at, at, WIDTHS.get(kind, 14))
    sheet.freeze_panes(2, 0)
    _print_nicely(sheet)
    sheet.write(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
    for at, (label, __) in enumerate(columns):
        sheet.write(1, at, label, heading)
    last = 1
    for line, (cells, bold) in enumerate(rows, start=2):
        last = last if bold else line
        for at, cell in enumerate(cells):
            if cell is not None and cell is not False:
                _write(sheet, line, at, cell, formats[bold][at])
    # totals at the end stay below what is filtered
    sheet.autofilter(1, 0, last, max(len(columns) - 1, 0))
    book.close()
    return buffer.getvalue()


def _print_nicely(sheet):
    """One page wide, its headings on each page."""
    sheet.set_paper(A4)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0, 1)


def _write(sheet, line, at, cell, style):
    if isinstance(cell, str):
        # a name that begins with = is a name, no formula
        sheet.write_string(line, at, cell, style)
    elif type(cell) in NUMBERS:
        sheet.write_number(line, at, cell, style)
    else:
        sheet.write(line, at, cell, style)
