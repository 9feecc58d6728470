from datetime import timedelta

from odoo import fields, models
from odoo.fields import Domain

from .amr_command_concentrator import LISTS

#: How soon a list is compared again by itself: after it worked out, after it did not.
COMPARED_EVERY = timedelta(days=1)
TRIED_EVERY = timedelta(hours=1)


class AmrConcentratorReport(models.Model):
    """A concentrator that tells values before anybody has compared its list."""

    _inherit = "amr.concentrator"  # pylint: disable=consider-merging-classes-inherited

    awaiting_ids = fields.One2many("amr.headend.event", "awaited_id")

    def _tells_its_list(self):
        return self.is_framed and self.protocol == "gdw376"

    def _compare_unasked(self):
        """Compare lists without a person who says so, each now and then only."""
        now = fields.Datetime.now()
        recent = (
            Domain("state", "in", ("queued", "sent"))
            | Domain("create_date", ">", now - TRIED_EVERY)
            | (
                Domain("state", "=", "done")
                & Domain("done_at", ">", now - COMPARED_EVERY)
            )
        )
        known = self.env["amr.command"].search(
            Domain("concentrator_id", "in", self.ids)
            & Domain("kind", "in", LISTS)
            & recent
        )
        due = self.filtered(lambda one: one._tells_its_list() and one.link_id)
        (due - known.concentrator_id)._command("archive_compare")

    def _take_reports_later(self):
        """Enqueue a job that takes in what waited for the list of each."""
        for one in self:
            one.sudo().with_delay(
                identity_key=f"amr.concentrator:{one.id}:reports",
                description=self.env._("Reports of %s", one.display_name),
            )._take_reports()

    def _take_reports(self):
        """Take in what this concentrator told before its list was compared (job)."""
        self.ensure_one()
        if self.env["amr.headend.event"].sudo()._take_after_compare(self):
            self._take_reports_later()

    def _report_uncompared(self, reason):
        """Tell people that what it told stays out, unless there is nothing of it.

        :param str reason: why its list could not be compared
        """
        for one in self.sudo().filtered("awaiting_ids"):
            self.env["amr.headend.event"].sudo()._raise_once(
                f"list {one.terminal}",
                self.env._(
                    "%(concentrator)s tells values, but its list could not be compared "
                    "(%(reason)s): nothing was taken for meters that it was not seen "
                    "to have. Compare its list, and read them.",
                    concentrator=one.display_name,
                    reason=reason or "?",
                ),
                one.community_id,
            )
