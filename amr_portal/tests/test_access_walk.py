from odoo.tests import tagged

from odoo.addons.amr_base.tests.common import AccessWalk, AmrCommon


@tagged("post_install", "-at_install")
class TestAccessWalk(AccessWalk, AmrCommon):
    addon = "amr_portal"
    expected = {"amr.portal.login": "- rwcd rwcd rwcd"}

    def _get_foreign_records(self):
        return []
