from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestRoomMerge(MeteringCommon):
    """One tenant takes a neighbour's room over, and gives it back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls._operator("amr_admin", "amr_base.group_community_admin")
        cls.second_room = cls._room("0102")
        cls.second_point, cls.second_meter = cls._install(
            "990000000002", cls.second_room
        )
        cls.neighbour = cls.env["amr.account"].create(
            {
                "partner_id": cls.env["res.partner"].create({"name": "Li Si"}).id,
                "community_id": cls.community.id,
                "room_ids": [fields.Command.set(cls.second_room.ids)],
            }
        )
        cls.second_agreement = cls._agree(cls.second_point, cls.neighbour)
        cls._ingest(cls._row(100, "2026-01-10 00:00:00", cls.second_meter))

    def _merge(self, kind="merge", index=120, moment="2026-02-01 04:00:00"):
        with Form(self.env["amr.room.merge"].with_user(self.admin)) as form:
            form.kind, form.account_id = kind, self.account
            form.room_ids.add(self.second_room)
            form.moment, form.note = moment, "Wall taken down"
            with form.line_ids.edit(0) as line:
                line.index = index
        form.record.action_confirm()
        return form.record

    def test_rooms_are_merged_at_a_reading_and_logged(self):
        merge = self._merge()
        self.assertEqual(self.second_room.account_id, self.account)
        moment = fields.Datetime.to_datetime("2026-02-01 04:00:00")
        self.assertEqual(self.second_agreement.date_to, moment)
        new = self.second_point.agreement_ids - self.second_agreement
        self.assertEqual(
            (new.account_id, new.date_from, new.tariff_id),
            (self.account, moment, self.tariff),
        )
        reading = self.env["amr.reading"]._usable_at(self.second_meter, moment)
        self.assertEqual(str(dec(reading[self.second_meter.id].index)), "120.000")
        self.assertEqual((merge.state, merge.done_by_id), ("done", self.admin))
        self.assertEqual(merge.line_ids.former_account_id, self.neighbour)
        for account in (self.account, self.neighbour):
            self.assertIn("Wall taken down", account.message_ids[0].body)
        # the meters stay apart, and are exported room by room
        points = self.account.agreement_ids.filtered(
            lambda agreement: agreement.state == "active"
        ).point_id
        rows = points.export_data(["room_id/name", "meter_id/number"])["datas"]
        self.assertEqual(
            sorted(rows), [["0101", "990000000001"], ["0102", "990000000002"]]
        )

    def test_split_gives_the_room_back_to_whom_it_was_from(self):
        self._merge()
        split = self._merge("split", 130, "2026-03-01 04:00:00")
        self.assertEqual(self.second_room.account_id, self.neighbour)
        self.assertEqual(
            self.second_point.agreement_ids.sorted("date_from").mapped("account_id"),
            self.neighbour | self.account,
        )
        self.assertEqual(self.second_point.agreement_id.account_id, self.neighbour)
        self.assertEqual(
            self.env["amr.room.merge"].search([]).mapped("kind"), ["split", "merge"]
        )
        self.assertEqual(split.line_ids.former_account_id, self.account)

    def test_what_was_done_stays(self):
        merge = self._merge()
        for change in (
            lambda: merge.write({"note": "Nothing happened"}),
            lambda: merge.line_ids.write({"index": 1}),
            lambda: merge.unlink(),
            lambda: merge.line_ids.unlink(),
        ):
            with self.assertRaisesRegex(UserError, "stays on record"):
                change()
        with self.assertRaisesRegex(UserError, "done already"):
            merge.action_confirm()

    def test_nothing_is_merged_before_the_last_reading(self):
        with self.assertRaisesRegex(UserError, "must not be before"):
            self._merge(index=99)
        self.assertEqual(self.second_room.account_id, self.neighbour)

    def test_lines_are_those_of_the_chosen_rooms(self):
        values = {"account_id": self.account.id, "room_ids": self.second_room.ids}
        for change in (
            lambda lines: lines.write(
                {"room_id": self._room("0101", self.other_building).id}
            ),
            lambda lines: lines.write({"point_id": self.point.id}),
            lambda lines: lines.unlink(),
        ):
            merge = self.env["amr.room.merge"].create(values)
            change(merge.line_ids)
            with self.assertRaisesRegex(UserError, "must name the chosen rooms"):
                merge.action_confirm()

    def test_rooms_of_another_community_are_not_taken(self):
        far = self._room("0101", self.other_building)
        merge = self.env["amr.room.merge"].create(
            {"account_id": self.account.id, "room_ids": far.ids}
        )
        with self.assertRaisesRegex(UserError, "cannot be taken"):
            merge.action_confirm()
