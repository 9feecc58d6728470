from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.amr_base.tools import dec


class AmrUsageQuery(models.TransientModel):
    """Usage query and monthly report (用量查询, 月报查询; KTAMR manual 4.4, 4.5)."""

    _name = "amr.usage.query"
    _inherit = "amr.evidence.mixin"
    _description = "Consumption query"

    date_from = fields.Date(
        "First day", required=True, default=lambda self: self._default_date_from()
    )
    date_to = fields.Date(
        "Last day", required=True, default=lambda self: self._default_date_to()
    )
    utility_ids = fields.Many2many("amr.utility", help="Empty: all of them.")
    community_ids = fields.Many2many(
        "amr.community", string="Communities", help="Empty: all of your scope."
    )
    building_ids = fields.Many2many(
        "amr.building",
        string="Only these buildings",
        domain="[('community_id', 'in', community_ids)]",
        help="Empty: all of the communities.",
    )
    meter_ids = fields.Many2many(
        "amr.meter",
        string="Only these meters",
        context={"active_test": False},
        help="One or several; empty: all of the buildings.",
    )
    with_masters = fields.Boolean(
        "Master meters too",
        help="What a master meter measures is measured again behind it: with masters, "
        "sub-totals count it twice.",
    )

    @api.model
    def _default_date_from(self):
        return self._default_date_to().replace(day=1)

    @api.model
    def _default_date_to(self):
        """The last day of last month: the latest month that is complete."""
        return fields.Date.context_today(self).replace(day=1) - timedelta(days=1)

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for query in self:
            if query.date_to < query.date_from:
                raise ValidationError(
                    self.env._("The last day must not be before the first day.")
                )

    def _get_domain(self):
        domain = fields.Domain.TRUE
        if not self.with_masters and not self.meter_ids:
            domain &= fields.Domain("point_kind", "!=", "master")
        for name, chosen in (
            ("utility_id", self.utility_ids),
            ("community_id", self.community_ids),
            ("building_id", self.building_ids),
            ("meter_id", self.meter_ids),
        ):
            if chosen:
                domain &= fields.Domain(name, "in", chosen.ids)
        return list(domain)

    def _get_report(self):
        return self.env["amr.usage.range"].with_context(
            date_from=fields.Date.to_string(self.date_from),
            date_to=fields.Date.to_string(self.date_to),
        )

    def action_show(self):
        self.ensure_one()
        report = self._get_report()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_metering.amr_usage_range_action"
        )
        return {
            **action,
            "name": report._get_report_title(),
            "domain": self._get_domain(),
            "context": {
                "date_from": report.env.context["date_from"],
                "date_to": report.env.context["date_to"],
            },
        }

    def action_excel(self):
        self.ensure_one()
        report = self._get_report().with_context(active_domain=self._get_domain())
        return report.action_export_xlsx()

    def action_print(self):
        self.ensure_one()
        if not self._get_report().search_count(self._get_domain(), limit=1):
            raise UserError(
                self.env._(
                    "No meter was installed there between %(first)s and %(last)s. "
                    "Choose other days or places.",
                    first=self.date_from,
                    last=self.date_to,
                )
            )
        report = self.env.ref("amr_metering.amr_usage_report")
        return report.report_action(self, config=False)

    def _get_printed_rows(self):
        """Return the printed lines: cells by column name, and whether bold."""
        report = self._get_report()
        records = report._get_report_records(self._get_domain())
        return [
            (dict(zip(report._report_columns, cells, strict=True)), bold)
            for cells, bold in report._get_report_rows(records)
        ]

    @api.model
    def _format(self, number):
        if number is None or number is False:
            return ""
        return f"{dec(number):,.3f}"
