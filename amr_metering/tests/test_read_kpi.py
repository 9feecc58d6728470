from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestReadKpi(MeteringCommon):
    """Four meters: read at once, read again, not answering, read by hand."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meters = cls.meter
        for number in range(2, 5):
            cls.meters |= cls._install(
                f"99000000000{number}", cls._room(f"010{number}")
            )[1]
        cls.task = cls.env["amr.read.task"].create(
            {"scope": "community", "community_id": cls.community.id}
        )
        cls.task._create_lines(cls.meters)
        cls.task.write({"state": "running", "started_at": "2026-03-09 17:00:00"})
        first, again, silent, hand = cls.task.line_ids
        again.rereads = 1
        hand._leave_to_people()
        cls.task._record_readings(
            [
                cls._row(5, "2026-03-09 17:00:00", meter=line.meter_id)
                for line in first | again
            ]
        )
        for _try in range(3):
            cls.task._record_failures({silent.meter_id.id: "no answer"})
        hand.enter("7")
        cls.silent = silent.meter_id

    def _kpi(self):
        return self.env["amr.read.kpi"].search([("task_id", "=", self.task.id)])

    def test_success_counts_what_answered_and_accounts_for_the_rest(self):
        self.assertRecordValues(
            self._kpi(),
            [
                {
                    "date": fields.Date.to_date("2026-03-10"),  # in Shanghai
                    "community_id": self.community.id,
                    "total": 4,
                    "asked": 3,
                    "read_first": 1,
                    "read_again": 1,
                    "read_by_hand": 1,
                    "missing": 1,
                    "unexplained": 0,
                    "waiting": 0,
                    "on_target": False,
                }
            ],
        )
        self.assertAlmostEqual(self._kpi().success_rate, 66.67, 2)
        self.assertEqual(self._kpi().accounted_rate, 100)

    def test_rates_of_groups_are_ratios_of_sums(self):
        other = self.task.copy()
        other._create_lines(self.meter)
        other.write({"state": "running", "started_at": "2026-03-10 17:00:00"})
        other._record_readings([self._row(9, "2026-03-10 17:00:00")])
        [group] = self.env["amr.read.kpi"].formatted_read_group(
            [("task_id", "in", (self.task | other).ids)],
            ["community_id"],
            ["success_rate:avg", "first_rate:avg", "accounted_rate:avg", "asked:sum"],
        )
        self.assertEqual(group["asked:sum"], 4)
        self.assertAlmostEqual(group["success_rate:avg"], 75)  # not (66.67 + 100) / 2
        self.assertAlmostEqual(group["first_rate:avg"], 50)
        self.assertAlmostEqual(group["accounted_rate:avg"], 100)

    def test_a_missing_meter_without_an_exception_shows(self):
        """What promise I10 forbids would be seen here."""
        exception = self.env["amr.exception"].search(
            [("meter_id", "=", self.silent.id), ("kind", "=", "missing")]
        )
        exception.write({"state": "resolved", "resolved_at": "2026-03-09 18:00:00"})
        self.env.flush_all()
        self.assertEqual(self._kpi().unexplained, 0)
        exception.resolved_at = "2026-03-09 16:00:00"
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual((self._kpi().unexplained, self._kpi().accounted_rate), (1, 75))

    def test_only_in_scope(self):
        reader = self._operator("amr_reader", "amr_base.group_reader")
        stranger = self._operator(
            "amr_stranger", "amr_base.group_reader", self.other_community
        )
        self.assertTrue(self._kpi().with_user(reader).mapped("success_rate"))
        kpis = self.env["amr.read.kpi"].with_user(stranger)
        self.assertFalse(kpis.search([("task_id", "=", self.task.id)]))
        clerk = self._operator("amr_clerk", "amr_base.group_clerk")
        with self.assertRaises(AccessError):
            self.env["amr.read.kpi"].with_user(clerk).search([])
