import base64

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import split_every

from ..estate_book import BY_KEY, BookError, write_marked
from ..importers import import_rows
from ..importers.reasons import sentence

MARKED_MOST = 20_000


class AmrExcelImport(models.Model):
    """One workbook that somebody brings in: checked first, then its good rows imported.

    Checking is importing and taking it all back, so it finds what importing would find.
    The record stays as the report of who imported which file when.
    """

    _name = "amr.excel.import"
    _inherit = "amr.evidence.mixin"
    _description = "Import from Excel"
    _order = "id desc"
    _rec_name = "filename"
    _evidence = frozenset(
        {"state", "user_id", "checked_at", "imported_at", "sheet_ids", "problem_ids"}
    )

    file = fields.Binary("Workbook", attachment=True)
    filename = fields.Char("File name", required=True, default="archive.xlsx")
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    user_id = fields.Many2one(
        "res.users",
        "Imported by",
        required=True,
        readonly=True,
        default=lambda self: self.env.user,
    )
    state = fields.Selection(
        [("draft", "New"), ("checked", "Checked"), ("done", "Imported")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
    )
    checked_at = fields.Datetime("Checked", readonly=True, copy=False)
    imported_at = fields.Datetime("Imported", readonly=True, copy=False)
    sheet_ids = fields.One2many("amr.excel.import.sheet", "import_id", readonly=True)
    problem_ids = fields.One2many(
        "amr.excel.import.problem", "import_id", readonly=True
    )
    bad_count = fields.Integer("Bad rows", compute="_compute_counts")
    good_count = fields.Integer("Rows to import", compute="_compute_counts")

    @api.depends("sheet_ids.bad", "sheet_ids.new", "sheet_ids.changed")
    def _compute_counts(self):
        for record in self:
            record.bad_count = sum(record.sheet_ids.mapped("bad"))
            record.good_count = sum(record.sheet_ids.mapped("new")) + sum(
                record.sheet_ids.mapped("changed")
            )

    def write(self, vals):
        if {"file", "filename"} & vals.keys():
            self._check_not_done()
            if "file" in vals:
                self.sudo()._forget_report()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_done(self):
        self._check_not_done()

    def _check_not_done(self):
        if any(record.state == "done" for record in self):
            raise UserError(
                self.env._(
                    "This file was imported: its report stays. Make a new import."
                )
            )

    def _forget_report(self):
        self.sheet_ids.unlink()
        self.problem_ids.unlink()
        self.write({"state": "draft", "checked_at": False})

    def action_check(self):
        """Import everything, tell what became of it, and take it all back."""
        for record in self:
            record._check_not_done()
            with record.env.cr.savepoint() as savepoint:
                report = record._import(dry_run=True)
                savepoint.rollback()
            record.env.invalidate_all(flush=False)
            # names that the rows taken back have given are still cached elsewhere
            record.env.registry.clear_cache()
            record._keep_report(report, "checked")

    def action_import(self):
        """Import the good rows; the bad ones stay in the report."""
        for record in self:
            record.lock_for_update()
            if record.state != "checked":
                raise UserError(
                    self.env._("Check the file first, then import its good rows.")
                )
            report = record._import()
            record._keep_report(report, "done")

    def _import(self, dry_run=False):
        """Import this file as the current user.

        :rtype: Report
        :raises UserError: the file cannot be read
        """
        self.ensure_one()
        env = self.with_context(
            allowed_company_ids=self.company_id.ids, active_test=True
        ).env
        try:
            return import_rows(env, self._get_data(), dry_run)
        except BookError as error:
            raise UserError(sentence(self.env, error.reason, error.values)) from error

    def _get_data(self):
        if not self.file:
            raise UserError(self.env._("Choose the workbook to import first."))
        return base64.b64decode(self.with_context(bin_size=False).file)

    def _keep_report(self, report, state):
        """Store what became of the rows.

        :param Report report: of a check or an import
        """
        record = self.sudo()
        record._forget_report()
        rows = record._count_rows(report)
        self.env["amr.excel.import.sheet"].sudo().create(rows)
        order = {sheet.title: place for place, sheet in enumerate(BY_KEY.values())}
        faults = sorted(  # what is bad first, as the person goes through his file
            report.faults,
            key=lambda one: (one.notice, order.get(one.sheet, len(order)), one.row),
        )
        problems = [
            {**fault._asdict(), "import_id": record.id, "sequence": number}
            for number, fault in enumerate(faults)
        ]
        for chunk in split_every(1000, problems, list):
            self.env["amr.excel.import.problem"].sudo().create(chunk)
        now = fields.Datetime.now()
        at = "checked_at" if state == "checked" else "imported_at"
        record.write({"state": state, at: now, "user_id": self.env.uid})

    def _count_rows(self, report):
        bad = {}
        for fault in report.faults:
            if not fault.notice and fault.row > 1:
                bad.setdefault(fault.sheet, set()).add(fault.row)
        titles = {BY_KEY[key].title: key for key in report.counts}
        order = [sheet.title for sheet in BY_KEY.values()]
        found = sorted(titles.keys() | bad.keys(), key=order.index)
        return [
            {
                "import_id": self.id,
                "sheet": title,
                "bad": len(bad.get(title, ())),
                **report.counts.get(titles.get(title), {}),
            }
            for title in found
        ]

    def action_download_bad_rows(self):
        """Give the bad rows back as a workbook with the reason behind each."""
        self.ensure_one()
        if not self.problem_ids:
            raise UserError(self.env._("There are no bad rows."))
        reasons = {}
        for problem in self.problem_ids[:MARKED_MOST]:
            text = problem.reason
            if problem.column:
                text = f"{problem.column}：{text}"
            key = problem.sheet, problem.row
            reasons[key] = f"{reasons[key]} {text}" if key in reasons else text
        name = self.env._("Bad rows of %s", self.filename)
        return self.env["amr.excel.file"]._download(
            name, write_marked(self._get_data(), reasons)
        )

    def action_download_template(self):
        """Give the empty workbook, with lists of the models and tariffs there are."""
        return self.env["amr.excel.export"]._download_template()

    def action_download_seed_template(self):
        return self.env["amr.excel.export"]._download_seed_template()
