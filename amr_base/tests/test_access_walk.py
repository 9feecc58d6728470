from odoo.tests import tagged

from .common import AccessWalk, AmrCommon


@tagged("post_install", "-at_install")
class TestAccessWalk(AccessWalk, AmrCommon):
    addon = "amr_base"
    expected = {
        "amr.account": "r rwc rwcd rwcd",
        "amr.box": "r r rwcd rwcd",
        "amr.building": "r r rwcd rwcd",
        "amr.community": "r r rw rwcd",
        "amr.district": "r r r rwcd",
        "amr.line": "r r rwcd rwcd",
        "amr.log.purge": "- - - rwcd",
        "amr.operator": "- - - rwcd",
        "amr.room": "r r rwcd rwcd",
        "amr.room.batch": "- - rwcd rwcd",
        "amr.tariff": "r r r rwcd",
        "amr.tariff.line": "r r r rwcd",
        "amr.tariff.surcharge": "r r r rwcd",
        "amr.tariff.version": "r r r rwcd",
        "amr.timetable": "r r r rwcd",
        "amr.timetable.line": "r r r rwcd",
        "amr.utility": "r r r rwcd",
    }
    open = frozenset(
        {
            "amr.district",
            "amr.log.purge",
            "amr.tariff",
            "amr.tariff.line",
            "amr.tariff.surcharge",
            "amr.tariff.version",
            "amr.timetable",
            "amr.timetable.line",
            "amr.utility",
        }
    )

    def _get_foreign_records(self):
        place = {"building_id": self.other_building.id}
        return [
            self.other_community,
            self.other_building,
            self._room("0101", self.other_building),
            self.env["amr.line"].create({**place, "code": "01", "name": "Far"}),
            self.env["amr.box"].create({**place, "name": "Far"}),
            self.env["amr.room.batch"].create(place),
            self.account.copy({"community_id": self.other_community.id}),
        ]

    def test_tariffs_are_ticked_for_an_operator(self):
        clerk = self._operator("walk_tariff", "amr_base.group_clerk")
        self.assertFalse(self.tariff.with_user(clerk).has_access("write"))
        clerk.group_ids |= self.env.ref("amr_base.group_tariff")
        self.tariff.with_user(clerk).name = "Homes"
        self.tariff.version_ids.with_user(clerk).price = 0.6

    def test_the_menu_shows_what_one_may_do(self):
        operators = self._operators()
        menus = {
            role: self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            for role, user in operators.items()
        }
        for menu, roles in {
            "menu_root": {"reader", "clerk", "community_admin", "manager"},
            "menu_room": {"reader", "clerk", "community_admin", "manager"},
            "menu_configuration": {"manager"},
            "menu_operator": {"manager"},
            "menu_operation_log": {"manager"},
        }.items():
            menu_id = self.env.ref(f"amr_base.{menu}").id
            seen = {role for role, visible in menus.items() if menu_id in visible}
            self.assertEqual(seen, roles, menu)
