from odoo import api, fields, models
from odoo.exceptions import UserError

from ..estate_book import write_book, write_template
from ..importers.export import ArchiveRows

ARCHIVE = ("districts", "communities", "buildings", "rooms", "accounts", "meters")


class AmrExcelExport(models.TransientModel):
    """The archive of some communities as the workbook that can be imported again."""

    _name = "amr.excel.export"
    _inherit = "amr.evidence.mixin"
    _description = "Export to Excel"

    community_ids = fields.Many2many(
        "amr.community",
        string="Communities",
        help="Empty: every community you may see.",
    )

    def action_export(self):
        self.ensure_one()
        communities = self.community_ids or self.env["amr.community"].search(
            [("company_id", "=", self.env.company.id)]
        )
        if not communities:
            raise UserError(self.env._("There is no community in your scope."))
        communities.check_access("read")
        rows = ArchiveRows(communities).sheets()
        name = self.env._("Archive %s", fields.Date.context_today(self).isoformat())
        return self.env["amr.excel.file"]._download(
            name, write_book(rows, self._get_lists()), communities
        )

    @api.model
    def _get_lists(self):
        """Return the names there are to choose from, by column."""
        company = [("company_id", "=", self.env.company.id)]
        return {
            "model": self.env["amr.meter.model"]
            .search([("active", "=", True)])
            .mapped("name"),
            "tariff": self.env["amr.tariff"].search(company).mapped("name"),
        }

    @api.model
    def _download_template(self):
        sheets = (*ARCHIVE, "readings")
        return self.env["amr.excel.file"]._download(
            self.env._("Archive template"), write_template(sheets, self._get_lists())
        )

    @api.model
    def _download_seed_template(self):
        """Give the older system's sheet (KTAMR manual 3.6): columns in fixed order."""
        return self.env["amr.excel.file"]._download(
            self.env._("Customers and meters template"),
            write_template(("seed",), self._get_lists()),
        )
