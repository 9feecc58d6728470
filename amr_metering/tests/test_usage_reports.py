import io
from datetime import date, datetime
from unittest.mock import patch

import openpyxl

from odoo.tests import HttpCase, tagged

from odoo.addons.amr_base.tools import dec

from .common import MeteringCommon

GV9 = [
    ("5081.9", "5086.5", "4.600"),
    ("1124.73", "1125.09", "0.360"),
    ("503.4", "504.02", "0.620"),
    ("6814.85", "6819.67", "4.820"),
    ("2095.19", "2104.93", "9.740"),
]
# KTAMR manual 4.4, building 碧海1栋: what the legacy system adds up to 48.45
GV7 = ["7.21", "-10.90", "7.00", "7.00", "7.33", "7.21", *["2.10"] * 10, "2.60"]


def number(value):
    return value if value is False else str(dec(value))


@tagged("post_install", "-at_install")
class TestUsageReports(MeteringCommon):
    def _daily(self, meter, **indexes):
        """Freeze a meter at local midnights of 2026: ``d0301="5"`` is 1 March."""
        self._ingest(
            *(
                self._row(
                    index,
                    str(
                        self.community._local_midnight(
                            date(2026, int(day[1:3]), int(day[3:]))
                        )
                    ),
                    meter,
                    kind="daily",
                )
                for day, index in indexes.items()
            )
        )

    def _rows(self, model, *domain, meter=None, **context):
        return (
            self.env[model]
            .with_context(**context)
            .search(
                [("meter_id", "in", (meter or self.meter).ids), *domain], order="id"
            )
        )

    def _month(self, month="2026-03-01", meter=None, model="amr.usage.month"):
        return self._rows(model, ("month", "=", month), meter=meter)

    def _replace(self, moment, closing, opening):
        new = self.meter.copy({"number": "990000000003", "address": "990000000003"})
        self.env["amr.meter.replace"].create(
            {
                "point_id": self.point.id,
                "moment": moment,
                "closing_index": closing,
                "new_meter_id": new.id,
                "opening_index": opening,
                "reason": "broken display",
            }
        ).action_replace()
        return new

    def test_daily_report_shows_both_readings_exactly(self):
        """Golden vector GV9: reading, time, use, previous reading and time, ratio."""
        for count, (start, end, expected) in enumerate(GV9):
            __, meter = self._install(f"99000000002{count}", self._room(f"030{count}"))
            self._daily(meter, d0901=start, d0902=end)
            row = self._rows("amr.usage.day", ("day", "=", "2026-09-01"), meter=meter)
            self.assertEqual(number(row.usage), expected)
            self.assertEqual(
                (number(row.start_index), number(row.end_index)),
                (number(start), number(end)),
            )
            self.assertEqual(
                (row.start_at, row.end_at, row.factor, row.day_count, row.item),
                (datetime(2026, 8, 31, 16), datetime(2026, 9, 1, 16), 1, 1, "total"),
            )

    def test_use_since_the_opening_index(self):
        """Golden vector GV8: opening 44, latest 115, ratio 100 % make 71."""
        __, meter = self._install(
            "990000000030", self._room("0400"), 44, "2026-03-02 00:00:00"
        )
        self._ingest(self._row(115, "2026-03-20 08:00:00", meter))
        self.assertEqual(number(self._month(meter=meter).usage), "71.000")

    def test_a_day_without_a_freeze_is_unknown_and_the_next_one_spans_it(self):
        self._daily(self.meter, d0301="10", d0302="12", d0304="19", d0305="20")
        days = self._rows(
            "amr.usage.day", ("day", ">=", "2026-03-01"), ("day", "<", "2026-03-05")
        )
        self.assertEqual(
            [(number(day.usage), day.day_count) for day in days],
            [("2.000", 1), (False, 0), ("7.000", 2), ("1.000", 1)],
        )

    def test_month_matrix(self):
        self._daily(self.meter, d0301="10", d0302="12", d0304="19", d0401="21.5")
        row = self._month(model="amr.usage.matrix")
        self.assertEqual(
            (number(row.d01), row.d02, row.d03, row.d31, row.day_count),
            ("2.000", False, False, False, 1),
        )
        self.assertEqual(number(row.usage), "11.500")
        days = self._rows("amr.usage.day", ("day", "like", "2026-03"))
        self.assertEqual(sum(day.usage or 0 for day in days), 11.5)

    def test_the_matrix_says_what_it_is_about_and_adds_up_by_utility(self):
        of_water = self.meter_model.copy({"utility_id": self.cold_water.id})
        with patch.object(type(self), "meter_model", of_water):
            __, water = self._install("990000000042", self._room("0442"))
        __, neighbour = self._install(
            "990000000043", self._room("0101", self.other_building)
        )
        self._daily(self.meter, d0301="10", d0302="12", d0401="21.5")
        self._daily(water, d0301="1", d0302="1.25")
        self._daily(neighbour, d0301="5", d0302="6")
        reader = self._operator("matrix_reader", "amr_base.group_reader")
        meters = self.meter | water | neighbour
        about = (
            self.env["amr.usage.matrix"]
            .with_user(reader)
            .get_matrix_summary(
                [("month", "=", "2026-03-01"), ("meter_id", "in", meters.ids)]
            )
        )
        self.assertEqual(about["months"], ["2026-03", "2026-03"])
        self.assertEqual(
            (about["communities"], about["community_count"]), ([self.community.name], 1)
        )
        self.assertEqual(
            [
                (u["name"], u["unit"], u["meters"], number(u["sums"]["d01"]))
                for u in about["utilities"]
            ],
            [
                (self.electricity.name, "kWh", 1, "2.000"),
                (self.cold_water.name, "m³", 1, "0.250"),
            ],
        )
        sums = about["utilities"][0]["sums"]
        self.assertEqual((number(sums["usage"]), sums["d02"]), ("11.500", False))
        empty = self.env["amr.usage.matrix"].get_matrix_summary([("id", "=", 0)])
        self.assertEqual((empty["months"], empty["utilities"]), ([], []))

    def test_the_matrix_has_the_last_day_and_february_has_28(self):
        self._daily(self.meter, d0131="1", d0201="3", d0228="30", d0301="34.25")
        row = self._month("2026-02-01", model="amr.usage.matrix")
        self.assertEqual((number(row.d28), row.d29), ("4.250", False))
        self.assertEqual(
            number(self._month("2026-01-01", model="amr.usage.matrix").d31), "2.000"
        )

    def test_both_segments_of_a_replaced_meter_count_once(self):
        """In the month of the replacement, in every report."""
        self._daily(self.meter, d0301="100", d0310="130", d0311="134")
        new = self._replace("2026-03-11 04:00:00", 135.5, 7)
        self._daily(new, d0312="9", d0401="50")
        # the old one lies in the store, still counting
        self._daily(self.meter, d0313="140")
        both = self.meter | new
        for model in ("amr.usage.month", "amr.usage.matrix"):
            rows = self._month(meter=both, model=model)
            self.assertEqual(
                {row.meter_id: number(row.usage) for row in rows},
                {self.meter: "35.500", new: "43.000"},
            )
            self.assertEqual(rows.point_id, self.point)
        cells = [
            number(row.d11)
            for row in self._month("2026-03-01", both, "amr.usage.matrix")
        ]
        self.assertEqual(sorted(cells), ["1.500", "2.000"])
        days = self._rows("amr.usage.day", ("day", "=", "2026-03-11"), meter=both)
        self.assertEqual(sorted(number(day.usage) for day in days), ["1.500", "2.000"])
        period = self._rows(
            "amr.usage.range",
            meter=both,
            date_from="2026-03-01",
            date_to="2026-03-31",
        )
        self.assertEqual(sum(row.usage for row in period), 78.5)

    def test_consumption_is_times_the_factor(self):
        self.meter.write({"voltage_ratio": 10, "current_ratio": 30})
        self._daily(self.meter, d0301="1124.73", d0302="1125.09", d0401="1125.09")
        self.assertEqual(number(self._month().usage), "108.000")
        self.assertEqual(number(self._month(model="amr.usage.matrix").d01), "108.000")
        day = self._rows("amr.usage.day", ("day", "=", "2026-03-01"))
        self.assertEqual(number(day.usage), "108.000")

    def test_a_register_that_turns_over(self):
        self._daily(self.meter, d0301="999998", d0302="3", d0401="10")
        self.assertEqual(number(self._month().usage), "12.000")
        row = self._month(model="amr.usage.matrix")
        self.assertEqual((number(row.d01), number(row.usage)), ("5.000", "12.000"))

    def test_months_are_cut_in_the_time_zone_of_the_community(self):
        """1 April begins at 16:00 UTC of 31 March in Shanghai."""
        self._ingest(
            self._row(10, "2026-02-28 16:00:00"),
            self._row(20, "2026-03-31 15:59:00"),
            self._row(21, "2026-03-31 16:00:00"),
            self._row(30, "2026-04-30 16:00:00"),
        )
        self.assertEqual(number(self._month().usage), "11.000")
        self.assertEqual(self._month().coverage, "exact")
        self.assertEqual(number(self._month("2026-04-01").usage), "9.000")
        self.community.tz = "Europe/Berlin"
        self.env.invalidate_all()
        self.assertEqual(number(self._month().usage), "11.000")
        self.assertEqual(self._month().coverage, "near")

    def test_a_month_without_a_reading_is_unknown_not_zero(self):
        self._ingest(
            self._row(10, "2026-02-03 00:00:00"), self._row(30, "2026-04-03 00:00:00")
        )
        months = [self._month(f"2026-0{month}-01") for month in (2, 3, 4)]
        self.assertEqual(
            [(number(row.usage), row.coverage) for row in months],
            [("10.000", "near"), (False, "none"), ("20.000", "near")],
        )

    def test_years_side_by_side(self):
        __, meter = self._install(
            "990000000080", self._room("0800"), since="2024-12-31 16:00:00"
        )
        for moment, index in (
            ("2025-02-28 16:00:00", 100),
            ("2025-03-31 16:00:00", 130),
            ("2026-02-28 16:00:00", 500),
            ("2026-03-31 16:00:00", 545),
        ):
            self._ingest(self._row(index, moment, meter))
        domain = [("meter_id", "=", meter.id), ("month_number", "=", "03")]
        self.assertEqual(
            self.env["amr.usage.month"]._read_group(
                domain, ["month_number", "year"], ["usage:sum"]
            ),
            [("03", "2025", 30), ("03", "2026", 45)],
        )

    def test_what_has_different_units_is_not_added_up(self):
        model = self.env["amr.meter.model"].create(
            {"name": "LXS", "utility_id": self.cold_water.id}
        )
        electricity, type(self).meter_model = self.meter_model, model
        __, water = self._install("990000000040", self._room("0600"))
        type(self).meter_model = electricity
        self._daily(self.meter, d0301="1", d0401="11")
        self._daily(water, d0301="1", d0401="3")
        domain = [
            ("meter_id", "in", (self.meter | water).ids),
            ("month", "=", "2026-03-01"),
        ]
        read = self.env["amr.usage.month"]._read_group
        self.assertEqual(read(domain, ["building_id"], ["usage:sum"])[0][1], False)
        self.assertEqual(
            sorted(row[1] for row in read(domain, ["utility_id"], ["usage:sum"])),
            [2, 10],
        )

    def _behind(self, number_, room, start, end):
        point, meter = self._install(number_, self._room(room))
        if end is not None:
            self._daily(meter, d0301=start, d0401=end)
        return point

    def test_losses_of_a_master_against_the_meters_behind_it(self):
        master = self.env["amr.metering.point"].create(
            {
                "utility_id": self.electricity.id,
                "kind": "master",
                "building_id": self.building.id,
            }
        )
        meter = self.meter.copy({"number": "990000000050", "address": False})
        self.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": master.id,
                "date_from": "2026-01-01",
                "start_index": 0,
            }
        )
        self._daily(meter, d0301="0", d0401="100")
        points = self._behind("990000000051", "0701", "0", "60.5")
        points |= self._behind("990000000052", "0702", "0", "35")
        points.parent_id = master
        report = self.env["amr.loss.report"]
        domain = [("point_id", "=", master.id), ("month", "=", "2026-03-01")]
        row = report.search(domain)
        self.assertEqual(
            (number(row.master_usage), number(row.sub_usage), number(row.loss)),
            ("100.000", "95.500", "4.500"),
        )
        self.assertEqual((row.loss_percent, row.sub_count), (4.5, 2))
        self._behind("990000000053", "0703", None, None).parent_id = master
        self.env.invalidate_all()
        row = report.search(domain)
        self.assertEqual((row.loss, row.missing_count), (False, 1))

    def test_indoor_units_are_measured_each(self):
        """S4 2.1: two indoor units of one room, each with its readings as the basis."""
        units = self.env["amr.meter"]
        for count, end in enumerate(("12.5", "30")):
            __, unit = self._install(f"99000000006{count}", self.room)
            self._daily(unit, d0301="2", d0401=end)
            units |= unit
        rows = self._month(meter=units)
        self.assertEqual(rows.room_id, self.room)
        self.assertEqual(
            [
                (number(row.start_index), number(row.end_index), number(row.usage))
                for row in rows
            ],
            [("2.000", "12.500", "10.500"), ("2.000", "30.000", "28.000")],
        )

    def test_current_data_has_public_meters_and_the_relay(self):
        self._ingest(self._row("5086.5", "2026-03-20 08:00:00"))
        self.meter.sudo().relay_state = "open"
        row = self.meter._get_report_cells()
        shown = dict(zip(self.meter._report_columns, row, strict=True))
        self.assertEqual(shown["latest_index"], 5086.5)
        self.assertEqual(shown["relay_state"], "Disconnected")
        self.assertEqual(shown["building_id"], "Building 1")

    def test_every_menu_opens_with_its_filters(self):
        """List, pivot and graph ask for what their views name."""
        self._daily(self.meter, d0301="1", d0302="2", d0401="5")
        reader = self._operator("menu_reader", "amr_base.group_reader")
        menus = self.env.ref("amr_base.menu_reports").child_id
        for menu in menus.filtered(lambda menu: menu.action):
            action = menu.action
            if action.res_model not in self.env or action.view_mode == "form":
                continue
            model = self.env[action.res_model].with_user(reader)
            if not hasattr(model, "_report_sums"):
                continue
            views = [(False, mode) for mode in action.view_mode.split(",")]
            model.get_views([*views, (False, "search")])
            sums = [f"{name}:sum" for name in model._report_sums]
            domain = [("meter_id", "=", self.meter.id)]
            if "meter_id" in model._fields:
                model.web_search_read(domain, {"display_name": {}, "usage": {}})
                model.formatted_read_group(domain, ["utility_id"], sums)

    def test_other_communities_are_invisible(self):
        __, other = self._install(
            "990000000070", self._room("0101", self.other_building)
        )
        both = self.meter | other
        for meter in both:
            self._daily(meter, d0301="1", d0302="2", d0401="5")
        reader = self._operator("usage_reader", "amr_base.group_reader")
        for model in ("day", "month", "matrix", "range"):
            found = (
                self.env[f"amr.usage.{model}"]
                .with_user(reader)
                .with_context(date_from="2026-03-01", date_to="2026-03-31")
                .search([("meter_id", "in", both.ids)])
            )
            self.assertEqual(found.meter_id, self.meter, model)


@tagged("post_install", "-at_install")
class TestUsageQuery(MeteringCommon):
    """Golden vector GV7: seventeen meters of one building, one index goes back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meters = cls.env["amr.meter"]
        rows = []
        for count, usage in enumerate(GV7):
            __, meter = cls._install(
                f"9900000001{count:02}", cls._room(f"05{count:02}")
            )
            cls.meters |= meter
            rows.append(cls._row(100, "2026-07-11 16:00:00", meter))
            rows.append(cls._row(dec(usage) + 100, "2026-08-12 16:00:00", meter))
        cls._ingest(*rows)

    def _query(self, **vals):
        return self.env["amr.usage.query"].create(
            {
                "date_from": "2026-07-12",
                "date_to": "2026-08-12",
                "utility_ids": self.electricity.ids,
                "building_ids": self.building.ids,
                "community_ids": self.community.ids,
                **vals,
            }
        )

    def test_usage_query_lists_the_negative_as_an_exception(self):
        """Golden vector GV7: 48.45 less the −10.90 that nobody used is 59.35."""
        action = self._query().action_show()
        rows = (
            self.env["amr.usage.range"]
            .with_context(**action["context"])
            .search([*action["domain"], ("meter_id", "in", self.meters.ids)])
        )
        self.assertEqual(len(rows), 17)
        doubtful = rows.filtered(lambda row: row.suspect_usage is not False)
        self.assertEqual(number(doubtful.suspect_usage), "-10.900")
        self.assertEqual((doubtful.usage, doubtful.coverage), (False, "none"))
        self.assertEqual(doubtful.meter_id.open_exception_count, 1)
        total = sum(dec(row.usage) for row in rows)
        self.assertEqual(str(total), "59.350")
        self.assertEqual(str(total + dec(doubtful.suspect_usage)), "48.450")
        self.assertEqual(doubtful.room_label, "H:0501")
        self.assertEqual(doubtful.address_label, "A:990000000101")
        self.assertEqual(
            rows._read_group(
                [("id", "in", rows.ids)],
                ["utility_id", "community_id", "building_id"],
                ["usage:sum"],
            ),
            [(self.electricity, self.community, self.building, 59.35)],
        )

    def test_one_meter_or_several_are_asked_for(self):
        """KTAMR manual 4.4: 按单表，多表的查询方式, a master meter by its name, too."""
        query, two = self._query(), self.meters[:2]
        query.meter_ids = two
        rows = query._get_printed_rows()
        lines = [cells["meter_id"] for cells, is_bold in rows if not is_bold]
        self.assertEqual(set(lines), set(two.mapped("display_name")))
        two[0].point_id.kind = "master"
        self.env.invalidate_all()
        self.assertEqual(len(query._get_printed_rows()), len(rows))

    def test_sub_totals_by_kind_community_and_building(self):
        rows = self._query()._get_printed_rows()
        bold = [cells for cells, is_bold in rows if is_bold]
        self.assertEqual(
            [
                (cells["utility_id"], cells["community_id"], cells["building_id"])
                for cells in bold
            ],
            [
                (None, None, "Sub-total Building 1"),
                (None, "Sub-total Golden Delta", None),
                (f"Sub-total {self.electricity.name}", None, None),
            ],
        )
        self.assertEqual({str(cells["usage"]) for cells in bold}, {"59.350"})

    def test_monthly_report_is_printed(self):
        query = self._query()
        self.assertEqual(
            query.action_print()["report_name"], "amr_metering.report_usage"
        )
        html = (
            self.env["ir.actions.report"]
            ._render_qweb_html("amr_metering.report_usage", query.ids)[0]
            .decode()
        )
        for text in ("59.350", "-10.900", "H:0501", "A:990000000101"):
            self.assertIn(text, html)


@tagged("post_install", "-at_install")
class TestReportDownload(MeteringCommon, HttpCase):
    def test_excel_has_numbers_totals_and_the_reader_s_scope(self):
        __, other = self._install(
            "990000000070", self._room("0101", self.other_building)
        )
        for meter in self.meter | other:
            self._ingest(
                self._row("503.4", "2026-02-28 16:00:00", meter),
                self._row("504.02", "2026-03-31 16:00:00", meter),
            )
        reader = self._operator("excel_reader", "amr_base.group_reader")
        reader.password = "excel_reader_1"
        action = (
            self.env["amr.usage.range"]
            .with_context(
                active_domain=[("utility_id", "=", self.electricity.id)],
                date_from="2026-03-01",
                date_to="2026-03-31",
            )
            .action_export_xlsx()
        )
        columns = self.env["amr.usage.range"]._report_columns
        self.authenticate("excel_reader", "excel_reader_1")
        answer = self.url_open(action["url"])
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
        lines = list(sheet.iter_rows(values_only=True))
        self.assertIn("2026-03-31", lines[0][0])
        self.assertEqual((sheet.freeze_panes, sheet.auto_filter.ref[:2]), ("A3", "A2"))
        self.assertEqual([line[0] for line in lines[2:4]], [1, None], "numbered")
        at = {name: count for count, name in enumerate(columns, start=1)}
        self.assertEqual([line[at["usage"]] for line in lines[2:]], [0.62] * 4)
        self.assertEqual(lines[2][at["meter_id"]], self.meter.number)
        self.assertEqual(lines[2][at["start_index"]], 503.4)
        formats = [
            sheet.cell(3, at[name] + 1).number_format for name in ("usage", "factor")
        ]
        self.assertEqual(formats, ["#,##0.000", "#,##0.000000"], "as on the screen")
        for cell in sheet[3]:
            if cell.is_date:
                width = sheet.column_dimensions[cell.column_letter].width
                self.assertGreater(width, len("2026-03-01 00:00"), "no #####")
        for line, name in ((3, "building_id"), (4, "community_id"), (5, "utility_id")):
            self.assertTrue(lines[line][at[name]], name)
        log = self.env["auditlog.log"].search([("method", "=", "export_data")], limit=1)
        self.assertEqual((log.user_id, log.model_id.model), (reader, "amr.usage.range"))
        self.assertEqual(log.amr_company_ids, self.env.company)

    def test_only_reports_are_downloaded(self):
        self.authenticate("admin", "admin")
        for model in ("res.users", "no.such.model"):
            answer = self.url_open(f"/amr_metering/report/{model}")
            self.assertEqual(answer.status_code, 404)
