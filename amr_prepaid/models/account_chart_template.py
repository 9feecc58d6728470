from odoo import models


class AccountChartTemplate(models.AbstractModel):
    _inherit = "account.chart.template"

    def _post_load_data(self, template_code, company, template_data):
        """A company that gets a Chinese chart also gets its prepaid account."""
        result = super()._post_load_data(template_code, company, template_data)
        if (template_code or "").startswith("cn"):
            (company or self.env.company)._setup_amr_prepaid()
        return result
