"""A meter of each protocol, read from Odoo through a real head-end and real lines."""

from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.amr_device_gateway.headend.protocols import registry

from .common import GatewayCommon
from .head_end import SerialLine, WithHeadEnd, free_port


class ProtocolCommon(GatewayCommon):
    """Meter models of every protocol."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("amr.reply_timeout", "1")
        cls.heat = cls.env.ref("amr_base.utility_heat")
        cls.gas = cls.env.ref("amr_base.utility_gas")

    @classmethod
    def _model(cls, protocol, utility=None, profile=False, **vals):
        return cls.env["amr.meter.model"].create(
            {
                "name": f"{protocol} {profile}",
                "utility_id": (utility or cls.electricity).id,
                "protocol": protocol,
                "profile": profile,
                **vals,
            }
        )

    @classmethod
    def _metered(cls, number, model, link, **vals):
        """Return a meter of a model behind a link, at a point of the same utility."""
        point = cls.env["amr.metering.point"].create(
            {
                "name": f"P{number}",
                "utility_id": model.utility_id.id,
                "room_id": cls._room(f"9{number[-3:]}").id,
            }
        )
        meter = cls.env["amr.meter"].create(
            {
                "number": number,
                "address": number,
                "model_id": model.id,
                "link_id": link.id,
                **vals,
            }
        )
        cls.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": point.id,
                "date_from": "2026-01-01",
                "start_index": 0,
            }
        )
        return meter


@tagged("post_install", "-at_install")
class TestProtocolsRead(WithHeadEnd, ProtocolCommon):
    """One read task over a DTU, a dialled serial server and a local serial port."""

    def setUp(self):
        super().setUp()
        serial = SerialLine(
            [{"protocol": "dlt645-1997", "address": "990000001997", "index": "1997.5"}]
        )
        port = free_port()
        self.server_link = self._outgoing(kind="tcp", host="127.0.0.1", port=port)
        self.serial_link = self._outgoing(
            kind="serial", device=serial.path, baud="2400"
        )
        self._make_meters()
        links = self.link | self.server_link | self.serial_link
        self.head_end = self.start_head_end(
            links,
            [{"terminal": self.link.terminal, "meters": self._behind_the_dtu()}],
            servers=[{"port": port, "meters": self._behind_the_server()}],
            serial=serial,
        )

    def _outgoing(self, **vals):
        return self.env["amr.link"].create(
            {"name": vals["kind"], "community_id": self.community.id, **vals}
        )

    def _make_meters(self):
        dtu, server = self.link, self.server_link
        chint = self._model("modbus", profile="modbus_models/chint_ddsu666")
        eastron = self._model("modbus-tcp", profile="modbus_models/eastron_sdm120")
        gas = self._model("cjt188", self.gas, "cjt188_models/gas")
        heat = self._model("cjt188", self.heat, "cjt188_models/heat")
        mbus = self._model("mbus", self.heat)
        old = self._model("dlt645-1997")
        self.modbus = self._metered("990011", chint, dtu, bus_address="1")
        self.gas_meter = self._metered("99000000000030", gas, dtu)
        self.heat_meter = self._metered("99000000000020", heat, dtu)
        self.modbus_tcp = self._metered("990012", eastron, server, bus_address="1")
        self.old = self._metered("990000001997", old, self.serial_link)
        self.mbus = self._metered("99000044", mbus, dtu)
        self.all = (
            self.modbus
            | self.gas_meter
            | self.heat_meter
            | self.modbus_tcp
            | self.old
            | self.mbus
        )

    def _behind_the_dtu(self):
        return [
            {
                "protocol": "modbus",
                "model": "chint_ddsu666",
                "address": "1",
                "index": "11.25",
            },
            {"protocol": "mbus", "address": "99000044", "index": "4400"},
            {
                "protocol": "cjt188",
                "model": "gas",
                "address": "99000000000030",
                "index": "30.25",
            },
            {
                "protocol": "cjt188",
                "model": "heat",
                "address": "99000000000020",
                "index": "2000.5",
            },
        ]

    def _behind_the_server(self):
        row = {"protocol": "modbus-tcp", "model": "eastron_sdm120", "address": "1"}
        return [{**row, "index": "12.5"}]

    def test_every_protocol_is_read_with_its_unit_and_factor(self):
        self.modbus.current_ratio = 10
        task = self.env["amr.read.task"].create(
            {"scope": "meters", "meter_ids": self.all.ids}
        )
        task.action_start()
        self.run_jobs()
        self.assertFalse(task.line_ids.filtered("error").mapped("error"))
        self.assertRecordValues(
            self.all,
            [
                {"latest_index": 11.25, "factor": 10},
                {"latest_index": 30.25, "factor": 1},
                {"latest_index": 2000.5, "factor": 1},
                {"latest_index": 12.5, "factor": 1},
                {"latest_index": 1997.5, "factor": 1},
                {"latest_index": 4400, "factor": 1},
            ],
        )
        readings = self.env["amr.reading"].search([("meter_id", "in", self.all.ids)])
        self.assertEqual(set(readings.mapped("source")), {"remote"})
        rates = readings.filtered(lambda reading: reading.meter_id == self.old)
        self.assertEqual(
            set(rates.mapped("register")), {"total", "t1", "t2", "t3", "t4"}
        )
        self._check_a_wrong_unit()

    def test_meters_tell_who_they_are_before_money_is_taken(self):
        meters = self.old | self.modbus | self.mbus
        meters.action_identify()
        self.run_jobs()
        commands = self.env["amr.command"].search([("meter_id", "in", meters.ids)])
        self.assertEqual(set(commands.mapped("state")), {"done"})
        self.assertIn("meter_number = 990000001997", self.old.command_ids.result)
        self.assertIn("total = 11.25 kWh", self.modbus.command_ids.result)
        self.assertIn("identification = 99000044", self.mbus.command_ids.result)

    def test_a_gas_valve_is_shut_and_opened_and_read_back(self):
        self.gas_meter.model_id.has_relay = True
        device = self.head_end.simulator.meters["99000000000030"]
        for action, state in (("open", "open"), ("close", "closed")):
            getattr(self.gas_meter, f"action_{action}_relay")()
            self.run_jobs()
            self.assertEqual(device.state.relay, state)
            self.assertEqual(self.gas_meter.relay_state, state)
        self.assertEqual(self.gas_meter.command_ids.mapped("state"), ["done", "done"])

    def _check_a_wrong_unit(self):
        """A heat meter that counts kWh gives no index where GJ are billed."""
        self.heat.write({"uom_name": "GJ", "uom_id": self._gigajoule().id})
        with self.assertRaisesRegex(UserError, "count in kWh"):
            self.heat_meter.model_id._get_protocol()

    def _gigajoule(self):
        return self.env["uom.uom"].create({"name": "GJ test"})


@tagged("post_install", "-at_install")
class TestMeterModel(ProtocolCommon):
    def test_the_registry_offers_every_protocol_that_meters_speak(self):
        offered = dict(self.env["amr.meter.model"]._fields["protocol"].selection)
        self.assertEqual(
            offered.keys() - {"manual"},
            {name for name in registry.names() if registry.get(name).for_meters},
        )
        self.assertNotIn("gdw376", offered)
        self.assertEqual(offered["modbus-tcp"], "Modbus TCP")

    def test_a_make_is_chosen_among_those_of_the_protocol(self):
        model = self._model("mbus", self.heat)
        self.assertEqual(model.profile_choices, ["mbus_models/heat_gigajoule"])
        titles = dict(self.env["amr.meter.model"]._selection_profile())
        self.assertEqual(titles["modbus_models/chint_ddsu666"], "Chint DDSU666")
        with self.assertRaisesRegex(ValidationError, "belongs to another protocol"):
            model.profile = "modbus_models/chint_ddsu666"

    def test_makes_are_named_in_the_users_language(self):
        model = self.env["amr.meter.model"].with_context(lang="zh_CN")
        titles = dict(model._selection_profile())
        self.assertEqual(titles["cjt188_models/gas"], "燃气表")

    def test_a_modbus_meter_needs_its_register_map(self):
        with self.assertRaisesRegex(ValidationError, "Choose the make"):
            self._model("modbus")

    def test_a_meter_in_gigajoule_is_none_for_kilowatt_hours(self):
        with self.assertRaisesRegex(ValidationError, "count in GJ"):
            self._model("cjt188", self.heat, "cjt188_models/heat_gigajoule")
        with self.assertRaisesRegex(ValidationError, "count in kWh"):
            self._model("dlt645-2007", self.cold_water)

    def test_the_utility_says_which_meters_are_asked(self):
        types = {
            utility: self._model("cjt188", self.env.ref(utility))
            ._get_protocol()
            .meter_type
            for utility in (
                "amr_base.utility_cold_water",
                "amr_base.utility_heat",
                "amr_base.utility_gas",
            )
        }
        self.assertEqual(list(types.values()), [0x10, 0x20, 0x30])

    def test_the_form_offers_addresses_that_the_protocol_can_carry(self):
        with Form(self.env["amr.meter.model"]) as form:
            form.name = "SDM120"
            form.utility_id = self.electricity
            form.protocol = "modbus"
            form.profile = "modbus_models/eastron_sdm120"
            self.assertIn("24[0-7]", form.address_rule)
            form.protocol = "dlt645-1997"
            self.assertFalse(form.profile)
            self.assertEqual(form.address_rule, "[0-9]{1,12}")

    def test_two_lines_may_have_a_unit_1_and_one_line_only_one(self):
        model = self._model("modbus", profile="modbus_models/chint_ddsu666")
        second = self._link("990000397", self.community)
        one = self._metered("990021", model, self.link, bus_address="1")
        other = self._metered("990022", model, second, bus_address="1")
        self.assertEqual((one | other).mapped("bus_address"), ["1", "1"])
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            other.link_id = self.link
            other.flush_recordset()

    def test_an_address_that_the_line_cannot_carry_is_refused(self):
        model = self._model("modbus", profile="modbus_models/chint_ddsu666")
        with self.assertRaisesRegex(ValidationError, "from 1 to 247"):
            self._metered("990023", model, self.link, bus_address="248")

    def test_what_has_no_relay_command_is_told_before_anything_is_sent(self):
        model = self._model("dlt645-1997", has_relay=True)
        meter = self._metered("990000001998", model, self.link)
        with self.assertRaisesRegex(UserError, "cannot be switched from here"):
            meter.action_open_relay()
        self.assertFalse(meter.command_ids)
