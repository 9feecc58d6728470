from odoo.tests import tagged

from odoo.addons.amr_base.tests.common import AccessWalk

from .common import FEBRUARY, JANUARY, BillingCommon


@tagged("post_install", "-at_install")
class TestAccessWalk(AccessWalk, BillingCommon):
    addon = "amr_billing"
    expected = {
        "amr.billing.run": "- r rwcd rwcd",
        "amr.billing.run.line": "- r rwcd rwcd",
        "amr.charge": "- r r r",
    }

    def _get_foreign_records(self):
        tenant = self.account.copy(
            {"community_id": self.other_community.id, "room_ids": False}
        )
        point, meter = self._install(
            "990000000099", self._room("0101", self.other_building)
        )
        self._agree(point, account=tenant)
        self._freeze(JANUARY, 0, meter)
        self._freeze(FEBRUARY, 10, meter)
        run = self._bill(community_id=self.other_community.id)
        return [run, run.line_ids, run.charge_ids]
