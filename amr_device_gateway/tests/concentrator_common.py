from datetime import timedelta

from odoo import fields

from .common import GatewayCommon


class ConcentratorCommon(GatewayCommon):
    """A KT410 on a line of building 001, with meters behind it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._line("01")
        cls.concentrator = cls.env["amr.concentrator"].create(
            {"name": "Shaft", "line_id": cls.line.id}
        )
        cls.meter.concentrator_id = cls.concentrator

    def _list(self, meters=None):
        """Let meters have been in the concentrator's list for a long time."""
        (meters or self.concentrator.meter_ids).sudo().write(
            {
                "is_listed": True,
                "listed_at": fields.Datetime.now() - timedelta(days=400),
            }
        )

    def _dismount(self, meter):
        """Take a meter down: it may be archived afterwards."""
        meter.installation_ids.write(
            {"date_to": fields.Datetime.now(), "end_index": meter.latest_index}
        )

    @classmethod
    def _line(cls, code, building=None):
        building = building or cls.building
        return cls.env["amr.line"].create(
            {"name": f"Line {code}", "code": code, "building_id": building.id}
        )

    @classmethod
    def _meters(cls, count, first=9_900_004_100, **vals):
        """Electricity meters behind the concentrator, each in a room of its own."""
        numbers = [str(number) for number in range(first, first + count)]
        return cls._remote_meters(numbers, concentrator_id=cls.concentrator.id, **vals)
