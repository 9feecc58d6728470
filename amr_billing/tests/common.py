from datetime import date
from decimal import Decimal

from odoo.fields import Command

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.amr_metering.tests.common import MeteringCommon

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


class BillingCommon(MeteringCommon, AccountTestInvoicingCommon):
    """A company with the Chinese chart (if installed) and one metered account."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()
        cls.partner.lang = "en_US"

    @classmethod
    def get_default_groups(cls):
        return super().get_default_groups() | cls.env.ref("amr_base.group_manager")

    @classmethod
    def _use_chart_template(cls, company, chart_template_ref=None):
        chinese = cls.env["ir.module.module"]._get("l10n_cn").state == "installed"
        return super()._use_chart_template(
            company, chart_template_ref or ("cn" if chinese else "generic_coa")
        )

    @classmethod
    def _freeze(cls, day, index, meter=None, register="total"):
        """A daily freeze: the index at 00:00 of a local day."""
        return cls._ingest(
            {
                "meter_id": (meter or cls.meter).id,
                "register": register,
                "read_at": cls.community._local_midnight(day),
                "kind": "daily",
                "source": "remote",
                "index": Decimal(str(index)),
            }
        )

    @classmethod
    def _new_account(cls, name, room=None):
        """Another customer with a room, a meter and an agreement from January on."""
        account = cls.env["amr.account"].create(
            {
                "partner_id": cls.env["res.partner"].create({"name": name}).id,
                "community_id": cls.community.id,
            }
        )
        return account, *cls._new_meter(account, room or name)

    @classmethod
    def _new_meter(cls, account, number, **vals):
        room = cls._room(number)
        room.account_id = account
        point, meter = cls._install(f"88{int(number):010d}", room)
        return meter, cls._agree(point, account=account, **vals)

    @classmethod
    def _make_run(cls, month=JANUARY, **vals):
        return cls.env["amr.billing.run"].create(
            {"community_id": cls.community.id, "date_from": month, **vals}
        )

    @classmethod
    def _bill(cls, month=JANUARY, **vals):
        run = cls._make_run(month, **vals)
        run._run_now()
        return run

    @classmethod
    def _change_price(cls, day, price, tariff=None):
        tariff = tariff or cls.tariff
        tariff.version_ids.filtered(lambda v: not v.date_to).date_to = day
        tariff.version_ids = [Command.create({"date_from": day, "price": price})]

    def _credit(self, moves, **vals):
        """Credit bills through Odoo's own wizard and post the credit notes."""
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=moves.ids)
            .create({"journal_id": moves.journal_id.id, "reason": "Test", **vals})
        )
        wizard.refund_moves()
        wizard.new_move_ids.action_post()
        return wizard.new_move_ids

    def assertBilled(self, run):
        self.assertFalse(run.line_ids.filtered("error").mapped("error"))
        self.assertEqual(run.state, "done")

    def assertChargesOnBill(self, move):
        """The bill's lines are its charges, to the last digit, and nothing else."""
        lines = move.invoice_line_ids
        self.assertEqual(len(lines), len(move.amr_charge_ids))
        for line in lines:
            charge = line.amr_charge_ids
            self.assertEqual(len(charge), 1)
            self.assertEqual(line.price_total, charge.amount)
            self.assertEqual(line.quantity, charge.quantity)
            self.assertEqual(line.price_unit, charge.unit_price)
        self.assertAlmostEqual(
            move.amount_total, sum(move.amr_charge_ids.mapped("amount")), places=2
        )
