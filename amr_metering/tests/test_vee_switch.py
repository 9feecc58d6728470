from datetime import date, datetime, timedelta
from decimal import Decimal

from odoo.tests import tagged

from .common import MeteringCommon

JUNE = date(2026, 6, 1)


@tagged("post_install", "-at_install")
class TestVeeSwitch(MeteringCommon):
    """Every rule finds its case, says why, and is switched by community and utility.

    What comes in does so through the one door; what is found over days by the night.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter_model.digits = 5

    def _freeze(self, day, index, meter=None):
        moment = self.community._local_midnight(day).isoformat(" ")
        return self._row(index, moment, meter, kind="daily")

    def _course(self, usages, meter=None, start=100):
        index, rows = Decimal(start), [self._freeze(JUNE, start, meter)]
        for number, usage in enumerate(usages, 1):
            index += Decimal(str(usage))
            rows.append(self._freeze(JUNE + timedelta(days=number), index, meter))
        self._ingest(*rows)

    def _judge(self, days):
        self.community._validate_day(JUNE + timedelta(days=days - 1))

    # === One case for each rule: ``_case_<kind>`` returns its meter === #

    def _case_future(self):
        soon = datetime.now() + timedelta(hours=2)
        self._ingest(self._row(5, soon.isoformat(" ", "seconds")))
        return self.meter

    def _case_duplicate(self):
        row = self._row(10, "2026-01-02 00:00:00")
        self._ingest(row, row)
        return self.meter

    def _case_negative(self):
        self._ingest(
            self._row(106, "2026-01-02 00:00:00"), self._row(21, "2026-01-22 00:00:00")
        )
        return self.meter

    def _case_rollover(self):
        for index, at in ((99500, "01-02"), (99790, "01-31"), (4000, "02-02")):
            self._ingest(self._row(index, f"2026-{at} 00:00:00"))
        return self.meter

    def _case_high(self):
        self.tariff.version_ids.normal_max = 300
        self._ingest(self._row(900, "2026-01-20 00:00:00"))
        return self.meter

    def _case_hour_spike(self):
        for hour, index in enumerate((10, 11, 700)):
            self._ingest(self._row(index, f"2026-01-20 0{hour}:00:00", kind="hourly"))
        return self.meter

    def _case_low(self):
        self.tariff.version_ids.normal_min = 20
        self._ingest(self._row(5, "2026-01-31 16:00:00", kind="daily"))
        return self.meter

    def _case_skew(self):
        self._ingest(self._row(25, "2026-01-31 16:20:00", kind="daily"))
        return self.meter

    def _case_late(self):
        self._ingest(self._row(150, "2026-06-01 00:00:00"))
        self._ingest(self._row(60, "2026-03-01 00:00:00"))
        return self.meter

    def _case_factor(self):
        self._ingest(self._row(25, "2026-01-31 00:00:00"))
        self.meter.current_ratio = 40
        return self.meter

    def _case_spike(self):
        self._course([2] * 20 + [60])
        self._judge(21)
        return self.meter

    def _case_static(self):
        self._course([3] * 5 + [0] * 16)
        self._judge(21)
        return self.meter

    def _case_missing(self):
        self._course([3] * 5)
        # one that is read over a wire; which protocols there are is others' business
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE amr_meter_model SET protocol = 'any' WHERE id = %s",
            (self.meter_model.id,),
        )
        self._judge(9)
        return self.meter

    def _case_sum(self):
        point, master = self._install("990000000040", self._room("0141"))
        point.kind = "master"
        self.point.parent_id = point
        self._course([10] * 7)
        self._course([19] * 7, master)
        self._judge(7)
        return master

    def _case_vacant(self):
        self._course([4] * 10)
        self.agreement.date_to = self.community._local_midnight(date(2026, 6, 5))
        self._judge(8)
        return self.meter

    def _case_test(self):
        point, meter = self._install("990000000050", self._room("0150"), 2)
        self._course([3, 0, 0], meter, start=2)
        self._agree(point, date_from=self.community._local_midnight(date(2026, 6, 3)))
        self._judge(3)
        return meter

    # === #

    def _find(self, kind, **off):
        """Return what is said about the case of a kind, and undo it.

        :param off: where a rule of its own is switched off
        """
        with self.env.cr.savepoint() as savepoint:
            if off:
                rule = self.env.ref(f"amr_metering.vee_rule_{kind}")
                rule.copy({"active": False, **off})
            meter = getattr(self, f"_case_{kind}")()
            verdicts = meter.verdict_ids.filtered(lambda verdict: verdict.kind == kind)
            raised = self.env["amr.exception"].search(
                [("meter_id", "=", meter.id), ("kind", "=", kind)]
            )
            found = [
                (verdict.reason, verdict.severity, verdict.exception_id.reason)
                for verdict in verdicts
            ]
            on_reading = verdicts.reading_id.verdict_ids & verdicts
            self.assertEqual(bool(on_reading), bool(verdicts.reading_id))
            self.assertEqual(raised, verdicts.exception_id)
            self.env.flush_all()
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        return found

    def _check(self, kind):
        [(reason, severity, raised)] = self._find(kind)
        self.assertTrue(reason)
        self.assertNotIn("%(", reason)
        self.assertEqual(raised, severity != "note" and reason)
        self.assertFalse(self._find(kind, community_id=self.community.id))
        self.assertFalse(self._find(kind, utility_id=self.electricity.id))
        self.assertTrue(self._find(kind, community_id=self.other_community.id))

    def test_every_rule_is_switched_by_community_and_utility(self):
        kinds = dict(self.env["amr.vee.rule"]._fields["kind"].selection)
        # of two values at one time only one may ever count: never switched off
        for kind in kinds.keys() - {"conflict"}:
            with self.subTest(kind):
                self._check(kind)
