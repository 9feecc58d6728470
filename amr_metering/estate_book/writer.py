"""Write the workbook: with rows, as an empty template, or with what was wrong."""

import io
from datetime import datetime
from decimal import Decimal

import xlsxwriter
from openpyxl import load_workbook
from xlsxwriter.utility import xl_col_to_name

from .cells import clean
from .layout import BY_TITLE, GUIDE_TITLE, LISTS_TITLE, REASON_TITLE, SHEETS

SPARE_ROWS = 2000
WIDTHS = {"datetime": 20, "decimal": 12, "integer": 8, "choice": 10}
NAMES = {"text", "label", "digits"}
KINDS = {
    "text": "文本",
    "label": "文本",
    "digits": "数字（文本格式）",
    "decimal": "数值",
    "integer": "整数",
    "datetime": "日期时间 2016-06-05 08:30:00",
    "choice": "从列表中选择",
}


class _Book:
    """An xlsxwriter workbook in memory with the formats that all of ours use."""

    def __init__(self):
        self.buffer = io.BytesIO()
        # text is text, whatever it begins with: nothing becomes a formula or a link
        self.book = xlsxwriter.Workbook(
            self.buffer,
            {
                "in_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        head = {"bold": True, "bottom": 1, "valign": "vcenter"}
        self.formats = {
            "head": self.book.add_format({**head, "bg_color": "#DDEBF7"}),
            "must": self.book.add_format({**head, "bg_color": "#FCE4D6"}),
            "text": self.book.add_format({"num_format": "@"}),
            "datetime": self.book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "reason": self.book.add_format({"font_color": "#C00000"}),
            None: None,
        }

    def put(self, page, row, col, value, style=None):
        """Write one value; text stays text, what is false but zero stays blank."""
        style = self.formats[style]
        if value is None or value is False or value == "":
            return
        if isinstance(value, datetime):
            page.write_datetime(row, col, value, style or self.formats["datetime"])
        elif isinstance(value, Decimal | int | float):
            page.write_number(row, col, float(value), style)
        else:
            page.write_string(row, col, str(value), style)

    def close(self):
        self.book.close()
        return self.buffer.getvalue()


def _style(column):
    if column.kind in NAMES:
        return "text"
    return "datetime" if column.kind == "datetime" else None


def _comment(column):
    lines = ["必填" if column.required else "可留空", column.help]
    lines.append(f"格式：{KINDS[column.kind]}")
    if column.example != "":
        lines.append(f"示例：{column.example}")
    return "\n".join(filter(None, lines))


def _add_sheet(book, sheet, rows):
    page = book.book.add_worksheet(sheet.title)
    page.freeze_panes(1, 0)
    for col, column in enumerate(sheet.columns):
        mark = "*" if column.required else ""
        style = book.formats["must" if column.required else "head"]
        page.write_string(0, col, column.title + mark, style)
        page.write_comment(0, col, _comment(column), {"x_scale": 2, "y_scale": 1.5})
        width = WIDTHS.get(column.kind, 16)
        page.set_column(col, col, width, book.formats[_style(column)])
    count = 0
    for count, values in enumerate(rows, 1):
        for col, column in enumerate(sheet.columns):
            value = values.get(column.key)
            if column.kind == "choice":
                value = next((t for c, t in column.choices if c == value), value)
            book.put(page, count, col, value, _style(column))
    for col, column in enumerate(sheet.columns):
        if column.kind == "choice":
            titles = list(dict.fromkeys(title for _code, title in column.choices))
            rule = {"validate": "list", "source": titles}
            page.data_validation(1, col, count + SPARE_ROWS, col, rule)
    return page


def _add_lists(book, lists, pages):
    """Offer names that exist already (models, tariffs) in a list on their columns."""
    lists = {key: names for key, names in lists.items() if names}
    if not lists:
        return
    page = book.book.add_worksheet(LISTS_TITLE)
    page.hide()
    for place, (key, names) in enumerate(lists.items()):
        page.write_string(0, place, key)
        for row, name in enumerate(names, 1):
            page.write_string(row, place, name)
        letter = xl_col_to_name(place)
        source = f"={LISTS_TITLE}!${letter}$2:${letter}${len(names) + 1}"
        rule = {"validate": "list", "source": source, "error_type": "warning"}
        for sheet, target, count in pages:
            for col, column in enumerate(sheet.columns):
                if column.key == key:
                    target.data_validation(1, col, count + SPARE_ROWS, col, rule)


def _add_guide(book, sheets):
    page = book.book.add_worksheet(GUIDE_TITLE)
    for col, title in enumerate(("工作表", "列", "必填", "格式", "示例", "说明")):
        page.write_string(0, col, title, book.formats["head"])
    page.set_column(0, 2, 12)
    page.set_column(3, 4, 24)
    page.set_column(5, 5, 80)
    row = 0
    for sheet in sheets:
        for column in sheet.columns:
            row += 1
            line = (
                sheet.title,
                column.title,
                "是" if column.required else "",
                KINDS[column.kind],
                str(column.example),
                column.help,
            )
            for col, value in enumerate(line):
                book.put(page, row, col, value)
    page.freeze_panes(1, 0)


def write_book(rows, lists=None, sheets=None):
    """Write rows, sheet by sheet, with a guide and lists to choose from.

    :param dict rows: ``{sheet key: [values]}``; sheets come in their own order
    :param dict lists: ``{column key: [names]}`` to choose from
    :param sheets: keys of the sheets to write when they differ from those of ``rows``
    :rtype: bytes
    """
    book = _Book()
    chosen = [sheet for sheet in SHEETS if sheet.key in (sheets or rows)]
    pages = []
    for sheet in chosen:
        found = list(rows.get(sheet.key, ()))
        pages.append((sheet, _add_sheet(book, sheet, found), len(found)))
    _add_guide(book, chosen)
    _add_lists(book, lists or {}, pages)
    return book.close()


def write_template(sheets, lists=None):
    """Write the empty workbook of these sheets; examples are in comments and guide."""
    return write_book({}, lists, sheets)


def write_marked(data, reasons):
    """Give the bad rows of a file back as they were, with the reason behind them.

    :param bytes data: the file that was read
    :param dict reasons: ``{(sheet title, row number): sentence}``
    :rtype: bytes
    """
    source = load_workbook(io.BytesIO(data), read_only=True)
    book, written = _Book(), set()
    for worksheet in source.worksheets:
        sheet = BY_TITLE.get(clean(worksheet.title))
        title = sheet.title if sheet else worksheet.title
        if title not in written and any(key[0] == title for key in reasons):
            written.add(title)
            _add_marked(book, worksheet, title, reasons)
    source.close()
    if not book.book.worksheets():
        book.book.add_worksheet(GUIDE_TITLE)
    return book.close()


def _add_marked(book, worksheet, title, reasons):
    page = book.book.add_worksheet(title)
    page.freeze_panes(1, 0)
    worksheet.reset_dimensions()
    target, width = 0, 0
    for number, cells in enumerate(worksheet.iter_rows(), 1):
        values = [cell.value for cell in cells]
        if number == 1:
            while values and values[-1] in (None, REASON_TITLE):
                values.pop()
            width = len(values)
            for col, value in enumerate([*values, REASON_TITLE]):
                page.write_string(0, col, str(value or ""), book.formats["head"])
        if (title, number) not in reasons:
            continue
        if number > 1:
            target += 1
            for col, value in enumerate(values[:width]):
                is_text = isinstance(value, str)
                book.put(page, target, col, value, "text" if is_text else None)
        reason = reasons[title, number]
        page.write_string(target, width + (number == 1), reason, book.formats["reason"])
    page.set_column(0, width, 16)
