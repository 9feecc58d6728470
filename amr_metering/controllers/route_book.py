from werkzeug.exceptions import NotFound

from odoo import http
from odoo.http import content_disposition, request


class AmrRouteBookController(http.Controller):
    @http.route("/amr_metering/route_book/<int:book_id>", auth="user")
    def route_book(self, book_id):
        """Return a book as the handheld takes it; access rules apply, it is logged."""
        books = request.env["amr.route.book"].with_context(active_test=False)
        book = books.search([("id", "=", book_id)])
        if not book:
            raise NotFound()
        request.env["auditlog.rule"]._note_export(book, book.file_name)
        return request.make_response(
            book._get_file(),
            headers=[
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Disposition", content_disposition(book.file_name)),
            ],
        )
