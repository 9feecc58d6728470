import base64
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged

from odoo.addons.amr_metering.handheld.book import Result, dump, parse

from .common import MeteringCommon


class BookCase(MeteringCommon):
    """Three meters of a building, two of them on line 01; a reader of the community."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls.env["amr.line"].create(
            {"name": "Line 1", "code": "01", "building_id": cls.building.id}
        )
        cls._point2, cls.meter2 = cls._install("990000000002", cls._room("0102"))
        cls._point3, cls.meter3 = cls._install("990000000003", cls._room("0103"))
        (cls.meter | cls.meter2).line_id = cls.line
        cls._ingest(cls._row(44, "2026-01-02 00:00:00"))
        cls.reader = cls._operator("amr_reader", "amr_base.group_reader")
        cls.now = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)

    def _make(self):
        action = self.community.with_user(self.reader).action_make_books()
        books = self.env["amr.route.book"].search(action["domain"])
        return books.sorted("line_code").with_user(self.reader)

    def _download(self, book):
        """Return the book as the file that was downloaded says."""
        book.action_download()
        return parse(book._get_file()).book

    def _walk(self, content, indexes, **vals):
        """Return the file after the reader has walked: an index or a flag per meter."""
        results = []
        for meter in content.meters:
            found = indexes.get(meter.number)
            if found is not None:
                flag = found if isinstance(found, str) else ""
                index = None if flag else Decimal(str(found))
                moment = vals.get("read_at", self.now)
                results.append(Result(meter.key, meter.address, index, moment, flag))
        return dump(content.with_results([*results, *vals.get("more", ())]))

    def _upload(self, data, user=None):
        wizard = (
            self.env["amr.route.book.upload"]
            .with_user(user or self.reader)
            .create({"file": base64.b64encode(data), "file_name": "book.txt"})
        )
        return self.env["amr.route.book"].browse(wizard.action_collect()["res_id"])


@tagged("post_install", "-at_install")
class TestRouteBook(BookCase):
    def test_one_book_for_each_line_number(self):
        """KTAMR manual 4.2.5: keys are district, community and line."""
        books = self._make()
        self.assertEqual(books.mapped("line_code"), ["9037100100", "9037100101"])
        self.assertEqual(books.mapped("total_count"), [1, 2])
        self.assertEqual(set(books.mapped("state")), {"pending"})
        with self.assertRaisesRegex(UserError, "still out: RB"):
            self._make()
        content = self._download(books[1])
        self.assertEqual(
            (content.header.district, content.header.community, content.header.line),
            ("9", "0371", "9037100101"),
        )
        first = content.meters[0]
        self.assertEqual(first.previous, Decimal("44"))
        self.assertEqual(first.place, "Golden Delta Building 1 0101")
        self.assertEqual(first.customer, "Zhang San")
        self.assertEqual((books[1].state, books[1].command), ("done", "load"))
        books.action_cancel()
        self.assertEqual(self._make().mapped("total_count"), [1, 2])

    def test_what_was_read_is_in_the_database(self):
        """GV8: 44 and 115 are 71."""
        book = self._make()[1]
        content = self._download(book)
        data = self._walk(content, {"990000000001": 115, "990000000002": "no_access"})
        self.assertEqual(self._upload(data), book)
        self.assertEqual((book.state, book.command), ("done", "collect"))
        self.assertIn("1 of 2 read", book.progress)
        self.assertEqual(self.meter.latest_index, 115)
        line = book.task_id.sudo().line_ids.filtered("reading_id")
        self.assertEqual((line.meter_id, line.usage), (self.meter, 71))
        self.assertEqual(line.reading_id.source, "handheld")
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter2.id), ("kind", "=", "missing")]
        )
        self.assertIn("No access", exception.reason)

    def test_the_same_file_twice_is_read_once(self):
        book = self._make()[1]
        stray = Result("", "999999999999", Decimal(5), self.now)
        data = self._walk(self._download(book), {"990000000001": 115}, more=[stray])
        self._upload(data)
        readings = self.meter.reading_count
        self.env.invalidate_all()
        self._upload(data)
        self.assertEqual(self.meter.reading_count, readings)
        self.assertEqual(len(book.entry_ids), 3)
        files = self.env["ir.attachment"].search(
            [("res_model", "=", "amr.route.book"), ("res_id", "=", book.id)]
        )
        self.assertEqual(len(files), 1)
        # the reader goes on; a later file brings the rest
        more = self._walk(
            parse(data).book.with_results(()), {"990000000002": 0, "990000000001": 115}
        )
        self._upload(more)
        self.assertEqual(book.read_count, 2)
        self.assertEqual(self.meter2.state, "normal")  # zero is an index

    def test_unknown_meters_are_kept_and_reported(self):
        """Row 71: one of no archive is an exception; one of another line is read."""
        book = self._make()[1]
        more = [
            Result("", "999999999999", Decimal(5), self.now),
            Result("", self.meter3.address, Decimal(8), self.now),
        ]
        self._upload(self._walk(self._download(book), {}, more=more))
        self.assertEqual(book.state, "failed")
        self.assertEqual(book.failed_count, 2)
        self.assertEqual(self.meter3.latest_index, 8)
        unknown = self.env["amr.exception"].search([("kind", "=", "unknown")], limit=1)
        self.assertIn("999999999999", unknown.reason)

    def test_meters_of_other_communities_are_not_read(self):
        """One's own book is no way to the meters of somebody else."""
        room = self._room("0101", self.other_building)
        __, foreign = self._install("990000000009", room)
        book = self._make()[1]
        old = self.now - timedelta(days=240)
        more = [
            Result("", foreign.address, Decimal(777), self.now),
            Result("", self.meter3.address, Decimal(777), old),
            Result("", self.meter3.address, Decimal(10**6), self.now),
        ]
        self._upload(self._walk(self._download(book), {}, more=more))
        self.assertFalse((foreign | self.meter3).sudo().mapped("reading_count")[0])
        self.assertFalse(self.meter3.latest_at)
        errors = " ".join(book.entry_ids.filtered("error").mapped("error"))
        for why in ("not in its community", "before the book", "6 figures"):
            self.assertIn(why, errors)

    def test_lines_that_cannot_be_taken_say_why(self):
        book = self._make()[1]
        content = self._download(book)
        data = self._walk(content, {"990000000001": 10**6, "990000000002": 7})
        self._upload(data)
        self.assertEqual((book.state, book.failed_count), ("failed", 1))
        failed = book.entry_ids.filtered(lambda one: one.state == "failed")
        self.assertIn("6 figures", failed.error)
        self.assertEqual(self.meter2.latest_index, 7)
        past = self.now - timedelta(days=3000)
        self._upload(self._walk(content, {"990000000001": 115}, read_at=past))
        self.assertIn("clock of the handheld", failed.error)
        self.assertEqual(self.meter.latest_index, 44)

    def test_a_meter_that_was_read_meanwhile_keeps_both_readings(self):
        book = self._make()[1]
        content = self._download(book)
        line = book.task_id.sudo().line_ids.filtered(
            lambda one: one.meter_id == self.meter
        )
        line.with_user(self.reader).enter("100")
        moment = self.now + timedelta(seconds=30)
        self._upload(self._walk(content, {"990000000001": 101}, read_at=moment))
        self.assertEqual(line.index, 100)
        self.assertEqual(self.meter.latest_index, 101)

    def test_a_file_that_is_no_book_is_refused_with_a_sentence(self):
        book = self._make()[1]
        data = self._walk(self._download(book), {"990000000001": 115})
        for spoilt, why in (
            (b"PK\x03\x04 not a book", "cut short"),
            (data[:-40], "cut short|altered"),
            (data.replace(b"115", b"116"), "altered"),
            (data[:-3] + b"\xff\xff\n", "damaged"),
        ):
            with self.assertRaisesRegex(UserError, why):
                self._upload(spoilt)
        self.assertEqual(self.meter.latest_index, 44)

    def test_only_in_scope(self):
        book = self._make()[1]
        data = self._walk(self._download(book), {"990000000001": 115})
        stranger = self._operator(
            "amr_stranger", "amr_base.group_reader", self.other_community
        )
        with self.assertRaisesRegex(UserError, "in your scope"):
            self._upload(data, stranger)
        with self.assertRaises(AccessError):
            book.with_user(stranger).action_download()
        self.assertFalse(book.entry_ids.with_user(stranger)._filtered_access("read"))
        for vals in ({"state": "done"}, {"line_code": "1"}):
            with self.assertRaises(AccessError):
                book.write(vals)
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        self.assertFalse(book.with_user(clerk).has_access("read"))

    def test_books_of_what_a_task_has_left(self):
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.community.id}
        )
        task.action_start()
        first = task.line_ids[0]
        first.enter("60")
        books = self.env["amr.route.book"].search(task.action_make_books()["domain"])
        self.assertEqual(sum(books.mapped("total_count")), 2)
        self.assertNotIn(first, books.entry_ids.task_line_id)
        for line in task.line_ids - first:
            line.enter("5")
        books.action_cancel()
        with self.assertRaisesRegex(UserError, "read already"):
            task.action_make_books()


@tagged("post_install", "-at_install")
class TestDownloads(BookCase, HttpCase):
    """What a browser downloads, and whose."""

    def _log_in(self, user):
        user.password = f"{user.login}_1"
        self.authenticate(user.login, f"{user.login}_1")

    def test_the_file_is_downloaded_with_the_browser(self):
        book = self._make()[1]
        url = book.action_download()["url"]
        self._log_in(self.reader)
        response = self.url_open(url)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(len(parse(response.content).book.meters), 2)
        log = self.env["auditlog.log"].search([("method", "=", "export_data")], limit=1)
        self.assertEqual((log.user_id, log.name), (self.reader, book.file_name))
        stranger = self._operator(
            "amr_stranger", "amr_base.group_reader", self.other_community
        )
        self._log_in(stranger)
        self.assertNotEqual(self.url_open(url).status_code, 200)
