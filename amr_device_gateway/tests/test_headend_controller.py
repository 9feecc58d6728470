import json
import uuid
from unittest.mock import patch

from odoo.tests import HttpCase, tagged

from odoo.addons.amr_device_gateway.tools import GatewaySettings
from odoo.addons.amr_metering.tests.common import MeteringCommon

from .common import GatewayMixin

EVENTS = "/amr/headend/v1/events"
CONFIG = "/amr/headend/v1/config"
TOKEN = "right-token"


@tagged("post_install", "-at_install")
class TestHeadendController(GatewayMixin, MeteringCommon, HttpCase):
    def setUp(self):
        super().setUp()
        self._set_token(TOKEN)

    def _set_token(self, token):
        settings = GatewaySettings("http://127.0.0.1:1", token, "02000000", "0")
        self.startPatcher(
            patch(
                "odoo.addons.amr_device_gateway.controllers.headend.gateway_settings",
                lambda: settings,
            )
        )

    def _open(self, path, data=None, token=TOKEN):
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if data is not None and not isinstance(data, str):
            data = json.dumps(data)
        return self.url_open(path, data=data, headers=headers)

    def _event(self, **vals):
        return {
            "id": str(uuid.uuid4()),
            "at": "2026-03-01T08:00:00+00:00",
            "type": "link_up",
            "link": self.link.key,
            "terminal": self.link.terminal,
            "peer": "10.0.0.1:5",
            **vals,
        }

    def test_the_configuration_is_told_to_who_knows_the_token(self):
        response = self._open(CONFIG + "?headend=field-1")
        self.assertEqual(response.status_code, 200)
        keys = [link["link"] for link in response.json()["links"]]
        self.assertIn(self.link.key, keys)

    def test_a_wrong_or_missing_token_opens_nothing(self):
        body = {"headend": "field-1", "events": [self._event()]}
        for token in ("wrong", "", "right-toke", "rightétoken", None):
            for path, data in ((CONFIG, None), (EVENTS, body)):
                with self.subTest(token=token, path=path):
                    response = self._open(path, data, token)
                    self.assertEqual(response.status_code, 401)
                    self.assertIn("token", response.json()["error"])
        self.assertFalse(self.link.online)

    def test_without_a_configured_token_nobody_gets_in(self):
        self._set_token("")
        self.assertEqual(self._open(CONFIG, token="").status_code, 401)

    def test_events_are_accepted_and_replayed_without_harm(self):
        event = self._event()
        body = {"headend": "field-1", "events": [event]}
        for _delivery in range(2):
            response = self._open(EVENTS, body)
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.json()["accepted"], [event["id"]])
        self.link.invalidate_recordset()
        self.assertTrue(self.link.online)
        events = self.env["amr.headend.event"].search([("event_id", "=", event["id"])])
        self.assertEqual(len(events), 1)

    def test_a_body_that_is_wrong_gets_a_sentence(self):
        cases = [
            ("{", "not JSON"),
            ("[]", "object"),
            ({"headend": "x", "events": [], "colour": 1}, "Unknown field: colour"),
            ({"events": []}, "headend"),
            ({"headend": "x", "events": {}}, "list"),
        ]
        for data, sentence in cases:
            with self.subTest(sentence=sentence):
                response = self._open(EVENTS, data)
                self.assertEqual(response.status_code, 400)
                self.assertIn(sentence, response.json()["error"])

    def test_an_unusable_event_is_answered_with_its_reason(self):
        event = self._event(type="exploded")
        response = self._open(EVENTS, {"headend": "x", "events": [event]})
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.json()["accepted"], [event["id"]])
        self.assertIn("exploded", response.json()["rejected"][0]["error"])
