"""The archive as one workbook, districts to meters and readings; knows no Odoo.

`read_book` turns a file into typed rows and problems that name sheet, row and column;
`write_book` writes rows the same way; `write_marked` gives bad rows back with their
reason. What may stand in which column is told by `layout`.
"""

from .cells import CellError, Place, clean, look_alike
from .layout import BY_KEY, SHEETS, Column, Sheet
from .reader import BookError, Problem, Row, is_empty, read_book
from .writer import write_book, write_marked, write_template
