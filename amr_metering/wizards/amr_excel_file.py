import base64

from odoo import api, fields, models


class AmrExcelFile(models.TransientModel):
    """A workbook made for one person to download."""

    _name = "amr.excel.file"
    _description = "Excel file to download"

    name = fields.Char(required=True)
    data = fields.Binary(required=True, attachment=False)

    @api.model
    def _download(self, name, data, records=None):
        """Return the action that downloads a workbook.

        :param str name: of the file, with or without its ending
        :param bytes data: the workbook
        :param records: what is taken along, for the operation log
        """
        name = name if name.endswith(".xlsx") else f"{name}.xlsx"
        if records is not None:
            self.env["auditlog.rule"]._note_export(records, name)
        file = self.create({"name": name, "data": base64.b64encode(data)})
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{file.id}/data?download=true"
            f"&filename_field=name",
            "target": "download",
        }
