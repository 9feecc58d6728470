from odoo import api, models
from odoo.exceptions import AccessError

DEFAULT = "default_"


class AmrEvidenceMixin(models.AbstractModel):
    """What the system found out is not for people to write, not even over RPC.

    ``readonly=True`` only greys a field out. Models, and addons that extend them, name
    in ``_evidence`` the fields that follow from facts; only the system (``sudo``)
    writes those. Nor may people point to what is out of their scope: a record rule
    hides a record of another community, but does not keep its id from being written.
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
        records = super().create(vals_list)
        defaults = {
            name.removeprefix(DEFAULT)
            for name in self.env.context
            if name.startswith(DEFAULT)
        }
        records._check_links(defaults.union(*vals_list))
        return records

    def write(self, vals):
        if not self.env.su:
            self._refuse_evidence(self._get_evidence() & vals.keys())
        result = super().write(vals)
        self._check_links(vals)
        return result

    def _check_links(self, names):
        """Check that whoever wrote these fields may see what they point to.

        :raises AccessError: when he may not
        """
        if self.env.su:
            return
        for name in names:
            field = self._fields.get(name)
            if (
                field
                and field.type in ("many2one", "many2many")
                and field.comodel_name.startswith("amr.")
            ):
                self.sudo()[name].sudo(False).check_access("read")

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
