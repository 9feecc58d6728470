from odoo import api, models
from odoo.exceptions import UserError


class AmrEstateMixin(models.AbstractModel):
    _name = "amr.estate.mixin"
    _description = "Estate level with children that guard it from deletion"

    def _get_blocking_children(self):
        """Return the records that forbid deleting these ones.

        :return: list of (label, recordset), hook for addons that hang more below
        """
        return []

    @api.ondelete(at_uninstall=False)
    def _unlink_except_with_children(self):
        for record in self.with_context(active_test=False):
            for label, children in record._get_blocking_children():
                if children:
                    raise UserError(record._tell_blocking(label, children))

    def _tell_blocking(self, label, children):
        """Return the sentence that refuses to delete this one because of children."""
        values = {
            "name": self.display_name,
            "count": len(children),
            "label": label,
            "first": children[:1].display_name,
        }
        if "active" in children._fields and not any(children.mapped("active")):
            return self.env._(
                "%(name)s cannot be deleted: it still has %(count)s archived %(label)s "
                "(%(first)s …). Find them by the filter “Archived”; delete or move "
                "them first.",
                **values,
            )
        return self.env._(
            "%(name)s cannot be deleted: it still has %(count)s %(label)s "
            "(%(first)s …). Delete or move them first.",
            **values,
        )
