import json

from werkzeug.exceptions import BadRequest, NotFound

from odoo import http
from odoo.http import content_disposition, request

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class AmrReportController(http.Controller):
    @http.route("/amr_metering/report/<string:model>", auth="user")
    def report(self, model, domain="[]", context="{}"):
        """Return a report's rows as an Excel workbook; access rules apply."""
        report = request.env.get(model)
        if report is None or "amr.report.mixin" not in _parents(report):
            raise NotFound()
        try:
            domain, context = json.loads(domain), json.loads(context)
            context = {key: context.get(key) for key in report._report_context}
        except (ValueError, AttributeError) as error:
            raise BadRequest("domain and context must be JSON") from error
        report = report.with_context(**context)
        return request.make_response(
            report._make_report_xlsx(domain),
            headers=[
                ("Content-Type", XLSX),
                (
                    "Content-Disposition",
                    content_disposition(f"{report._get_report_title()}.xlsx"),
                ),
            ],
        )


def _parents(model):
    return {getattr(cls, "_name", None) for cls in type(model).__mro__}
