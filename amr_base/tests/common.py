from odoo import fields
from odoo.tests import TransactionCase, new_test_user


class AmrCommon(TransactionCase):
    """Two communities of one district, rooms, an account and one operator a role."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(
            context=dict(cls.env.context, tracking_disable=True, no_reset_password=True)
        )
        # digits that no demo or other data of the database uses
        cls.district = cls.env["amr.district"].create({"code": "9", "name": "East"})
        cls.community = cls._community("0371", "Golden Delta")
        cls.other_community = cls._community("0374", "Pilot Garden")
        cls.building = cls.env["amr.building"].create(
            {"code": "001", "name": "Building 1", "community_id": cls.community.id}
        )
        cls.other_building = cls.env["amr.building"].create(
            {
                "code": "001",
                "name": "Building 1",
                "community_id": cls.other_community.id,
            }
        )
        cls.room = cls._room("0101")
        cls.partner = cls.env["res.partner"].create({"name": "Zhang San"})
        cls.account = cls.env["amr.account"].create(
            {
                "partner_id": cls.partner.id,
                "community_id": cls.community.id,
                "room_ids": [fields.Command.set(cls.room.ids)],
            }
        )
        cls.electricity = cls.env.ref("amr_base.utility_electricity")
        cls.cold_water = cls.env.ref("amr_base.utility_cold_water")
        cls.tariff = cls._tariff("Residential", cls.electricity, 0.5283)

    @classmethod
    def _community(cls, code, name):
        return cls.env["amr.community"].create(
            {"code": code, "name": name, "district_id": cls.district.id}
        )

    @classmethod
    def _room(cls, name, building=None):
        return cls.env["amr.room"].create(
            {"name": name, "building_id": (building or cls.building).id}
        )

    @classmethod
    def _tariff(cls, name, utility, price, date_from="2020-01-01"):
        return cls.env["amr.tariff"].create(
            {
                "name": name,
                "utility_id": utility.id,
                "version_ids": [
                    fields.Command.create({"date_from": date_from, "price": price})
                ],
            }
        )

    @classmethod
    def _operator(cls, login, group, communities=None):
        return new_test_user(
            cls.env,
            login=login,
            groups=group,
            amr_community_ids=[fields.Command.set((communities or cls.community).ids)],
        )
