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
        rooms = cls.env["amr.room"].create(
            [
                {"name": number[-4:], "building_id": cls.building.id}
                for number in numbers
            ]
        )
        points = cls.env["amr.metering.point"].create(
            [{"utility_id": cls.electricity.id, "room_id": room.id} for room in rooms]
        )
        meters = cls.env["amr.meter"].create(
            [
                {
                    "number": number,
                    "address": number,
                    "model_id": cls.meter_model.id,
                    "concentrator_id": cls.concentrator.id,
                    **vals,
                }
                for number in numbers
            ]
        )
        cls.env["amr.installation"].create(
            [
                {
                    "meter_id": meter.id,
                    "point_id": point.id,
                    "date_from": "2025-12-31 16:00:00",
                    "start_index": 0,
                }
                for meter, point in zip(meters, points, strict=True)
            ]
        )
        return meters
