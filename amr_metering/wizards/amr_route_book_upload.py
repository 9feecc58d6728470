import base64
import binascii

from odoo import fields, models
from odoo.exceptions import UserError


class AmrRouteBookUpload(models.TransientModel):
    """Read a handheld's file back; the book it belongs to is found by its number."""

    _name = "amr.route.book.upload"
    _description = "Read a handheld back"

    file = fields.Binary("File of the handheld", required=True, attachment=False)
    file_name = fields.Char()

    def action_collect(self):
        self.ensure_one()
        try:
            data = base64.b64decode(self.file)
        except (binascii.Error, ValueError) as error:
            raise UserError(self.env._("Choose the file of the handheld.")) from error
        book = self.env["amr.route.book"]._collect(data)
        return {
            "type": "ir.actions.act_window",
            "res_model": "amr.route.book",
            "res_id": book.id,
            "view_mode": "form",
        }
