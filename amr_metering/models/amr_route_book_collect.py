"""A handheld's file read back into the database."""

from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..handheld.book import BookError, parse

CLOCK = timedelta(days=1)  # that the clock of a handheld may be wrong


class AmrRouteBook(models.Model):
    _inherit = "amr.route.book"

    @api.model
    def _collect(self, data):
        """Take what a handheld brought home through the one door for readings.

        The same file twice is the same readings. What cannot be taken is listed with
        its reason; the file itself is kept with the book.

        :param bytes data: the handheld's file
        :return: the book it belongs to
        :raises UserError: no whole route book, or none of this reader's scope
        """
        try:
            parsed = parse(data)
        except BookError as error:
            raise UserError(self._get_file_text(error.code)) from error
        number = parsed.book.header.number
        book = self.with_context(active_test=False).search([("name", "=", number)])
        if len(book) != 1 or book.line_code != parsed.book.header.line:
            raise UserError(
                self.env._(
                    "There is no route book %(number)s of line %(line)s in your scope.",
                    number=number,
                    line=parsed.book.header.line,
                )
            )
        book.sudo()._take(parsed, data)
        return book

    @api.model
    def _get_file_text(self, code):
        """Return why a whole file is refused.

        :param str code: of a :class:`BookError`
        """
        damaged = self.env._(
            "The file is damaged: its first or last record, or the number of its "
            "records, is wrong."
        )
        return {
            "size": self.env._("The file is larger than any route book."),
            "cut": self.env._("The file has no last record: it was cut short."),
            "checksum": self.env._(
                "The checksum of the file is wrong: it was altered."
            ),
            "kind": self.env._("The file is no route book."),
            "version": self.env._(
                "The file is of another version of the route book; update the handheld."
            ),
        }.get(code, damaged)

    def _take(self, parsed, data):
        self.ensure_one()
        self.env.cr.execute(
            SQL("SELECT 1 FROM amr_route_book WHERE id = %s FOR UPDATE", self.id)
        )
        self.invalidate_recordset()
        self._keep_file(data)
        entries = {str(entry.id): entry for entry in self.entry_ids}
        taken, unknown = [], []
        for result in parsed.book.results:
            entry = entries.get(result.key)
            if entry and entry.task_line_id and entry._matches(result.address):
                taken.append((entry, result))
            else:
                unknown.append(result)
        self._take_known(taken)
        self._take_unknown(unknown)
        self._finish(parsed.faults)

    def _keep_file(self, data):
        """Keep the file with the book, each content once."""
        attachments = self.env["ir.attachment"]
        checksum = attachments._compute_checksum(data)
        known = [
            ("res_model", "=", self._name),
            ("res_id", "=", self.id),
            ("checksum", "=", checksum),
        ]
        if not attachments.search_count(known, limit=1):
            attachments.create(
                {
                    "name": self.file_name,
                    "raw": data,
                    "res_model": self._name,
                    "res_id": self.id,
                }
            )

    def _take_known(self, taken):
        """Take the results of meters of this book.

        :param list taken: pairs of book line and result; of two the later one counts
            for the list, both are readings
        """
        rows = []
        for entry, result in taken:
            values = {
                "index": result.index or 0,
                "read_at": result.read_at,
                "flag": result.flag or False,
                "note": result.note,
                "address": result.address,
                "error": False,
            }
            if result.index is None:
                entry.write({**values, "state": "flagged"})
                entry._report()
                continue
            error = entry._get_obstacle(result)
            entry.write(
                {**values, "state": "failed" if error else "done", "error": error}
            )
            if not error:
                rows.append(entry._prepare_row(result))
        if rows:
            self.task_id._lock_unread_meters(row["meter_id"] for row in rows)
            self.env["amr.reading"]._ingest(rows)
            self.task_id._tick_off(rows)

    def _take_unknown(self, results):
        """Keep what was read of meters that are not in this book.

        A meter of the book's community that the reader may see gets its reading; one
        that is nowhere is an exception, as at every door; of others only the line is
        kept.
        """
        rows, lines = [], []
        mine, others = self._get_strays(results)
        known = {
            (one.address, one.read_at) for one in self.entry_ids if not one.meter_id
        }
        for result in results:
            if (result.address, result.read_at) in known:
                continue  # the same file again
            meter = mine.get(result.address, self.env["amr.meter"])
            error = self._get_stray_error(result, meter, result.address in others)
            lines.append(
                {
                    "book_id": self.id,
                    "sequence": 100000,
                    "address": result.address,
                    "index": result.index or 0,
                    "read_at": result.read_at,
                    "flag": result.flag or False,
                    "note": result.note,
                    "state": "failed",
                    "error": error or self.env._("This meter is not in the book."),
                }
            )
            if result.index is not None and result.address and not error:
                rows.append(
                    {
                        "meter_id": meter.id or None,
                        "address": result.address,
                        "read_at": result.read_at,
                        "kind": "spot",
                        "source": "handheld",
                        "index": result.index,
                    }
                )
        self.env["amr.route.book.line"].create(lines)
        if rows:
            self.with_company(self.company_id).env["amr.reading"]._ingest(rows)

    def _get_strays(self, results):
        """Look up the meters of results that are not of this book.

        :return: ``{address: meter}`` of those the reader may bring readings of, and
            the set of addresses of other meters
        """
        domain = [("address", "in", [one.address for one in results if one.address])]
        companies = self.with_company(self.company_id).env.companies
        Meter = self.env["amr.meter"].sudo(False)
        found = Meter.search([*domain, ("community_id", "=", self.community_id.id)])
        known = Meter.sudo().search([*domain, ("company_id", "in", companies.ids)])
        mine = {meter.address: meter.sudo() for meter in found}
        return mine, set(known.mapped("address")) - mine.keys()

    def _get_stray_error(self, result, meter, foreign):
        """Return why a result of a meter that is not of this book is not taken."""
        if foreign:
            return self.env._(
                "This meter is not in the book, and not in its community or your "
                "scope: its reading was not taken."
            )
        return result.index is not None and self._get_obstacle(result, meter)

    def _get_obstacle(self, result, meter):
        """Return why a result cannot be a reading, or False.

        :param meter: whose register it is; empty: unknown
        """
        digits = meter.model_id.digits
        if meter and result.index >= Decimal(10) ** digits:
            return self.env._("The register has %s figures before the point.", digits)
        if result.read_at < self.create_date - CLOCK:
            return self.env._(
                "The clock of the handheld was wrong: %s is before the book was made.",
                fields.Datetime.to_string(result.read_at),
            )
        if result.read_at > fields.Datetime.now() + CLOCK:
            return self.env._(
                "The clock of the handheld was wrong: %s lies in the future.",
                fields.Datetime.to_string(result.read_at),
            )
        return False

    def _finish(self, faults):
        self.invalidate_recordset()
        waiting = len(self.entry_ids.filtered(lambda entry: entry.state == "waiting"))
        self.write(
            {
                "command": "collect",
                "state": "failed" if faults or self.failed_count else "done",
                "collected_at": fields.Datetime.now(),
                "progress": self.env._(
                    "%(read)s of %(total)s read, %(failed)s refused, %(waiting)s left",
                    read=self.read_count,
                    total=self.total_count,
                    failed=self.failed_count + len(faults),
                    waiting=waiting,
                ),
                "report": "\n".join(
                    self.env._(
                        "Record %(line)s: %(why)s: %(text)s",
                        line=line,
                        why=why,
                        text=text[:80],
                    )
                    for line, text, why in faults
                ),
            }
        )
