from odoo import fields, models

#: Reports that one job takes in again; each tells of up to a hundred meters.
REPORTS = 50


class AmrHeadendEventList(models.Model):
    """What a concentrator told before its list was seen: kept until it is compared."""

    _inherit = "amr.headend.event"  # pylint: disable=consider-merging-classes-inherited

    awaited_id = fields.Many2one(
        "amr.concentrator",
        "Waits for the list of",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The concentrator's list is compared by itself; then it is taken in "
        "again, once.",
    )

    def _keep_for_list(self, concentrator, meters):
        """Keep a report with the reason why some of it is not used.

        Its list is compared as soon as it can be; what was compared in vain is for
        people.

        :param meters: of which it is not known whether the values are theirs
        """
        self._reject(
            self.env._(
                "Not taken for meters %s: the concentrator's list was not seen to have "
                "them at that time. Compare its list of meters and read them.",
                ", ".join(meters.mapped("number")),
            )
        )
        if not concentrator._tells_its_list():
            return
        if not self.env.context.get("amr_list_compared"):
            self.awaited_id = concentrator
            concentrator._compare_unasked()
            return
        strange = meters.filtered(lambda meter: not meter.is_listed)
        if strange:
            self._raise_once(
                f"list {concentrator.terminal}",
                self.env._(
                    "%(concentrator)s tells values, but its list does not have these "
                    "meters at their measuring points: %(meters)s. Nothing was taken "
                    "for them. Look at the differences, send our list, and read them.",
                    concentrator=concentrator.display_name,
                    meters=", ".join(strange.mapped("number")),
                ),
                concentrator.community_id,
            )

    def _take_after_compare(self, concentrator):
        """Take in what waited for the list of a concentrator.

        :return: whether there may be more
        """
        waiting = self.search(
            [("awaited_id", "=", concentrator.id)], order="id", limit=REPORTS
        )
        waiting.awaited_id = False
        for event in waiting.with_context(amr_list_compared=True):
            event._retry()
        return len(waiting) == REPORTS
