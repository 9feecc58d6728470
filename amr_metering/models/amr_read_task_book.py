from odoo import fields, models


class AmrReadTask(models.Model):
    _inherit = "amr.read.task"

    book_ids = fields.One2many("amr.route.book", "task_id", "Route books")
    book_count = fields.Integer(compute="_compute_book_count")

    def _compute_book_count(self):
        counts = dict(
            self.env["amr.route.book"]._read_group(
                [("task_id", "in", self.ids)], ["task_id"], ["__count"]
            )
        )
        for task in self:
            task.book_count = counts.get(task, 0)

    def action_make_books(self):
        """Make route books of what is left to people, one for each line number.

        A task that was not begun is read by handheld alone: no device is asked.
        """
        self.ensure_one()
        self.check_access("write")
        if self._begin():
            self.line_ids._leave_to_people()
            self._close_if_finished()
        books = self.env["amr.route.book"]._make(self.line_ids)
        return books._get_action()

    def action_open_books(self):
        self.ensure_one()
        return self.book_ids._get_action()
