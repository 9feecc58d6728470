from odoo.modules.migration import load_script
from odoo.tests import tagged
from odoo.tools.misc import file_path

from .common import HoursCommon


@tagged("post_install", "-at_install")
class TestIntervalMigration(HoursCommon):
    """Exceptions of before name the hours that they hold back, and no others."""

    def _migrate(self):
        self.env.flush_all()
        path = file_path("amr_metering/migrations/19.0.1.0.1/post-migration.py")
        load_script(path, "hours").migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()

    def _forget(self):
        """Let the findings about hours be as they were then: unnamed."""
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM amr_reading_verdict WHERE hourly")
        self.env.cr.execute("UPDATE amr_exception SET hourly = NULL WHERE hourly")
        self.env.invalidate_all()

    def _raised(self):
        return self.env["amr.exception"].search([("meter_id", "=", self.meter.id)])

    def _held(self):
        return self._raised().filtered(lambda e: e.state == "open")._get_held_hours()

    def test_a_held_hour_is_named_by_its_exception(self):
        self._ingest(*self._hours(100, 90))
        self._forget()
        self.assertFalse(self._held())
        self._migrate()
        self.assertEqual(self._held().mapped("index"), [90])
        self._raised().action_put_aside()
        self.assertEqual(self._stored().mapped("quality"), ["ok", "aside"])

    def test_what_people_had_put_aside_stays_aside(self):
        """The hour whose freeze was put aside was called suspect then."""
        self._ingest(*self._hours(100, 400, start="2026-03-01 15:00:00"))
        freeze = self.env["amr.reading"].search([("meter_id", "=", self.meter.id)])
        freeze.action_put_aside()
        self._ingest(*self._hours(90, start="2026-03-01 17:00:00"))
        self._forget()
        self.env.cr.execute(
            "UPDATE amr_interval SET quality = 'suspect' WHERE quality = 'aside'"
        )
        self._migrate()
        self.assertEqual(self._stored().mapped("quality"), ["ok", "aside", "suspect"])
        self.assertEqual(self._held().mapped("index"), [90])

    def test_what_was_settled_before_is_nobodys(self):
        """It came in before the exception that is open now."""
        self._ingest(*self._hours(100, 80, 90))
        self._forget()
        self.env.cr.execute(
            "UPDATE amr_interval SET received_at = '2026-01-01' WHERE index = 80"
        )
        self._migrate()
        self.assertEqual(self._held().mapped("index"), [90])

    def test_hours_get_an_exception_of_their_own_beside_that_of_readings(self):
        """One exception told of both then; two things are decided on apart."""
        self._ingest(
            self._row(100, "2026-03-01 01:30:00"), self._row(90, "2026-03-01 02:30:00")
        )
        mixed = self._raised()
        self.assertEqual(mixed.mapped("kind"), ["negative"])
        self._ingest(*self._hours(100, 90, 80))
        self._forget()
        self.env.cr.execute(
            "DELETE FROM amr_exception WHERE meter_id = %s AND id <> %s",
            (self.meter.id, mixed.id),
        )
        self._migrate()
        apart = self._raised() - mixed
        self.assertEqual((apart.kind, apart.hourly), ("negative", True))
        self.assertEqual(apart._get_held_hours().mapped("index"), [90, 80])
        self.assertTrue(apart.blocks_billing)
        self.assertEqual(apart.community_id, self.community)
        self.assertFalse(mixed.hourly)
        self._migrate()
        self.assertEqual(len(self._raised()), 2, "once")
