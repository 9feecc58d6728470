from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestCommissioning(MeteringCommon):
    """Going live: KTAMR manual 6."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._operator("commission_admin", "amr_base.group_community_admin")

    def _guide(self, **vals):
        guide = (
            self.env["amr.commissioning"]
            .with_user(self.admin)
            .create({"community_id": self.community.id, **vals})
        )
        guide.action_refresh()
        return guide

    def _done(self, guide):
        return [step.done for step in guide.step_ids]

    def test_seven_steps_follow_from_facts(self):
        """Row 42. Nobody ticks anything."""
        guide = self._guide()
        self.assertEqual(guide.step_ids.mapped("sequence"), list(range(1, 8)))
        self.assertEqual(self._done(guide), [True] * 5 + [False] * 2)
        self._ingest(self._row(3, "2026-01-02 00:00:00"))
        guide.action_refresh()
        self.assertEqual(self._done(guide), [True] * 6 + [False])
        self.assertEqual((guide.done_count, guide.proved_count), (6, 1))
        self._ingest(self._row(1, "2026-01-03 00:00:00"))
        guide.action_refresh()
        self.assertIn("1 open exceptions", guide.step_ids[5].detail)
        self.assertFalse(guide.step_ids[5].done)

    def test_what_is_missing_in_the_archive_is_counted(self):
        self._room("0102")
        room = self._room("0103")
        room.account_id = self.account
        self.env["amr.metering.point"].create(
            {"utility_id": self.electricity.id, "room_id": room.id}
        )
        steps = self._guide().step_ids
        self.assertEqual(self._done(self._guide())[:3], [False, True, False])
        self.assertIn("1 metering points without one", steps[0].detail)
        self.assertIn("3 rooms, 1 of them without", steps[2].detail)
        self.assertIn("1 occupied metering points", steps[2].detail)

    def test_distinct_openings_prove_which_meter_hangs_where(self):
        """Row 43: two swapped, two equal, one proved, one unread."""
        meters = {}
        for name, opening in (
            ("0201", 44),
            ("0202", 171),
            ("0203", 500),
            ("0204", 500),
            ("0205", 900),
            ("0206", 1200),
        ):
            __, meters[name] = self._install(
                f"9900000{name}", self._room(name), opening
            )
        for name, first in (("0201", 172), ("0202", 45), ("0203", 501), ("0205", 901)):
            self._ingest(self._row(first, "2026-01-02 00:00:00", meters[name]))
        self._ingest(self._row(1, "2026-01-02 00:00:00"))
        guide = self._guide()
        self.assertEqual(
            [
                (line.point_id.room_id.name, line.finding, line.others)
                for line in guide.doubt_ids
            ],
            [
                ("0201", "differs", "0202"),
                ("0202", "differs", "0201"),
                ("0203", "equal", "0204"),
                ("0204", "equal", "0203"),
                ("0206", "unread", ""),
            ],
        )
        self.assertEqual(guide.proved_count, 2)

    def test_the_use_to_expect_is_a_choice(self):
        self._ingest(self._row(30, "2026-01-02 00:00:00"))
        self.assertEqual(self._guide().doubt_ids.finding, "differs")
        self.assertFalse(self._guide(allowed_use=30).doubt_ids)

    def test_the_guide_is_opened_from_community_or_menu(self):
        action = self.community.with_user(self.admin).action_commission()
        guide = self.env["amr.commissioning"].browse(action["res_id"])
        self.assertEqual(len(guide.step_ids), 7)
        opened = guide.step_ids[3].with_user(self.admin).action_open()
        self.assertEqual(opened["domain"], [("community_id", "=", self.community.id)])
        form = Form(self.env["amr.commissioning"].with_user(self.admin))
        form.community_id = self.community
        self.assertEqual(form.save().action_refresh()["view_mode"], "form")

    def test_somebody_elses_community_is_not_looked_at(self):
        with self.assertRaises(AccessError):
            self._guide(community_id=self.other_community.id)
        guide = self._guide()
        other = self._operator(
            "commission_other", "amr_base.group_community_admin", self.other_community
        )
        with self.assertRaises(AccessError):
            guide.with_user(other).read(["done_count"])
