from odoo import models

# Besides this suite's own models: who is a customer, and the log itself.
EXPORTS_NOTED = frozenset({"auditlog.log", "res.partner"})


class Base(models.AbstractModel):
    _inherit = "base"

    def export_data(self, fields_to_export):
        """Log who took data of this suite along, whichever list it was.

        Models with a rule of their own are logged by OCA's module already.
        """
        result = super().export_data(fields_to_export)
        ruled = getattr(self.pool, "_auditlog_model_cache", ())
        ours = self._name.startswith("amr.") or self._name in EXPORTS_NOTED
        if ours and self._name not in ruled:
            title = self.env["ir.model"]._get(self._name).name
            self.env["auditlog.rule"]._note_export(self, title)
        return result
