import runpy
from datetime import datetime, timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import file_path

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestExceptions(MeteringCommon):
    """The work list: what people do about exceptions, and what becomes of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._operator("exc_admin", "amr_base.group_community_admin")
        cls.reader = cls._operator("exc_reader", "amr_base.group_reader")

    def _list(self, meter=None, user=None):
        return (
            self.env["amr.exception"]
            .with_user(user or self.admin)
            .search([("meter_id", "=", (meter or self.meter).id)])
        )

    def _fall(self):
        self._ingest(
            self._row(106, "2026-01-22 00:00:00"), self._row(21, "2026-02-02 00:00:00")
        )
        return self._list()

    def test_a_second_finding_is_added_to_the_first(self):
        exception = self._fall()
        self._ingest(self._row(22, "2026-02-03 00:00:00"))
        self.assertEqual(self._list(), exception)
        for index in ("21.000", "22.000"):
            self.assertIn(f"index {index}", exception.reason)
        self.assertEqual(len(exception.verdict_ids), 2)
        exception.action_resolve()
        self._ingest(self._row(23, "2026-02-04 00:00:00"))
        self.assertEqual(len(self._list()), 2, "what is resolved stays as it was")
        self.assertNotIn("23.000", exception.reason)

    def test_what_was_found_once_was_found_last_when_it_was_raised(self):
        """Not on the day of the update that brought the column."""
        exception, again = self._fall(), self.env["amr.exception"]
        again = again._raise_exception("static", "It stands still.", meter=self.meter)
        again.found_count = 2
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_exception SET create_date = '2026-02-02', "
            "last_found_at = '2026-03-03' WHERE id = ANY(%s)",
            ((exception | again).ids,),
        )
        path = "amr_metering/migrations/19.0.1.0.2/post-migration.py"
        runpy.run_path(file_path(path))["migrate"](self.env.cr, "19.0.1.0.1")
        self.env.invalidate_all()
        self.assertEqual(exception.last_found_at, datetime(2026, 2, 2))
        self.assertEqual(again.last_found_at, datetime(2026, 3, 3))

    def test_what_blocks_billing_is_listed_at_the_end_of_a_month(self):
        held = self._fall()
        raise_ = self.env["amr.exception"]._raise_exception
        missing = raise_("missing", "No freeze since the 3rd.", meter=self.meter)
        static = raise_("static", "It stands still.", meter=self.meter)
        view = self.env["amr.exception"].get_view(view_type="search")
        self.assertIn("blocks_billing", view["arch"])
        listed = self.env["amr.exception"].with_user(self.admin)
        own = [("meter_id", "=", self.meter.id)]
        blocking = listed.search([*own, ("blocks_billing", "=", True)])
        self.assertEqual(blocking, held | missing)
        self.assertEqual(listed.search(own) - blocking, static)
        self.assertEqual(blocking.mapped("blocks_billing"), [True, True])
        self.assertFalse(static.blocks_billing)
        (held | missing).action_resolve()
        self.assertFalse(listed.search([*own, ("blocks_billing", "=", True)]))

    def test_documents_keep_their_exceptions_apart(self):
        raise_ = self.env["amr.exception"]._raise_exception
        first = raise_("device", "Order 1 failed.", meter=self.meter, origin="1")
        other = raise_("device", "Order 2 failed.", meter=self.meter, origin="2")
        again = raise_("device", "Order 1 in doubt.", meter=self.meter, origin="1")
        self.assertEqual(again, first)
        self.assertNotEqual(other, first)
        self.assertEqual(first.reason, "Order 1 failed.\nOrder 1 in doubt.")

    def test_accept(self):
        self.tariff.version_ids.normal_max = 100
        self._ingest(self._row(900, "2026-01-20 00:00:00"))
        exception = self._list()
        self.assertEqual(exception.suspect_count, 1)
        with self.assertRaises(AccessError):
            exception.with_user(self.reader).action_accept()
        exception.action_accept()
        self.assertEqual(exception.reading_id.quality, "ok")
        self.assertEqual(self.meter.latest_index, 900)
        self.assertIn(f"Accepted by {self.admin.name}", exception.resolution)
        self.assertEqual(exception.verdict_ids.kind, "high", "the verdict stays")

    def test_what_contradicts_a_reading_in_use_is_not_accepted(self):
        exception = self._fall()
        with self.assertRaisesRegex(UserError, "cannot be right while 106.000"):
            exception.action_accept()
        wrong = self.env["amr.reading"].search(
            [("meter_id", "=", self.meter.id), ("index", "=", 106)]
        )
        with self.assertRaises(AccessError):
            wrong.with_user(self.reader).action_put_aside()
        wrong.with_user(self.admin).action_put_aside()
        self.assertEqual((wrong.quality, self.meter.latest_at), ("suspect", False))
        exception.action_accept()
        self.assertEqual(self.meter.latest_index, 21)

    def test_a_meter_that_rolled_over_long_ago_can_be_accepted(self):
        self.meter.model_id.digits = 5
        self._ingest(
            self._row(99500, "2026-01-01 00:00:00"),
            self._row(99800, "2026-01-02 00:00:00"),
            self._row(200, "2026-01-05 00:00:00"),
            self._row(12000, "2026-06-02 00:00:00"),
        )
        self.tariff.version_ids.normal_max = 100
        self._ingest(self._row(12500, "2026-06-10 00:00:00"))
        exception = self._list()
        self.assertEqual(exception.kind, "high")
        exception.action_accept()
        self.assertEqual(self.meter.latest_index, 12500)

    def test_what_contradicts_a_later_reading_is_not_accepted(self):
        self._ingest(
            self._row(1000, "2026-01-02 00:00:00"),
            self._row(1100, "2026-01-04 00:00:00"),
        )
        self._ingest(self._row(9000, "2026-01-03 00:00:00"))
        with self.assertRaisesRegex(UserError, "cannot be right while 1100.000"):
            self._list().action_accept()

    def test_put_aside_without_another_reading_shows_the_opening_index(self):
        __, meter = self._install("990000000091", self._room("0191"), 44)
        self._ingest(self._row(60, "2026-01-02 00:00:00", meter))
        self.env["amr.reading"].search([("meter_id", "=", meter.id)]).with_user(
            self.admin
        ).action_put_aside()
        self.assertEqual((meter.latest_index, meter.latest_at), (44, False))

    def test_put_aside(self):
        exception = self._fall()
        clerk = self._operator("exc_clerk", "amr_base.group_clerk")
        with self.assertRaises(AccessError):
            exception.with_user(clerk).action_put_aside()
        static = self.env["amr.exception"]._raise_exception(
            "static", "It stands still.", meter=self.meter
        )
        with self.assertRaisesRegex(UserError, "nothing to put aside"):
            static.action_put_aside()
        (exception | static.with_env(exception.env)).action_put_aside()
        self.assertEqual(static.state, "open")
        self.assertEqual(exception.state, "resolved")
        self.assertEqual(exception.reading_id.quality, "suspect")

    def test_a_good_reading_answers(self):
        exception = self._fall()
        self._ingest(self._row(110, "2026-02-03 00:00:00"))
        self.assertEqual(exception.state, "resolved")
        self.assertIn("110.000", exception.resolution)
        self.assertIn("21.000", exception.reason)
        self.assertEqual(exception.reading_id.quality, "suspect")

    def test_what_is_judged_against_the_suspect_one_does_not_answer(self):
        self.tariff.version_ids.normal_max = 100
        self._ingest(
            self._row(100, "2026-01-02 00:00:00"),
            self._row(900, "2026-01-20 00:00:00"),
            self._row(905, "2026-01-21 00:00:00"),
        )
        self.assertEqual(self._list().state, "open")

    def test_read_again_makes_a_task(self):
        exception = self._fall()
        action = exception.with_user(self.reader).action_read_again()
        task = self.env["amr.read.task"].browse(action["res_id"])
        self.assertEqual(task.line_ids.meter_id, self.meter)
        self.assertEqual(exception.task_id, task)

    def test_replace_opens_the_wizard_at_the_point(self):
        action = self._fall().action_replace_meter()
        with Form(
            self.env[action["res_model"]].with_context(**action["context"])
        ) as form:
            form.new_meter_id = self.meter.copy({"number": "9", "address": "9"})
            form.reason = "Broken"
        wizard = form.record
        self.assertEqual(wizard.old_meter_id, self.meter)

    def test_assigning_gives_a_task_to_do(self):
        exceptions = self._fall()
        exceptions.with_user(self.reader).action_assign_to_me()
        self.assertEqual(exceptions.user_id, self.reader)
        self.assertEqual(exceptions.activity_ids.user_id, self.reader)
        exceptions.action_resolve()
        self.assertFalse(exceptions.activity_ids)

    def test_the_manager_of_the_community_is_responsible(self):
        self.community.user_id = self.admin
        exception = self._fall()
        self.assertEqual(exception.user_id, self.admin)
        self.assertEqual(exception.building_id, self.building)

    def test_filters_of_the_list(self):
        exception = self._fall()
        old = datetime.now() - timedelta(days=5, hours=1)
        self.env.cr.execute(
            "UPDATE amr_exception SET create_date = %s WHERE id = %s",
            (old, exception.id),
        )
        exception.invalidate_recordset()
        self.assertEqual(exception.age, 5)
        found = self.env["amr.exception"].search(
            [("create_date", "<", "today -3d"), ("meter_id", "=", self.meter.id)]
        )
        self.assertEqual(found, exception)

    def test_another_communitys_exceptions_are_nobodys_business(self):
        exception = self._fall()
        other = self._operator(
            "exc_other", "amr_base.group_community_admin", self.other_community
        )
        self.assertFalse(self._list(user=other))
        with self.assertRaises(AccessError):
            exception.with_user(other).action_put_aside()

    # === Unknown meters === #

    def _unknown_rows(self, *indexes):
        rows = [
            self._row(index, f"2026-02-0{number} 00:00:00", kind="daily")
            for number, index in enumerate(indexes, 1)
        ]
        return [{**row, "meter_id": None, "address": "123456789012"} for row in rows]

    def test_records_of_unknown_meters_are_kept_whole_and_brought_in(self):
        """Row 71 (KTAMR manual 6.2)."""
        rows = self._unknown_rows(10, 20)
        self._ingest(*rows)
        result = self._ingest(rows[0])
        self.assertEqual((result.inserted, result.unknown), (0, 1))
        kept = self.env["amr.unknown.reading"].search(
            [("address", "=", "123456789012")]
        )
        self.assertEqual(kept.sorted("read_at").mapped("index"), [10, 20])
        exception = self.env["amr.exception"].search(
            [("kind", "=", "unknown"), ("origin", "=", "123456789012")]
        )
        self.assertEqual(len(exception), 1)
        with self.assertRaisesRegex(UserError, "still no meter with the address"):
            exception.action_bring_in()
        __, meter = self._install("123456789012", self._room("0190"))
        exception.action_bring_in()
        self.assertEqual(meter.latest_index, 20)
        self.assertEqual(set(kept.mapped("state")), {"taken"})
        self.assertEqual(exception.state, "resolved")
        readings = self.env["amr.reading"].search([("meter_id", "=", meter.id)])
        self.assertEqual(set(readings.mapped("source")), {"remote"})
        self.assertEqual(set(readings.mapped("kind")), {"daily"})

    def test_unknown_meters_are_for_who_adds_meters(self):
        self._ingest(*self._unknown_rows(10))
        model = self.env["amr.unknown.reading"]
        self.assertTrue(model.with_user(self.admin).search([]))
        with self.assertRaises(AccessError):
            model.with_user(self.reader).search([])

    # === Diagnosis === #

    def test_diagnosis_puts_likely_causes_into_words(self):
        """Row 58: one screen with readings, use, findings and what it may be."""
        self._fall()
        meter = self.meter.with_user(self.admin)
        action = meter.action_diagnose()
        self.assertEqual(action["res_id"], meter.id)
        self.assertIn("replaced without being entered", meter.diagnosis)
        self.assertEqual(meter.recent_reading_ids.mapped("index"), [21, 106])
        self.assertEqual(meter.verdict_ids.kind, "negative")
        quiet = self._install("990000000099", self._room("0199"))[1]
        self.assertIn("Nothing was found", quiet.diagnosis)

    def test_diagnosis_shows_use_by_day(self):
        midnight = self.community._local_midnight
        today = self.community._local_date(datetime.now())
        self._ingest(
            *(
                self._row(
                    100 + 3 * number,
                    midnight(today - timedelta(days=5 - number)).isoformat(" "),
                    kind="daily",
                )
                for number in range(5)
            )
        )
        self.assertEqual(self.meter.recent_usage.count("<tr>"), 4)
        self.assertIn("3.000", self.meter.recent_usage)
