from datetime import datetime, timedelta
from decimal import Decimal

from odoo.addons.amr_base.tests.common import AmrCommon


class MeteringCommon(AmrCommon):
    """An electricity meter at a room, agreed at the residential tariff."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter_model = cls.env["amr.meter.model"].create(
            {"name": "DDS", "utility_id": cls.electricity.id, "digits": 6}
        )
        cls.point, cls.meter = cls._install("990000000001", cls.room)
        cls.agreement = cls._agree(cls.point)

    @classmethod
    def _install(cls, number, room, start_index=0, since="2025-12-31 16:00:00"):
        point = cls.env["amr.metering.point"].create(
            {"utility_id": cls.meter_model.utility_id.id, "room_id": room.id}
        )
        meter = cls.env["amr.meter"].create(
            {"number": number, "address": number, "model_id": cls.meter_model.id}
        )
        cls.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": point.id,
                "date_from": since,
                "start_index": start_index,
            }
        )
        return point, meter

    @classmethod
    def _agree(cls, point, account=None, tariff=None, **vals):
        return cls.env["amr.agreement"].create(
            {
                "account_id": (account or cls.account).id,
                "point_id": point.id,
                "tariff_id": (tariff or cls.tariff).id,
                "date_from": "2025-12-31 16:00:00",
                **vals,
            }
        )

    @classmethod
    def _row(cls, index, read_at, meter=None, **vals):
        return {
            "meter_id": (meter or cls.meter).id,
            "read_at": datetime.fromisoformat(read_at),
            "kind": "spot",
            "source": "remote",
            "index": Decimal(str(index)),
            **vals,
        }

    @classmethod
    def _ingest(cls, *rows):
        return cls.env["amr.reading"]._ingest(list(rows))


class HoursCommon(MeteringCommon):
    """Hours of a meter: how they come in, lie in their store and are used."""

    def _hours(self, *indexes, start="2026-03-01 01:00:00", meter=None):
        first = datetime.fromisoformat(start)
        return [
            self._row(
                index,
                str(first + timedelta(hours=hour)),
                meter or self.meter,
                kind="hourly",
                source="push",
            )
            for hour, index in enumerate(indexes)
        ]

    def _stored(self, meter=None):
        return self.env["amr.interval"].search(
            [("meter_id", "=", (meter or self.meter).id)], order="read_at, id"
        )

    def _usage(self, meter=None):
        return self.env["amr.interval.usage"].search(
            [("meter_id", "=", (meter or self.meter).id)], order="read_at"
        )
