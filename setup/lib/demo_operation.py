"""What an estate in operation has: hours, a read plan, limits, past rounds."""

from datetime import datetime, time, timedelta
from decimal import Decimal

# Share of a day's use in each of its hours: little at night, most in the evening.
NIGHT, DAY, EVENING = 2, 4, 9
PROFILE = [NIGHT] * 6 + [DAY] * 12 + [EVENING] * 4 + [DAY] * 2
HOURS_OF_DAYS = 7
ROUNDS = 7
PLACES = Decimal("0.01")
EVENTS = (
    ("periodic", 0, {}),
    ("power_off", 3, dict.fromkeys(("voltage_a", "current_a", "power"), Decimal(0))),
    ("power_on", 3, {}),
    ("voltage", 5, {"voltage_a": Decimal("251.3")}),
)


class Operation:
    """Everything that is not needed for a bill but that people look at daily."""

    def __init__(self, env, estate, history):
        self.env = env
        self.estate = estate
        self.history = history
        self.remote = [supply for supply in estate.supplies if supply.link]

    def create(self):
        self._create_limits()
        self._create_hours()
        self._create_events()
        self._create_rounds()
        self._create_plan()
        self._compare_lists()
        self._send_the_reader_out()
        self.env["amr.alarm"]._cron_check()

    def _create_limits(self):
        """Watch the use; a pipe that drips shows in the nights and days."""
        estate = self.estate
        told = estate.community.user_id | self.env.ref("base.user_admin")
        told |= self.env["res.users"].search([("login", "=", "chaobiao")])
        electricity = {"voltage_max": 250, "current_max": 40, "day_max": 20}
        electricity |= {"month_max": 400, "night_max": 4}
        for utility, limits in (
            (estate.electricity, electricity),
            (estate.water, {"day_max": 1.2, "month_max": 40}),
        ):
            self.env["amr.alarm.limit"].create(
                {
                    "utility_id": utility.id,
                    "community_id": estate.community.id,
                    "user_ids": told.ids,
                    **limits,
                }
            )

    # --- hours -----------------------------------------------------------------------

    def _create_hours(self):
        """Take the hours of the last days in, which add up to the days' freezes."""
        rows = []
        for supply in self.remote:
            if supply.utility == self.estate.electricity:
                curve = self.history.curves[supply.meter]
                for day in sorted(curve)[-HOURS_OF_DAYS - 1 : -1]:
                    rows += self._hours_of_day(supply.meter, curve, day)
        self.env["amr.reading"]._ingest(rows)

    def _hours_of_day(self, meter, curve, day):
        midnight = self.estate.community._local_midnight(day)
        start, use = curve[day], curve[day + timedelta(days=1)] - curve[day]
        return [
            {
                "meter_id": meter.id,
                "read_at": midnight + timedelta(hours=hour),
                "kind": "hourly",
                "source": "remote",
                "index": (start + use * sum(PROFILE[:hour]) / sum(PROFILE)).quantize(
                    PLACES
                ),
            }
            for hour in range(24)
        ]

    def _create_events(self):
        """Write down what a few meters measured at notable moments."""
        rows = []
        for number, supply in enumerate(self.remote[:8:2]):
            for event, days, measured in EVENTS:
                at = datetime.combine(
                    self.estate.today - timedelta(days=days + 1), time(2, number)
                )
                rows.append(
                    {
                        "meter_id": supply.meter.id,
                        "read_at": at + timedelta(hours=event == "power_on"),
                        "event": event,
                        "voltage_a": Decimal("226.4"),
                        "current_a": Decimal("3.120"),
                        "power": Decimal("0.686"),
                        "power_factor": Decimal("0.972"),
                        "frequency": Decimal("50.01"),
                        **measured,
                    }
                )
        self.env["amr.snapshot"]._ingest(rows)

    # --- rounds ----------------------------------------------------------------------

    def _create_rounds(self):
        """Keep the rounds in which the last days' freezes came in."""
        reader = self.env["res.users"].search([("login", "=", "chaobiao")])
        meters = self.env["amr.meter"].union(*(one.meter for one in self.remote))
        meters = meters.filtered(
            lambda meter: meter.community_id == self.estate.community
        )
        for days in reversed(range(ROUNDS)):
            day = self.estate.today - timedelta(days=days)
            readings = self.env["amr.reading"].search(
                [
                    ("meter_id", "in", meters.ids),
                    ("kind", "=", "daily"),
                    ("read_at", "=", self.estate.community._local_midnight(day)),
                ]
            )
            self._create_round(day, reader, readings)

    def _create_round(self, day, reader, readings):
        began = self.estate.community._local_midnight(day) + timedelta(hours=1)
        task = self.env["amr.read.task"].create(
            {
                "community_id": self.estate.community.id,
                "kind": "daily",
                "freeze_date": day,
                "user_id": reader.id,
            }
        )
        self.env["amr.read.task.line"].create(
            [
                {
                    "task_id": task.id,
                    "meter_id": reading.meter_id.id,
                    "state": "done",
                    "tries": 1,
                    "reading_id": reading.id,
                    "index": reading.index,
                    "read_at": reading.read_at,
                    **self._previous(reading),
                }
                for reading in readings
            ]
        )
        task.write(
            {
                "state": "done",
                "started_at": began,
                "finished_at": began + timedelta(minutes=2),
            }
        )

    def _previous(self, reading):
        """Return what a daily reading is compared with: that of the day before."""
        day = self.estate.community._local_date(reading.read_at) - timedelta(days=1)
        before = self.history.curves[reading.meter_id][day]
        return {
            "previous_index": before,
            "previous_at": self.estate.community._local_midnight(day),
            "usage": float(Decimal(str(reading.index)) - before),
        }

    def _create_plan(self):
        self.env["amr.read.plan"].create(
            {
                "name": "每日冻结抄表",
                "scope": "community",
                "community_id": self.estate.community.id,
                "interval": "daily",
                "start_time": 1.0,
                "kind": "daily",
                "user_id": self.estate.community.user_id.id,
            }
        )

    def _compare_lists(self):
        """Keep that the concentrators' lists were read back when they were set up."""
        for collector in self.estate.collectors.values():
            concentrator = collector.concentrator_id
            concentrator._keep_differences(
                [meter._prepare_archive() for meter in concentrator.meter_ids]
            )

    def _send_the_reader_out(self):
        """Leave the meters that no device reads to the reader on foot."""
        reader = self.env["res.users"].search([("login", "=", "chaobiao")])
        for building, _rooms, wire in self.estate.buildings:
            if not wire:
                task = self.env["amr.read.task"].create(
                    {
                        "scope": "building",
                        "building_id": building.id,
                        "user_id": reader.id,
                    }
                )
                task.action_start()
