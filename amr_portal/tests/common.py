import re
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import new_test_user

from odoo.addons.account_payment.tests.common import AccountPaymentCommon
from odoo.addons.payment.tests.http_common import PaymentHttpCommon


class PortalCommon(AccountPaymentCommon, PaymentHttpCommon):
    """Two residents, each with a room, a bill-paid water and a prepaid electric meter.

    The first is the visitor; the second is who the first must not see.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids += cls.env.ref("amr_base.group_manager")
        cls.company = cls.env.company
        cls.company._setup_amr_prepaid()
        district = cls.env["amr.district"].create({"name": "D", "code": "9"})
        cls.community = cls.env["amr.community"].create(
            {
                "name": "Golden Triangle",
                "code": "0371",
                "district_id": district.id,
                "tz": "Asia/Shanghai",
            }
        )
        cls.building = cls.env["amr.building"].create(
            {"name": "1", "code": "001", "community_id": cls.community.id}
        )
        cls.link = cls.env["amr.link"].create(
            {"name": "DTU", "terminal": "99372001", "community_id": cls.community.id}
        )
        cls.water = cls.env.ref("amr_base.utility_cold_water")
        cls.electricity = cls.env.ref("amr_base.utility_electricity")
        cls.models = {
            utility: cls.env["amr.meter.model"].create(
                {
                    "name": utility.name,
                    "utility_id": utility.id,
                    "protocol": protocol,
                    "prepaid": prepaid,
                }
            )
            for utility, protocol, prepaid in (
                (cls.water, "cjt188", False),
                (cls.electricity, "dlt645-2007", True),
            )
        }
        cls.tariffs = {
            utility: cls._create_tariff(utility, price)
            for utility, price in ((cls.water, 4.1), (cls.electricity, 0.56))
        }
        cls.since = fields.Datetime.now() - timedelta(days=40)
        cls.own = cls._create_resident("own", "0101", "1")
        cls.other = cls._create_resident("other", "0102", "2")
        cls.demo_provider = cls._create_demo_provider()
        cls.dummy_provider.is_published = False

    @classmethod
    def _create_tariff(cls, utility, price):
        return cls.env["amr.tariff"].create(
            {
                "name": f"{utility.name} {price}",
                "utility_id": utility.id,
                "version_ids": [
                    Command.create({"date_from": "2020-01-01", "price": price})
                ],
            }
        )

    @classmethod
    def _create_resident(cls, login, room_name, digit):
        """Return the user, account, agreements and meters of one new resident."""
        user = new_test_user(
            cls.env,
            login=f"amr_{login}",
            password=f"amr_{login}",
            groups="base.group_portal",
            name=f"Resident {login}",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )
        account = cls.env["amr.account"].create(
            {"partner_id": user.partner_id.id, "community_id": cls.community.id}
        )
        room = cls.env["amr.room"].create(
            {
                "name": room_name,
                "building_id": cls.building.id,
                "account_id": account.id,
            }
        )
        resident = {"user": user, "login": user.login, "account": account}
        for utility, mode in ((cls.water, "postpaid"), (cls.electricity, "prepaid")):
            resident[mode] = cls._create_agreement(
                account, room, utility, mode, f"{digit}{utility.sequence:05d}"
            )
        return resident

    @classmethod
    def _create_agreement(cls, account, room, utility, mode, address):
        meter = cls.env["amr.meter"].create(
            {
                "number": f"M{address}",
                "address": address,
                "model_id": cls.models[utility].id,
                "link_id": cls.link.id,
            }
        )
        point = cls.env["amr.metering.point"].create(
            {"utility_id": utility.id, "room_id": room.id}
        )
        cls.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": point.id,
                "date_from": cls.since,
                "start_index": 0,
            }
        )
        return cls.env["amr.agreement"].create(
            {
                "account_id": account.id,
                "point_id": point.id,
                "tariff_id": cls.tariffs[utility].id,
                "payment_mode": mode,
                "date_from": cls.since,
            }
        )

    @classmethod
    def _create_demo_provider(cls):
        provider = cls.env.ref("payment.payment_provider_demo").sudo()
        provider = provider.copy({"company_id": cls.company.id, "name": "Demo"})
        provider.write({"state": "test", "is_published": True})
        provider.payment_method_ids.active = True
        cls._mend_demo_translation()
        return provider

    @classmethod
    def _mend_demo_translation(cls):
        """Undo that core's Chinese translates the codes of the simulated states."""
        view = cls.env.ref("payment_demo.payment_details").sudo()
        for term in view.get_field_translations("arch_db")[0]:
            if 'id="simulated_payment_state"' in term["source"]:
                codes = iter(re.findall(r'value="(\w+)"', term["source"]))
                mended = re.sub(
                    r'value="[^"]*"',
                    lambda _match, codes=codes: f'value="{next(codes)}"',
                    term["value"],
                )
                view.update_field_translations(
                    "arch_db", {term["lang"]: {term["source"]: mended}}
                )

    @classmethod
    def _read_daily(cls, agreement, indexes, last_day=None):
        """Take in one daily index a day, the last of them for ``last_day`` (today)."""
        today = last_day or cls.community._local_date(fields.Datetime.now())
        first = today - timedelta(days=len(indexes) - 1)
        cls.env["amr.reading"]._ingest(
            [
                {
                    "meter_id": agreement.meter_id.id,
                    "register": "total",
                    "read_at": cls.community._local_midnight(
                        first + timedelta(days=offset)
                    ),
                    "kind": "daily",
                    "source": "remote",
                    "index": Decimal(index),
                }
                for offset, index in enumerate(indexes)
                if index is not None
            ]
        )

    @classmethod
    def _create_bill(cls, resident, amount=100.0):
        """Return a posted customer invoice of a resident."""
        bill = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": resident["account"].partner_id.id,
                "amr_account_id": resident["account"].id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [
                    Command.create(
                        {"name": "Water", "price_unit": amount, "tax_ids": False}
                    )
                ],
            }
        )
        bill.action_post()
        return bill

    @classmethod
    def _create_vend(cls, resident, amount=100.0):
        return (
            cls.env["amr.vend"]
            .sudo()
            .create({"agreement_id": resident["prepaid"].id, "amount": amount})
        )

    def _login(self, resident=None):
        resident = resident or self.own
        self.authenticate(resident["login"], resident["login"])

    def _pay(self, vend, state="done"):
        """Pay a recharge as the payment form does, and return the transaction."""
        values = self.make_jsonrpc_request(
            f"/my/energy/vend/{vend.id}/transaction", self._get_payment_params(vend)
        )
        tx = self._get_tx(values["reference"])
        tx._process("demo", {"reference": tx.reference, "simulated_state": state})
        return tx

    def _answer(self, answer):
        """Let the provider do something when it is asked to charge; count the calls."""
        calls = []

        def send(tx):
            calls.append(tx.id)
            return answer(tx)

        model = self.env.registry["payment.transaction"]
        return calls, patch.object(model, "_send_payment_request", send)

    def _get_payment_params(self, vend):
        return {
            "provider_id": self.demo_provider.id,
            "payment_method_id": self.demo_provider.payment_method_ids[:1].id,
            "token_id": None,
            "amount": vend.amount,
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": "/my",
            "is_validation": False,
            "access_token": None,
        }
