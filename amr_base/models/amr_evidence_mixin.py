from odoo import api, models
from odoo.exceptions import AccessError

DEFAULT = "default_"


class AmrEvidenceMixin(models.AbstractModel):
    """What the system found out is not for people to write, not even over RPC.

    ``readonly=True`` only greys a field out. Models, and addons that extend them, name
    in ``_evidence`` the fields that follow from facts; only the system (``sudo``)
    writes those.
    """

    _name = "amr.evidence.mixin"
    _description = "Record with facts that people do not write"

    _evidence = frozenset()

    @api.model
    def _get_evidence(self):
        """Return the facts that this model and its extensions in all addons name."""
        return frozenset().union(
            *(vars(cls).get("_evidence", ()) for cls in type(self).__mro__)
        )

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            evidence = self._get_evidence()
            for vals in vals_list:
                self._refuse_evidence({name for name in evidence if vals.get(name)})
            defaults = {DEFAULT + name for name in evidence} & self.env.context.keys()
            if defaults:
                kept = {k: v for k, v in self.env.context.items() if k not in defaults}
                # a default is taken back by leaving it out
                self = self.with_context(kept)  # pylint: disable=context-overridden
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            self._refuse_evidence(self._get_evidence() & vals.keys())
        return super().write(vals)

    def _refuse_evidence(self, touched):
        """Refuse facts that somebody typed in.

        :raises AccessError: there are some
        """
        if touched:
            raise AccessError(
                self.env._(
                    "%(fields)s of %(record)s: facts like these cannot be typed in.",
                    fields=", ".join(
                        self._fields[name]._description_string(self.env)
                        for name in sorted(touched)
                    ),
                    record=self[:1].display_name or self._description,
                )
            )
