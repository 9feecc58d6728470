from datetime import datetime

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from odoo.addons.amr_base.tests.common import AccessWalk

from .common import MeteringCommon


@tagged("post_install", "-at_install")
class TestAccessWalk(AccessWalk, MeteringCommon):
    addon = "amr_metering"
    expected = {
        "amr.agreement": "r r rwcd rwcd",
        "amr.alarm": "rw r rw rw",
        "amr.alarm.acknowledge": "rwcd - rwcd rwcd",
        "amr.alarm.limit": "r r rwcd rwcd",
        "amr.commissioning": "- - rwcd rwcd",
        "amr.commissioning.doubt": "- - rwcd rwcd",
        "amr.commissioning.step": "- - rwcd rwcd",
        "amr.excel.export": "rwcd rwcd rwcd rwcd",
        "amr.excel.file": "rwcd rwcd rwcd rwcd",
        "amr.excel.import": "rwcd - rwcd rwcd",
        "amr.excel.import.problem": "r - r r",
        "amr.excel.import.sheet": "r - r r",
        "amr.exception": "rw r rw rw",
        "amr.installation": "r r rwcd rwcd",
        "amr.interval": "r r r r",
        "amr.interval.usage": "r r r r",
        "amr.loss.report": "r r r r",
        "amr.meter": "r r rwcd rwcd",
        "amr.meter.attach": "- - rwcd rwcd",
        "amr.meter.model": "r r r rwcd",
        "amr.meter.replace": "- - rwcd rwcd",
        "amr.metering.point": "r r rwcd rwcd",
        "amr.occupancy.change": "- - rwcd rwcd",
        "amr.occupancy.change.line": "- - rwcd rwcd",
        "amr.read.kpi": "r - r r",
        "amr.read.plan": "r r rwcd rwcd",
        "amr.read.task": "rwc r rwc rwcd",
        "amr.read.task.line": "rw r rw rw",
        "amr.reading": "r r r r",
        "amr.reading.estimate": "- - rwcd rwcd",
        "amr.reading.estimate.line": "- - rwcd rwcd",
        "amr.reading.verdict": "r r r r",
        "amr.refused.reading": "r r r r",
        "amr.room.merge": "- r rwcd rwcd",
        "amr.room.merge.line": "- r rwcd rwcd",
        "amr.route.book": "r - r r",
        "amr.route.book.line": "r - r r",
        "amr.route.book.upload": "rwcd - rwcd rwcd",
        "amr.snapshot": "r r r r",
        "amr.tariff.gap": "- r r r",
        "amr.unknown.reading": "- - r r",
        "amr.usage.day": "r r r r",
        "amr.usage.matrix": "r r r r",
        "amr.usage.month": "r r r r",
        "amr.usage.query": "rwcd rwcd rwcd rwcd",
        "amr.usage.range": "r r r r",
        "amr.vee.rule": "r r rwcd rwcd",
    }
    open = frozenset(
        {
            "amr.excel.import",  # one's own
            "amr.excel.import.problem",
            "amr.excel.import.sheet",
            "amr.meter.model",
            "amr.unknown.reading",  # of no community, by nature
        }
    )
    elsewhere = frozenset(
        {
            "amr.interval",  # test_interval
            "amr.interval.usage",
            "amr.snapshot",
            "amr.loss.report",  # test_usage_reports
            "amr.usage.day",
            "amr.usage.matrix",
            "amr.usage.month",
            "amr.usage.range",
            "amr.read.kpi",  # test_read_kpi
            "amr.route.book",  # test_route_book
            "amr.route.book.line",
            "amr.reading.verdict",  # test_exceptions
        }
    )

    def _get_foreign_records(self):
        far = self._room("0101", self.other_building)
        tenant = self.account.copy(
            {"community_id": self.other_community.id, "room_ids": False}
        )
        far.account_id = tenant
        point, meter = self._install("990000000099", far)
        ended = self._tariff("Ended", self.electricity, 1)
        agreement = self._agree(point, tenant, ended)
        ended.version_ids.date_to = "2026-02-01"
        self._ingest(self._row(5, "2026-01-10 00:00:00", meter))
        self._ingest(self._row(4, "2026-01-11 00:00:00", meter))
        self._ingest(self._row(-1, "2026-01-12 00:00:00", meter))
        task = self.env["amr.read.task"].create(
            {"scope": "community", "community_id": self.other_community.id}
        )
        task.action_start()
        merge = self.env["amr.room.merge"].create(
            {
                "account_id": tenant.id,
                "room_ids": self._room("0102", self.other_building).ids,
            }
        )
        plan = self.env["amr.read.plan"].create(
            {
                "name": "Far",
                "scope": "community",
                "community_id": self.other_community.id,
            }
        )
        limit = self.env["amr.alarm.limit"].create(
            {
                "utility_id": self.electricity.id,
                "community_id": self.other_community.id,
                "day_max": 20,
            }
        )
        rule = self.env["amr.vee.rule"].search([], limit=1)
        alarm = self.env["amr.alarm"].create(
            {
                "meter_id": meter.id,
                "community_id": self.other_community.id,
                "company_id": self.env.company.id,
                "kind": "voltage",
                "began_at": datetime(2026, 1, 1),
            }
        )
        return [
            point,
            meter,
            agreement,
            point.installation_ids,
            self.env["amr.reading"].search([("meter_id", "=", meter.id)]),
            self.env["amr.exception"].search([("meter_id", "=", meter.id)]),
            self.env["amr.refused.reading"].search([("meter_id", "=", meter.id)]),
            task,
            task.line_ids,
            merge,
            merge.line_ids,
            plan,
            limit,
            alarm,
            rule.copy({"community_id": self.other_community.id}),
            self.env["amr.tariff.gap"].search([("agreement_id", "=", agreement.id)]),
        ]

    def _get_foreign_choices(self):
        """Return (wizard, values) pairs that point to somebody else's records."""
        found = {records._name: records[:1] for records in self._get_foreign_records()}
        point, meter = found["amr.metering.point"], found["amr.meter"]
        exception, far = found["amr.exception"], self.other_community
        spare = self.meter.copy({"number": "990000000098", "address": False})
        spare.sudo().community_id = self.community
        replace = {"closing_index": 1, "opening_index": 1, "reason": "x"}
        return [
            ("amr.alarm.acknowledge", {"alarm_ids": found["amr.alarm"].ids}),
            ("amr.commissioning", {"community_id": far.id}),
            (
                "amr.commissioning.doubt",
                {
                    "guide_id": self._guide().id,
                    "finding": "unread",
                    "meter_id": meter.id,
                },
            ),
            ("amr.excel.export", {"community_ids": far.ids}),
            ("amr.meter.attach", {"meter_ids": meter.ids}),
            (
                "amr.meter.replace",
                {**replace, "point_id": point.id, "new_meter_id": spare.id},
            ),
            (
                "amr.meter.replace",
                {**replace, "point_id": self.point.id, "new_meter_id": meter.id},
            ),
            ("amr.occupancy.change", {"room_id": point.room_id.id}),
            (
                "amr.occupancy.change",
                {
                    "room_id": self.room.id,
                    "account_id": point.room_id.account_id.id,
                },
            ),
            (
                "amr.occupancy.change.line",
                {"change_id": self._change().id, "point_id": point.id, "index": 1},
            ),
            ("amr.reading.estimate", {"exception_ids": exception.ids}),
            (
                "amr.reading.estimate.line",
                {
                    "wizard_id": self.env["amr.reading.estimate"].create({}).id,
                    "meter_id": meter.id,
                    "at": datetime(2026, 1, 1),
                },
            ),
            ("amr.usage.query", {"community_ids": far.ids}),
        ]

    def _make_wizard(self, name):
        if name == "amr.occupancy.change.line":  # made by the form they belong to
            return self._change().line_ids
        return super()._make_wizard(name)

    def _guide(self):
        return self.env["amr.commissioning"].create({"community_id": self.community.id})

    def _change(self):
        return self.env["amr.occupancy.change"].create({"room_id": self.room.id})

    def test_no_wizard_takes_what_is_out_of_scope(self):
        admin = self._operator("walk_wizard", "amr_base.group_community_admin")
        choices = self._get_foreign_choices()
        wizards = {name for name in self.expected if self.env[name]._transient}
        without = {
            "amr.commissioning.step",  # point to nothing but their own guide
            "amr.excel.file",
            "amr.route.book.upload",
        }
        self.assertEqual({name for name, __ in choices}, wizards - without)
        for name, vals in choices:
            with self.subTest(name, **vals), self.assertRaises(AccessError):
                with self.cr.savepoint():
                    self.env[name].with_user(admin).create(vals)
            defaults = {f"default_{field}": value for field, value in vals.items()}
            with self.subTest(name, **defaults), self.assertRaises(AccessError):
                with self.cr.savepoint():
                    wizard = self.env[name].with_context(**defaults)
                    wizard.with_user(admin).create({})

    def test_single_buildings_narrow_what_is_measured(self):
        second = self.building.copy({"code": "002"})
        point, meter = self._install("990000000099", self._room("0101", second))
        agreement = self._agree(point)
        self._ingest(self._row(5, "2026-01-10 00:00:00", meter))
        reader = self._operator("amr_reader", "amr_base.group_reader")
        hidden = [
            point,
            meter,
            agreement,
            point.installation_ids,
            self.env["amr.reading"].search([("meter_id", "=", meter.id)]),
        ]
        for record in hidden:
            self.assertTrue(record.with_user(reader).has_access("read"))
        reader.amr_building_ids = [fields.Command.set(self.building.ids)]
        for record in hidden:
            self.assertFalse(record.with_user(reader).has_access("read"))
            model = self.env[record._name].with_user(reader)
            self.assertFalse(model.search([("id", "in", record.ids)]))
        self.assertTrue(self.meter.with_user(reader).has_access("read"))
