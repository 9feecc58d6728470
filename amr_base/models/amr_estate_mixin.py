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
        for record in self:
            for label, children in record._get_blocking_children():
                if children:
                    raise UserError(
                        self.env._(
                            "%(name)s cannot be deleted: it still has %(count)s "
                            "%(label)s (%(first)s …). Delete or move them first.",
                            name=record.display_name,
                            count=len(children),
                            label=label,
                            first=children[:1].display_name,
                        )
                    )
