from odoo import api, fields, models


class AuditlogLogLine(models.Model):
    _inherit = "auditlog.log.line"

    amr_label = fields.Char(
        "Field changed",
        compute="_compute_amr_label",
        compute_sudo=True,
        help="In the language of who reads it, whoever changed it.",
    )

    @api.depends("field_id.field_description", "field_description")
    @api.depends_context("lang")
    def _compute_amr_label(self):
        for line in self:
            known = line.field_id.field_description
            line.amr_label = known or line.field_description

    @api.model_create_multi
    def create(self, vals_list):
        """Keep the values as they are, and beside them what a person reads."""
        for vals in vals_list:
            field = self.env["ir.model.fields"].sudo().browse(vals.get("field_id"))
            for side in ("old_value_text", "new_value_text"):
                vals[side] = self._in_words(field, vals.get(side))
        return super().create(vals_list)

    @api.model
    def _in_words(self, field, value):
        """Return a value as a person reads it: names for ids, words for codes.

        :param field: the ``ir.model.fields`` it is of
        :param value: as ``read`` returns it, lists of relations as (id, name)
        :return: text, or False for nothing
        """
        if field.ttype == "boolean":
            return self.env._("yes") if value else self.env._("no")
        if value is None or value is False or value == []:
            return False
        if field.ttype == "many2one" and isinstance(value, tuple):
            return value[1]
        if "2many" in field.ttype and isinstance(value, list):
            pairs = (each if isinstance(each, tuple) else (0, each) for each in value)
            return ", ".join(str(name) for __, name in pairs)
        if field.ttype == "selection":
            known = self.env[field.model]._fields[field.name]
            return dict(known._description_selection(self.env)).get(value, value)
        if field.ttype == "datetime":
            at = fields.Datetime.to_datetime(value)
            local = fields.Datetime.context_timestamp(self, at)
            return local.strftime("%Y-%m-%d %H:%M:%S")
        return value

    def write(self, vals):
        self.env["auditlog.log"]._refuse_by_hand()
        return super().write(vals)

    def unlink(self):
        self.env["auditlog.log"]._refuse_by_hand()
        return super().unlink()
