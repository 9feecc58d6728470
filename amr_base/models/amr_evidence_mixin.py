from odoo import models
from odoo.exceptions import AccessError


class AmrEvidenceMixin(models.AbstractModel):
    """What the system found out is not for people to write, not even over RPC.

    ``readonly=True`` only greys a field out. Models name in ``_evidence`` the fields
    that follow from facts; only the system (``sudo``) writes those.
    """

    _name = "amr.evidence.mixin"
    _description = "Record with facts that people do not write"

    _evidence = frozenset()

    def write(self, vals):
        touched = self._evidence & vals.keys()
        if touched and not self.env.su:
            raise AccessError(
                self.env._(
                    "%(fields)s of %(record)s: facts like these cannot be typed in.",
                    fields=", ".join(
                        self._fields[name]._description_string(self.env)
                        for name in sorted(touched)
                    ),
                    record=self[:1].display_name,
                )
            )
        return super().write(vals)
