from odoo import fields


class KnownFloat(fields.Float):
    """A number that may be unknown: NULL reads as False, an empty cell, never as 0.

    ``fields.Float`` shows what nobody measured as 0.000, which a person would take for
    no consumption.
    """

    def convert_to_cache(self, value, record, validate=True):
        if value is None or value is False:
            return None
        return super().convert_to_cache(value, record, validate)

    def convert_to_record(self, value, record):
        return False if value is None else value

    def convert_to_read(self, value, record, use_display_name=True):
        return value
