from odoo.tests import tagged

from odoo.addons.amr_metering.tests.common import MeteringCommon


@tagged("post_install", "-at_install")
class TestCurrentData(MeteringCommon):
    def test_current_data_shows_what_remains_on_a_meter(self):
        """DH6200V3 manual 2.2: index, remaining quantity (a public meter's may be
        negative), relay and time of reading, on the screen and in Excel."""
        self._ingest(self._row("5086.5", "2026-03-20 08:00:00"))
        self.meter.sudo().write(
            {
                "credit_balance": -3938.86,
                "credit_read_at": "2026-03-20 08:00:00",
                "relay_state": "closed",
            }
        )
        reader = self._operator("current_reader", "amr_base.group_reader")
        view = self.env.ref("amr_metering.amr_meter_view_list_current")
        meter = self.meter.with_user(reader)
        arch = meter.get_view(view.id, "list")["arch"]
        for name in ("latest_index", "credit_balance", "relay_state", "latest_at"):
            self.assertIn(f'name="{name}"', arch)
        cells = dict(zip(meter._report_columns, meter._get_report_cells(), strict=True))
        self.assertEqual(
            (cells["latest_index"], cells["credit_balance"]), (5086.5, -3938.86)
        )
        self.assertTrue(cells["latest_at"] and cells["relay_state"])
