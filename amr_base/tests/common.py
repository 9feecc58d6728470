from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import SQL

from odoo.addons.base.models import res_users as base_users

ROLES = ("reader", "clerk", "community_admin", "manager")
OPERATIONS = {"r": "read", "w": "write", "c": "create", "d": "unlink"}


class AmrCommon(TransactionCase):
    """Two communities of one district, rooms, an account and one operator a role."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # hashing the passwords of operators is most of a test's time otherwise
        cls.startClassPatcher(patch.object(base_users, "MIN_ROUNDS", 1000))
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


class AccessWalk:
    """Walks every model of one addon × every role.

    ``expected`` has a row for each model: what reader, front desk, community
    administrator and system administrator may do (r, w, c, d; “-” nothing). ``open``
    names models that belong to no community, or to whoever made the record;
    ``elsewhere`` those (SQL views) whose own tests look at another community.
    ``_get_foreign_records`` gives a record of the other community for each of the rest.
    """

    allow_inherited_tests_method = True  # or Odoo runs them in their own addon only

    addon = None
    expected = {}
    open = frozenset()
    elsewhere = frozenset()

    def _get_foreign_records(self):
        """Return one record (or more) of another community for each scoped model."""
        raise NotImplementedError

    def _operators(self):
        return {
            role: self._operator(f"walk_{role}", f"amr_base.group_{role}")
            for role in ROLES
        }

    def _get_models(self):
        return {
            name
            for name, model in self.env.registry.items()
            if model._original_module == self.addon and not model._abstract
        }

    def test_every_model_is_in_the_table_of_rights(self):
        self.assertEqual(self._get_models(), set(self.expected))

    def test_every_role_has_its_rights_and_no_more(self):
        operators = self._operators()
        for name, row in self.expected.items():
            for role, rights in zip(ROLES, row.split(), strict=True):
                model = self.env[name].with_user(operators[role])
                found = "".join(
                    letter
                    for letter, operation in OPERATIONS.items()
                    if model.has_access(operation)
                )
                self.assertEqual(found or "-", rights, f"{role} on {name}")

    def test_another_community_stays_hidden(self):
        operators = self._operators()
        del operators["manager"]
        foreign = {records._name: records for records in self._get_foreign_records()}
        scoped = {
            name
            for name in self.expected
            if name not in self.open | self.elsewhere and not self.env[name]._transient
        }
        self.assertEqual(set(foreign), scoped, "one foreign record for each model")
        for name, records in foreign.items():
            self.assertTrue(records.sudo().exists(), name)
            for role, user in operators.items():
                mine = records.with_user(user)
                if mine.browse().has_access("read"):
                    found = mine.search([("id", "in", records.ids)])
                    self.assertFalse(found, f"{role} finds {name}")
                for operation in OPERATIONS.values():
                    with self.assertRaises(AccessError, msg=f"{role} on {name}"):
                        mine.check_access(operation)

    def _make_wizard(self, name):
        """Return a record of a transient model, with something in what it requires."""
        model = self.env[name]
        plain = {"char": "x", "float": 1, "datetime": "2026-01-01", "binary": b"eA=="}
        required = [
            field
            for field in model._fields.values()
            if field.required and field.column_type and not field.related
        ]
        values = model.default_get([field.name for field in required])
        for field in required:
            if values.get(field.name):
                continue
            if field.type == "many2one":
                other = self.env[field.comodel_name]
                known = other.search([], limit=1)
                if other._transient:
                    known = self._make_wizard(other._name)
                values[field.name] = known.id
            elif field.type == "selection":
                values[field.name] = field.get_values(self.env)[0]
            else:
                values[field.name] = plain[field.type]
        return model.create(values)

    def test_a_wizard_is_its_makers(self):
        """What one types into a wizard is not read or carried out by anybody else.

        Every transient model of the addon, between two who may do everything.
        """
        maker, other = (
            self._operator(f"walk_{who}", "amr_base.group_manager")
            for who in ("maker", "other")
        )
        for name in self._get_models():
            if not self.env[name]._transient:
                continue
            wizard = self._make_wizard(name)
            table = SQL.identifier(wizard._table)
            self.env.flush_all()
            self.env.execute_query(
                SQL(
                    "UPDATE %s SET create_uid = %s WHERE id = %s RETURNING id",
                    table,
                    maker.id,
                    wizard.id,
                )
            )
            self.env.invalidate_all()
            with self.subTest(name):
                self.assertTrue(wizard.with_user(maker).has_access("write"))
                self.assertIn(wizard, wizard.with_user(maker).search([]))
                theirs = wizard.with_user(other)
                self.assertNotIn(wizard, theirs.search([]))
                for operation in ("read", "write", "unlink"):
                    with self.assertRaises(AccessError):
                        theirs.check_access(operation)
