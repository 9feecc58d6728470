from datetime import date, datetime, timedelta

import psycopg2
from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.amr_base.tools import dec
from odoo.addons.amr_metering.models.amr_alarm_check import FINAL_SPANS
from odoo.addons.amr_metering.tools import span_usage_sql

from .common import HoursCommon


@tagged("post_install", "-at_install")
class TestInterval(HoursCommon):
    def test_hourly_readings_end_in_the_store_of_their_own(self):
        result = self._ingest(*self._hours("10", "10.5", "11.25"))
        self.assertEqual((result.inserted, result.suspects), (3, 0))
        self.assertEqual(
            self.env["amr.reading"].search_count([("meter_id", "=", self.meter.id)]), 0
        )
        self.assertEqual(
            [str(dec(row.index)) for row in self._stored()],
            ["10.000", "10.500", "11.250"],
        )
        self.assertEqual(str(dec(self.meter.latest_index)), "11.250")
        self.assertEqual(self.meter.state, "normal")

    def test_the_latest_index_of_a_meter_read_by_the_hour(self):
        """Putting a typed index aside brings the newest hour back, not nothing."""
        self._ingest(*self._hours("10", "11"))
        self._ingest(self._row(900, "2026-03-01 02:30:00", source="manual"))
        self.assertEqual(self.meter.latest_index, 900)
        self.env["amr.reading"].search(
            [("meter_id", "=", self.meter.id)]
        ).action_put_aside()
        self.assertEqual(self.meter.latest_index, 11)
        self.assertEqual(self.meter.latest_at, datetime(2026, 3, 1, 2))

    def test_an_accepted_hour_is_the_latest_index(self):
        self._ingest(*self._hours("10", "11"))
        self._ingest(*self._hours("10", "11.5"))
        self.assertEqual(self.meter.latest_index, 11)
        self._stored().filtered(lambda row: row.quality == "suspect").action_accept()
        self.assertEqual(self.meter.latest_index, 11.5)

    def test_a_freeze_that_is_put_aside_takes_its_hour_along(self):
        rows = self._hours("10", "400", start="2026-03-01 15:00:00")
        self._ingest(*rows)
        freeze = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        freeze.action_put_aside()
        self.assertEqual(self.meter.latest_index, 10)
        self._ingest(*rows)  # a person has decided
        self.assertEqual([r.quality for r in self._stored()], ["ok", "aside"])
        self.assertEqual((freeze.quality, self.meter.latest_index), ("suspect", 10))

    def test_an_hour_that_was_held_back_is_used_once_it_fits(self):
        self._ingest(*self._hours("100"))
        rows = self._hours("20", start="2026-03-01 02:00:00")
        self._ingest(*rows)
        exception = self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        self._ingest(*rows)
        self.assertEqual(exception.state, "open")
        wrong = self._stored()[0]
        self.env.cr.execute(
            "UPDATE amr_interval SET quality = 'superseded' WHERE id = %s", (wrong.id,)
        )
        wrong.invalidate_recordset()
        self._ingest(*rows)
        self.assertEqual([r.quality for r in self._stored()], ["superseded", "ok"])
        self.assertEqual((exception.state, self.meter.latest_index), ("resolved", 20))

    def test_the_same_rows_twice_are_one_reading(self):
        self._ingest(*self._hours("10", "11"))
        again = self._ingest(*self._hours("10", "11", "12"))
        self.assertEqual((again.inserted, again.duplicates), (1, 2))
        self.assertEqual(len(self._stored()), 3)

    def test_another_value_for_the_same_hour_is_kept_and_raised(self):
        self._ingest(*self._hours("10", "11"))
        result = self._ingest(*self._hours("10", "11.5"))
        self.assertEqual((result.inserted, result.conflicts), (1, 1))
        suspect = self._stored().filtered(lambda row: row.quality == "suspect")
        self.assertEqual(str(dec(suspect.index)), "11.500")
        self.assertEqual(
            self.env["amr.exception"].search([("meter_id", "=", self.meter.id)]).kind,
            "conflict",
        )
        reader = self._operator("interval_reader", "amr_base.group_reader")
        with self.assertRaises(AccessError):
            suspect.with_user(reader).action_accept()
        admin = self._operator("interval_admin", "amr_base.group_community_admin")
        suspect.with_user(admin).action_accept()
        exception = self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(exception.state, "resolved")
        self.assertIn(f"Accepted by {admin.name}", exception.resolution)
        self.assertEqual(
            [(str(dec(row.index)), row.quality) for row in self._stored()],
            [("10.000", "ok"), ("11.000", "superseded"), ("11.500", "ok")],
        )

    def test_an_index_that_goes_back_is_suspect_and_counts_nothing(self):
        self._ingest(*self._hours("100", "101", "90", "102"))
        self.assertEqual(
            [row.quality for row in self._stored()], ["ok", "ok", "suspect", "ok"]
        )
        self.assertEqual([row.usage for row in self._usage()], [False, 1.0, 1.0])

    def test_a_register_turns_over(self):
        result = self._ingest(*self._hours("999999", "2"))
        self.assertEqual(result.suspects, 0)
        self.assertEqual(self._usage()[-1].usage, 3)

    def test_a_fall_from_the_middle_is_no_turn(self):
        self.meter.model_id.digits = 5
        self.env.ref("amr_metering.vee_rule_hour_spike").active = False
        result = self._ingest(*self._hours("990", "80000", "991"))
        self.assertEqual(result.suspects, 1)
        self.assertEqual(self._stored().mapped("quality"), ["ok", "ok", "suspect"])
        raised = self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(raised.mapped("kind"), ["negative"])

    def test_rows_of_an_unknown_meter_are_reported(self):
        row = self._hours("10")[0]
        row.update(meter_id=None, address="123456789012")
        known = self._row(20, "2026-03-01 02:00:00", kind="spot")
        result = self._ingest(row, known)
        self.assertEqual((result.inserted, result.unknown), (1, 1))
        self.assertTrue(
            self.env["amr.exception"].search(
                [("kind", "=", "unknown"), ("reason", "like", "123456789012")]
            )
        )

    def test_the_index_at_local_midnight_is_the_daily_freeze(self):
        self._ingest(*self._hours("10", "11", "12", start="2026-03-01 15:00:00"))
        freeze = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(
            (freeze.kind, freeze.read_at, str(dec(freeze.index))),
            ("daily", datetime(2026, 3, 1, 16), "11.000"),
        )

    def test_an_accepted_midnight_is_the_daily_freeze_too(self):
        self._ingest(*self._hours("10", start="2026-03-01 16:00:00"))
        self._ingest(*self._hours("11", start="2026-03-01 16:00:00"))
        self._stored().filtered(lambda row: row.quality == "suspect").action_accept()
        freezes = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        used = freezes.filtered(lambda r: not r.superseded_by_id)
        self.assertEqual((str(dec(used.index)), used.quality), ("11.000", "ok"))
        exceptions = self.env["amr.exception"].search(
            [("meter_id", "=", self.meter.id)]
        )
        self.assertEqual(set(exceptions.mapped("state")), {"resolved"})

    def test_consumption_of_an_hour_is_exact_and_times_the_factor(self):
        """GV9 by the hour, behind transformers of 30."""
        self.meter.current_ratio = 30
        self._ingest(*self._hours("1124.73", "1125.09"))
        hour = self._usage()[-1]
        self.assertEqual(str(dec(hour.usage)), "10.800")
        self.assertEqual(hour.start_at, datetime(2026, 3, 1, 1))

    def test_hours_are_asked_for_one_meter_at_a_time(self):
        """S4 2.2: detail by the hour cannot be queried as a whole."""
        self._ingest(*self._hours("10", "11"))
        Usage = self.env["amr.interval.usage"]
        self.assertFalse(Usage.search([]))
        self.assertFalse(Usage.search([("read_at", ">", "2026-01-01")]))
        self.assertEqual(
            Usage._read_group(
                [("meter_id", "=", self.meter.id)], ["read_at:day"], ["usage:sum"]
            ),
            [(datetime(2026, 3, 1), 1.0)],
        )

    def test_a_chart_tells_the_hours_of_the_morning_from_those_of_the_evening(self):
        """With Odoo's twelve hours the use at 1:00 was hidden by that at 13:00."""
        self._ingest(*self._hours(*map(str, range(25)), start="2026-03-01 16:00:00"))
        groups = self.env["amr.interval.usage"].formatted_read_group(
            [("meter_id", "=", self.meter.id)], ["read_at:hour"], ["usage:sum"]
        )
        labels = [group["read_at:hour"][1] for group in groups]
        self.assertEqual(len(set(labels)), len(groups))
        self.assertGreater(len(groups), 12)
        self.assertIn("13:00", " ".join(labels))

    def test_the_hours_of_a_day_add_up_to_what_the_day_used(self):
        """The last hour ends at the midnight at which the next day begins."""
        self._ingest(
            *self._hours(*range(100, 124), 150, start="2026-03-01 16:00:00"),
            *self._hours(151, 152, start="2026-03-02 17:00:00"),
        )
        Usage = self.env["amr.interval.usage"].with_context(tz=self.community.tz)
        arch = Usage.get_view(view_type="pivot")["arch"]
        [row] = etree.fromstring(arch).xpath("//field[@type='row']")
        groups = Usage.formatted_read_group(
            [("meter_id", "=", self.meter.id)],
            [f"{row.get('name')}:{row.get('interval')}"],
            ["usage:sum"],
        )
        day = self.env["amr.usage.day"].search(
            [("meter_id", "=", self.meter.id), ("day", "=", "2026-03-02")]
        )
        self.assertEqual(day.usage, 50)
        self.assertIn(50, [group["usage:sum"] for group in groups])

    def test_the_parts_of_a_total_are_not_added_to_it(self):
        for action in (
            self.meter.action_open_hours(),
            self.env["ir.actions.act_window"]._for_xml_id(
                "amr_metering.amr_interval_usage_action"
            ),
        ):
            self.assertIn("search_default_total", str(action["context"]))

    def test_postgresql_keeps_a_partition_a_month_for_ten_years_and_more(self):
        """S3 五: nothing is removed; what is ten years old is as near as today."""
        self._ingest(*self._hours("1", "2", start="2015-06-30 23:00:00"))
        self.assertEqual(len(self._usage()), 2)
        self.env.cr.execute(
            "SELECT tableoid::regclass::text, count(*) FROM amr_interval "
            "WHERE meter_id = %s GROUP BY 1 ORDER BY 1",
            (self.meter.id,),
        )
        self.assertEqual(
            self.env.cr.fetchall(),
            [("amr_interval_2015_06", 1), ("amr_interval_2015_07", 1)],
        )

    def test_partitions_are_made_ahead(self):
        cron = self.env.ref("amr_metering.amr_interval_cron_partitions")
        after = date.today().replace(day=1) + timedelta(days=95)
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        for table in ("amr_interval", "amr_snapshot"):
            name = f"{table}_{after - timedelta(days=10):%Y_%m}"
            self.env.cr.execute("SELECT to_regclass(%s) IS NOT NULL", (name,))
            self.assertTrue(self.env.cr.fetchone()[0], name)

    @mute_logger("odoo.sql_db")
    def test_what_was_measured_is_never_changed_or_deleted(self):
        """Promise I9 holds for intervals and measured values, too."""
        self._ingest(*self._hours("10"))
        self.env["amr.snapshot"]._ingest(
            [{"meter_id": self.meter.id, "read_at": datetime(2026, 3, 1)}]
        )
        for statement in (
            'UPDATE amr_interval SET "index" = 9 WHERE meter_id = %s',
            "DELETE FROM amr_interval WHERE meter_id = %s",
            "UPDATE amr_snapshot SET voltage_a = 9 WHERE meter_id = %s",
            "DELETE FROM amr_snapshot WHERE meter_id = %s",
        ):
            with self.assertRaises(psycopg2.Error), self.cr.savepoint():
                self.env.cr.execute(statement, (self.meter.id,))

    def test_an_event_has_what_was_measured_at_that_moment(self):
        """S3 七.2: time, V, I, PF, Hz, power and the energy of both directions."""
        row = {
            "meter_id": self.meter.id,
            "read_at": datetime(2026, 3, 1, 5, 30),
            "event": "neutral",
            "voltage_a": dec("231.4", 1),
            "current_a": dec("2.5"),
            "current_n": dec("9.75"),
            "power": dec("0.569"),
            "power_factor": dec("0.984"),
            "frequency": dec("50.02", 2),
            "import_index": dec("1124.73"),
            "export_index": dec("0.36"),
        }
        Snapshot = self.env["amr.snapshot"]
        self.assertEqual(Snapshot._ingest([row]), 1)
        self.assertEqual(Snapshot._ingest([row]), 0)
        event = Snapshot.search([("event", "=", "neutral")])
        self.assertEqual(event.read_at, row["read_at"])
        for name in row.keys() - {"meter_id", "read_at", "event"}:
            self.assertEqual(dec(event[name]), dec(row[name]), name)
        self.assertIs(event.voltage_b, False)

    def test_measured_values_are_compared_with_limits(self):
        self.env["amr.alarm.limit"].search([]).active = False
        self.env["amr.alarm.limit"].create(
            {
                "utility_id": self.electricity.id,
                "community_id": self.community.id,
                "voltage_max": 250,
                "current_max": 40,
            }
        )
        self.env["amr.snapshot"]._ingest(
            [
                {
                    "meter_id": self.meter.id,
                    "read_at": datetime.now() - timedelta(hours=1),
                    "voltage_a": dec("231", 1),
                    "voltage_b": dec("250.5", 1),
                    "current_a": dec("39.9"),
                }
            ]
        )
        self.env["amr.alarm"]._cron_check()
        alarm = self.env["amr.alarm"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual((alarm.kind, alarm.value), ("voltage", 250.5))

    def test_current_past_the_meter_is_an_alarm(self):
        """S3 七.2: the neutral transformer of a single-phase meter against theft."""
        self.env["amr.alarm.limit"].search([]).active = False
        self.env["amr.alarm.limit"].create(
            {"community_id": self.community.id, "neutral_max": 2}
        )

        def measure(hour, **values):
            at = datetime.now() - timedelta(hours=hour)
            row = {"meter_id": self.meter.id, "read_at": at}
            for name, value in values.items():
                row[name] = dec(value)
            self.env["amr.snapshot"]._ingest([row])
            self.env["amr.alarm"]._cron_check()
            return self.env["amr.alarm"].search(
                [("meter_id", "=", self.meter.id), ("state", "!=", "closed")]
            )

        self.assertFalse(measure(9, current_a="10", current_n="11.9"))
        self.assertFalse(measure(8, current_a="10"), "it has no second transformer")
        three_phases = {"current_b": "2", "current_c": "3", "current_n": "8"}
        self.assertFalse(measure(7, current_a="1", **three_phases), "its sum, not one")
        # the sign is the direction of the energy
        alarm = measure(6, current_a="-2.5", current_n="9.75")
        self.assertEqual((alarm.kind, alarm.value), ("neutral", 7.25))
        self.assertIn("7.25, limit 2", alarm._describe())
        self.assertFalse(measure(5, current_a="2.5", current_n="2.5"))

    def test_use_of_a_night_is_known_from_hours(self):
        """Local midnight and 06:00 of 2 March, both from the interval store."""
        self._ingest(*self._hours(*range(10, 17), start="2026-03-01 16:00:00"))
        spans = {"night": FINAL_SPANS["night"]}
        rows = self.env.execute_query(
            span_usage_sql(
                SQL("(SELECT %s)", self.meter.id), spans, datetime(2026, 3, 2, 4)
            )
        )
        self.assertEqual([(row[2], row[3]) for row in rows], [("night", 6)])

    def test_other_communities_are_invisible(self):
        __, other = self._install(
            "990000000011", self._room("0101", self.other_building)
        )
        self._ingest(*self._hours("1", "2"), *self._hours("3", "4", meter=other))
        self.env["amr.snapshot"]._ingest(
            [
                {"meter_id": meter.id, "read_at": datetime(2026, 3, 1)}
                for meter in (self.meter, other)
            ]
        )
        reader = self._operator("interval_reader", "amr_base.group_reader")
        for model in ("amr.interval", "amr.interval.usage", "amr.snapshot"):
            found = (
                self.env[model]
                .with_user(reader)
                .search([("meter_id", "in", (self.meter | other).ids)])
            )
            self.assertEqual(found.meter_id, self.meter, model)
        with self.assertRaises(AccessError):
            self._stored().with_user(reader)[:1].write({"quality": "ok"})
