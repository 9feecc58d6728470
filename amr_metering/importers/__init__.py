"""From the workbook's rows to records: one importer a sheet, in plain classes.

They work as the person who imports: record rules and access rights hold as on screen.
"""

from .base import Report, RowError
from .book import import_rows
