"""Card readers through the real head-end and a simulated reader on a real pty."""

import asyncio
import tempfile
import threading
from pathlib import Path
from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.amr_device_gateway.headend.config import Config
from odoo.addons.amr_device_gateway.headend.gateway import Gateway
from odoo.addons.amr_device_gateway.headend.simulator.card import CardReaderSlot
from odoo.addons.amr_device_gateway.models.amr_card_reader import CardReaderError
from odoo.addons.amr_device_gateway.tools import GatewaySettings

from .common import GatewayCommon

TOKEN = "test-token"
SECRET = bytes.fromhex("a1b2c3")
PATIENCE = 20


class CardBridge(threading.Thread):
    """A head-end with nothing but a simulated card reader."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder = Path(folder)
        self.ready = threading.Event()
        self.slot = CardReaderSlot(
            {
                "port": str(self.folder / "reader"),
                "card": {"data": "a2131091", "secret": SECRET.hex()},
            }
        )

    def run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        gateway = Gateway(
            Config(
                token=TOKEN,
                state_dir=str(self.folder),
                dtu_port=-1,
                concentrator_port=-1,
                control_port=0,
                card_ports=self.slot.port,
            )
        )
        await gateway.start()
        self.slot.start()
        self.url = f"http://127.0.0.1:{gateway.control.port}"
        self.ready.set()
        await self._stopping.wait()
        self.slot.stop()
        await gateway.stop()

    def stop(self):
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self.join(PATIENCE)


@tagged("post_install", "-at_install")
class TestCardReader(GatewayCommon):
    def setUp(self):
        super().setUp()
        self.env.company.partner_id.lang = False
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bridge = CardBridge(folder.name)
        self.bridge.start()
        self.addCleanup(self.bridge.stop)
        self.assertTrue(self.bridge.ready.wait(PATIENCE), "the bridge is up")
        bridges = {"counter-1": self.bridge.url}
        settings = GatewaySettings(
            "http://127.0.0.1:1", TOKEN, "02000000", "0", headends=bridges
        )
        for place in ("tools.exchange", "models.amr_card_reader"):
            self.startPatcher(
                patch(
                    f"odoo.addons.amr_device_gateway.{place}.gateway_settings",
                    lambda: settings,
                )
            )
        self.administrator = self._operator(
            "card_admin", "amr_base.group_community_admin"
        )
        self.clerk = self._operator("card_clerk", "amr_base.group_clerk")

    def _find(self):
        form = Form(self.env["amr.card.reader.find"].with_user(self.administrator))
        form.bridge, form.community_id = "counter-1", self.community
        wizard = form.save()
        wizard.action_search()
        return wizard

    def _reader(self, **vals):
        return self.env["amr.card.reader"].create(
            {
                "name": "Counter 1",
                "bridge": "counter-1",
                "port": f"amr_simulator:{self.bridge.slot.port}",
                "community_id": self.community.id,
                **vals,
            }
        )

    def test_a_reader_is_found_taken_over_and_tested(self):
        wizard = self._find()
        self.assertRecordValues(wizard.line_ids, [{"known": False, "wanted": True}])
        action = wizard.action_take()
        reader = self.env["amr.card.reader"].search(action["domain"])
        shown = reader.with_user(self.clerk).action_test()
        self.assertEqual(shown["params"]["type"], "success")
        self.assertTrue(reader.works)
        self.assertEqual(
            reader.test_result,
            "Card SLE4442, 256 bytes read, error counter 3 of 3. It begins with "
            "A2 13 10 91 FF FF FF FF.",
        )
        again = self._find()
        self.assertTrue(again.line_ids.known)
        with self.assertRaisesRegex(UserError, "not entered yet"):
            again.action_take()

    def test_what_is_wrong_is_told_and_kept(self):
        reader = self._reader()
        self.bridge.slot.adjust({"card": {"tries": 1}})
        reader.action_test()
        self.assertIn("never written any more", reader.test_result)
        self.bridge.slot.adjust({"card": None})
        shown = reader.action_test()
        self.assertEqual(shown["params"]["type"], "warning")
        self.assertRecordValues(
            reader,
            [{"works": False, "test_result": "There is no card in the reader."}],
        )
        reader.port = "amr_simulator:/dev/nowhere"
        reader.action_test()
        self.assertIn("cannot be opened", reader.test_result)
        self.bridge.stop()
        reader.action_test()
        self.assertIn(
            "does not answer. Is it running on counter-1?", reader.test_result
        )

    def test_the_meters_head_end_is_a_bridge_too(self):
        reader = self._reader(bridge="head-end")
        reader.action_test()  # it is not there in this test
        self.assertIn("does not answer", reader.test_result)

    def test_a_card_is_written_by_who_gives_meaning_to_the_bytes(self):
        reader = self._reader()
        card = reader._read_card()
        before, after = reader._write_card(SECRET, 64, b"vend", card["data"])
        self.assertEqual(before, card["data"])
        self.assertEqual(after[64:68], b"vend")
        with self.assertRaises(CardReaderError) as caught:
            reader._write_card(b"abc", 64, b"fraud", after)
        self.assertEqual(caught.exception.code, "secret")
        with self.assertRaises(CardReaderError) as caught:
            reader._write_card(SECRET, 64, b"vend2", after)
        self.assertEqual(caught.exception.code, "counter")
        self.assertEqual(self.bridge.slot.card.presented, [SECRET, b"abc"])
        self.assertEqual(self.bridge.slot.card.data[64:69], b"vend\xff")

    def test_a_write_that_failed_half_way_leaves_the_card_in_doubt(self):
        reader = self._reader()
        card = reader._read_card()
        perform = "amr_device_gateway.headend.cards.desk.CardDesk.perform"
        for target in (
            "odoo.addons.amr_device_gateway.headend.cards.session.write",
            f"odoo.addons.{perform}",
        ):
            with (
                patch(target, side_effect=RuntimeError("unplugged")),
                self.subTest(target=target),
                mute_logger(
                    "odoo.addons.amr_device_gateway.headend.cards.desk",
                    "odoo.addons.amr_device_gateway.headend.control",
                ),
                self.assertRaisesRegex(
                    UserError, "read it again|Read the card before"
                ) as caught,
            ):
                reader._write_card(SECRET, 64, b"x", card["data"])
            self.assertEqual(caught.exception.code, "unknown")

    def test_a_reader_is_entered_once_and_belongs_to_its_community(self):
        self._reader()
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            with self.env.cr.savepoint():
                self._reader()
        far = self._reader(port="pcsc:x", community_id=self.other_community.id)
        with self.assertRaises(AccessError):
            far.with_user(self.clerk).action_test()
        with self.assertRaises(AccessError):
            self.env["amr.card.reader"].with_user(self.administrator).create(
                {
                    "name": "x",
                    "port": "pcsc:y",
                    "community_id": self.other_community.id,
                }
            )
        with self.assertRaises(AccessError):
            self.env["amr.card.reader.find"].with_user(self.clerk).create({})
