from datetime import timedelta
from decimal import Decimal

import psycopg2

from odoo import SUPERUSER_ID, api, fields
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger


@tagged("post_install", "-at_install")
class TestIngestAtOnce(BaseCase):
    """Two connections deliver at one moment; no reading of theirs is committed."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        self.now = fields.Datetime.now()
        with self.registry.cursor() as cr:
            env = self._env(cr)
            utility = env["amr.utility"].search([], limit=1)
            model = env["amr.meter.model"].create(
                {"name": "At once", "utility_id": utility.id, "digits": 6}
            )
            meter = env["amr.meter"].create(
                {
                    "number": "990000000777",
                    "address": "990000000777",
                    "model_id": model.id,
                    "latest_at": self.now,
                    "latest_index": 50,
                }
            )
            self.meter_id, self.model_id = meter.id, model.id
        self.addCleanup(self._forget)

    def _env(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {})

    def _forget(self):
        with self.registry.cursor() as cr:
            env = self._env(cr)
            env["amr.meter"].browse(self.meter_id).unlink()
            env["amr.meter.model"].browse(self.model_id).unlink()

    def _deliver(self, cr, index, kind):
        self._env(cr)["amr.reading"]._ingest(
            [
                {
                    "meter_id": self.meter_id,
                    "read_at": self.now - timedelta(hours=1),
                    "kind": kind,
                    "source": "remote",
                    "index": Decimal(index),
                }
            ]
        )

    def test_the_second_waits_for_the_first_though_neither_is_the_latest(self):
        for kind in ("spot", "hourly"):
            with (
                self.subTest(kind=kind),
                self.registry.cursor() as one,
                self.registry.cursor() as other,
            ):
                self._deliver(one, 10, kind)
                other.execute("SET LOCAL lock_timeout = 100")
                with (
                    mute_logger("odoo.sql_db"),
                    self.assertRaises(psycopg2.errors.LockNotAvailable),
                ):
                    self._deliver(other, 11, kind)
                other.rollback()
                one.rollback()
