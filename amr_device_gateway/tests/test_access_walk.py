from odoo.tests import tagged

from odoo.addons.amr_base.tests.common import AccessWalk

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestAccessWalk(AccessWalk, GatewayCommon):
    addon = "amr_device_gateway"
    expected = {
        "amr.card.reader": "- r rwcd rwcd",
        "amr.card.reader.find": "- - rwcd rwcd",
        "amr.card.reader.find.line": "- - rwcd rwcd",
        "amr.collector": "r r rwcd rwcd",
        "amr.command": "r r r r",
        "amr.command.frame": "r r r r",
        "amr.concentrator": "r r rwcd rwcd",
        "amr.concentrator.difference": "r r r r",
        "amr.headend.event": "- - - r",
        "amr.link": "r r rwcd rwcd",
    }
    open = frozenset({"amr.headend.event"})

    def _get_foreign_records(self):
        link = self._link("990000398", self.other_community)
        _point, meter = self._install(
            "990000000099", self._room("0101", self.other_building)
        )
        meter.link_id = link
        command = self.env["amr.command"].create(
            {"kind": "relay_open", "meter_id": meter.id}
        )
        frame = self.env["amr.command.frame"].create(
            {"command_id": command.id, "direction": "out", "data": "68"}
        )
        reader = self.env["amr.card.reader"].create(
            {"name": "x", "port": "pcsc:x", "community_id": self.other_community.id}
        )
        return [reader, link, command, frame, *self._get_foreign_concentrator()]

    def _get_foreign_concentrator(self):
        line = self.env["amr.line"].create(
            {"name": "L", "code": "01", "building_id": self.other_building.id}
        )
        concentrator = self.env["amr.concentrator"].create(
            {"name": "C", "line_id": line.id}
        )
        collector = self.env["amr.collector"].create(
            {"concentrator_id": concentrator.id, "address": "0A"}
        )
        difference = self.env["amr.concentrator.difference"].create(
            {"concentrator_id": concentrator.id, "kind": "extra", "point": 1}
        )
        return [concentrator, collector, difference]

    def test_switching_is_ticked_for_a_reader(self):
        reader = self._operator("gw_switch", "amr_base.group_reader")
        reader.group_ids |= self.env.ref("amr_base.group_switch")
        self.meter.with_user(reader).action_open_relay()
        self.assertEqual(self.meter.command_ids[0].requested_by, reader)

    def test_meters_are_attached_to_a_link_in_bulk(self):
        administrator = self._operator("gw_attach", "amr_base.group_community_admin")
        _point, second = self._install("990000000098", self._room("0909"))
        both = self.meter | second
        link = self._link("990000397", self.community)
        self.env["amr.meter.attach"].with_user(administrator).with_context(
            active_model="amr.meter", active_ids=both.ids
        ).create({"link_id": link.id}).action_attach()
        self.assertEqual(both.link_id, link)
