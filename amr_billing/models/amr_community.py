from odoo import models
from odoo.exceptions import UserError


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

    def action_bill_all(self):
        """Prepare a run of last month for each of these communities with something due.

        Nothing is billed yet: the list of runs that opens is looked over, then begun.
        """
        runs = self.env["amr.billing.run"]
        runs.check_access("create")
        for community in self:
            run = runs.new({"community_id": community.id})
            if run._get_agreements():
                runs |= run._get_draft() or runs.create({"community_id": community.id})
        if not runs:
            raise UserError(
                self.env._("Nothing is left to bill up to the end of last month.")
            )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_billing.amr_billing_run_action"
        )
        return {
            **action,
            "domain": [("id", "in", runs.ids)],
            "context": {},
            "views": [(False, "list"), (False, "form")],
        }

    def action_bill(self):
        """Prepare a billing run of this community."""
        self.ensure_one()
        return self.env["amr.billing.run"]._get_new_action(self)
