from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestAgreement(MeteringCommon):
    @mute_logger("odoo.sql_db")
    def test_one_agreement_a_point_at_a_time(self):
        with self.assertRaises(IntegrityError), self.cr.savepoint():
            self._agree(self.point, date_from="2026-05-01 00:00:00")
        self.agreement.date_to = "2026-05-01 00:00:00"
        self._agree(self.point, date_from="2026-05-01 00:00:00")

    def test_the_tariff_is_of_the_points_utility(self):
        water = self._tariff("Water", self.cold_water, 3)
        with self.assertRaisesRegex(ValidationError, "measures"):
            self.agreement.tariff_id = water

    def test_an_account_with_agreements_is_not_closed(self):
        with self.assertRaisesRegex(UserError, "agreements in force"):
            self.account.action_close()
        self.agreement.date_to = "2026-05-01 00:00:00"
        self.account.action_close()

    def test_states_are_found_by_search(self):
        Agreement = self.env["amr.agreement"]
        domain = [("id", "=", self.agreement.id)]
        self.assertTrue(Agreement.search([*domain, ("state", "=", "active")]))
        self.agreement.date_to = "2026-05-01 00:00:00"
        self.assertEqual(self.agreement.state, "ended")
        self.assertTrue(Agreement.search([*domain, ("state", "=", "ended")]))
        self.assertFalse(Agreement.search([*domain, ("state", "=", "active")]))

    def test_a_tariff_in_use_is_not_deleted(self):
        with self.assertRaisesRegex(UserError, "is in use"):
            self.tariff.unlink()

    def test_out_of_scope_records_stay_hidden(self):
        self._ingest(self._row(1, "2026-01-02 00:00:00"))
        stranger = self._operator(
            "amr_stranger", "amr_base.group_community_admin", self.other_community
        )
        for record in (
            self.point,
            self.meter,
            self.agreement,
            self.point.installation_ids,
            self.env["amr.reading"].search([("meter_id", "=", self.meter.id)]),
        ):
            model = self.env[record._name].with_user(stranger)
            self.assertFalse(model.search([("id", "in", record.ids)]))
            with self.assertRaises(AccessError):
                record.with_user(stranger).read(["company_id"])
