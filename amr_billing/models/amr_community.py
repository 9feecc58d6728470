from odoo import models


class AmrCommunity(models.Model):
    _inherit = "amr.community"

    def _get_first_close(self):
        """The first month is closed by the first billing run that was finished."""
        run = self.env["amr.billing.run"].search(
            [("community_id", "=", self.id), ("state", "=", "done")],
            order="done_at",
            limit=1,
        )
        return super()._get_first_close() or (
            run.done_at and self._local_date(run.done_at)
        )

    def action_open_bills(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_bill_action"
        )
        action["domain"] = [("amr_community_id", "=", self.id)]
        action["context"] = {"create": False}
        return action

    def action_bill(self):
        """Prepare a billing run of this community."""
        self.ensure_one()
        return self.env["amr.billing.run"]._get_new_action(self)
