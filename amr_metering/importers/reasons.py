"""Sentences for what the workbook's reader found, by its codes."""

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

REASONS = {
    "became_date": _lt(
        "Excel has turned it into a date: format the column as text and type it again."
    ),
    "blank": _lt("This cell must be filled in."),
    "damaged": _lt("The file is damaged (%(error)s): save it again in Excel."),
    "date_out_of_range": _lt("%(value)s is before 1990 or after 2100."),
    "digits_lost": _lt(
        "Excel keeps only 15 digits of a number: format the column as text and type it "
        "again."
    ),
    "double_column": _lt("This column is there twice: delete one."),
    "double_sheet": _lt("This sheet is there twice: put its rows into the first one."),
    "excel_error": _lt("Excel shows an error (%(value)s) here."),
    "formula": _lt("There is a formula here: copy it and paste it as a value."),
    "hidden_row": _lt("Taken, but the row is hidden in Excel: is it meant?"),
    "hidden_sheet": _lt("Its rows are taken, but the sheet is hidden in Excel."),
    "merged": _lt("Cells are merged here: unmerge them and fill in every row."),
    "missing_column": _lt(
        "The sheet lacks this column: download the template and copy the data there."
    ),
    "negative": _lt("%(value)s is below zero."),
    "no_rows": _lt(
        "The workbook has no rows below its headings: fill it in and save it first."
    ),
    "no_sheet": _lt(
        "No sheet has a name of the template: download it and copy the data there."
    ),
    "not_date": _lt("“%(value)s” is no date; write it as 2016-06-05 08:30:00."),
    "not_digits": _lt("“%(value)s” is not valid: use digits only."),
    "not_excel": _lt(
        "This is no Excel workbook (.xlsx): open it in Excel and save it as one."
    ),
    "not_in_list": _lt("“%(value)s” is none of: %(choices)s."),
    "not_integer": _lt("“%(value)s” is no whole number from 0 to 999999."),
    "not_number": _lt("“%(value)s” is no number."),
    "not_text": _lt("Write text or a number here."),
    "old_excel": _lt(
        "This is the old Excel format (.xls): save it as an Excel workbook (.xlsx)."
    ),
    "password": _lt(
        "The file is protected by a password: remove it in Excel and save the file."
    ),
    "too_big": _lt("The file is larger than %(limit)s MB: split it."),
    "too_large": _lt("%(value)s is too large."),
    "too_many_places": _lt("%(value)s has more than %(places)s decimal places."),
    "too_many_rows": _lt("The file has more than %(limit)s rows: split it."),
    "unknown_column": _lt("This column is none of the template: it is not imported."),
    "unknown_sheet": _lt("This sheet is none of the template: it is not imported."),
    "wrong_length": _lt("“%(value)s” must have %(width)s digits."),
    "wrong_order": _lt("The columns must stand in this order: %(titles)s."),
}


def sentence(env, reason, values):
    """Return the sentence for a reason of the reader, in the person's language."""
    text = env._(REASONS[reason])
    return text % values
