from odoo.tests import tagged

from odoo.addons.amr_base.tests.common import ROLES, AccessWalk

from .common import PrepaidCommon


@tagged("post_install", "-at_install")
class TestAccessWalk(AccessWalk, PrepaidCommon):
    addon = "amr_prepaid"
    expected = {
        "amr.charge.resolve": "- - - rwcd",
        "amr.meter.opening": "- r r r",
        "amr.vend": "- r r r",
        "amr.vend.resolve": "- rwcd rwcd rwcd",
        "amr.vend.sell": "- rwcd rwcd rwcd",
        "amr.wallet": "- r r r",
        "amr.wallet.entry": "- r r r",
    }

    def _operators(self):
        # the money is here, so the operators are of the other community
        return {
            role: self._operator(
                f"walk_{role}", f"amr_base.group_{role}", self.other_community
            )
            for role in ROLES
        }

    def _make_wizard(self, name):
        if not self.env["amr.vend"].search_count([], limit=1):
            self._sell(100)
        if not self.env["payment.transaction"].search_count([], limit=1):
            self.env["payment.transaction"].create(
                {
                    "provider_id": self.env["payment.provider"].search([], limit=1).id,
                    "payment_method_id": self.env.ref("payment.payment_method_card").id,
                    "reference": "walk",
                    "amount": 1,
                    "currency_id": self.company.currency_id.id,
                    "partner_id": self.partner.id,
                }
            )
        return super()._make_wizard(name)

    def _get_foreign_records(self):
        vend = self._sell(100)
        opening = self.env["amr.meter.opening"].create(
            {**self.meter._prepare_opening(0, "walk"), "series": 2}
        )
        return [vend, vend.wallet_id, vend.wallet_id.entry_ids, opening]
