import hmac
import json
import logging
from http import HTTPStatus

from odoo import SUPERUSER_ID
from odoo.http import Controller, request, route

from ..tools import gateway_settings

_logger = logging.getLogger(__name__)

MAX_EVENTS = 5000
FIELDS = {"headend", "events"}
BEARER = "Bearer "


class HeadEndController(Controller):
    """What head-ends ask and tell; they prove themselves by the shared token."""

    @route(
        "/amr/headend/v1/config",
        type="http",
        auth="none",
        methods=["GET"],
        csrf=False,
        save_session=False,
        readonly=True,
    )
    def config(self, headend=None, **_query):
        """Return the links in service."""
        if not self._is_authorized():
            return self._unauthorized()
        env = request.env(user=SUPERUSER_ID)
        return request.make_json_response(env["amr.link"]._head_end_config(headend))

    @route(
        "/amr/headend/v1/events",
        type="http",
        auth="none",
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def events(self, **_query):
        """Take in events; answers which of them need not be sent again."""
        if not self._is_authorized():
            return self._unauthorized()
        try:
            body = json.loads(request.httprequest.get_data())
        except ValueError:
            return self._error(HTTPStatus.BAD_REQUEST, "The body is not JSON.")
        problem = self._check_body(body)
        if problem:
            return self._error(HTTPStatus.BAD_REQUEST, problem)
        env = request.env(user=SUPERUSER_ID)
        # what is found is written down for the company's people
        env = env(context={**env.context, "lang": env.company.partner_id.lang})
        answer = env["amr.headend.event"]._receive(body["headend"], body["events"])
        return request.make_json_response(answer)

    def _check_body(self, body):
        """Return what is wrong with a body of events, or None."""
        if not isinstance(body, dict):
            return "The body must be an object with headend and events."
        unknown = body.keys() - FIELDS
        if unknown:
            return f"Unknown field: {', '.join(sorted(unknown))}."
        if not isinstance(body.get("headend"), str):
            return "The field headend must be the name of the head-end."
        if not isinstance(body.get("events"), list):
            return "The field events must be a list."
        if len(body["events"]) > MAX_EVENTS:
            return f"More than {MAX_EVENTS} events at once."
        return None

    def _is_authorized(self):
        """Compare the token in constant time; without a token nobody gets in."""
        token = gateway_settings().headend_token
        given = request.httprequest.headers.get("Authorization", "")
        if not token or not given.startswith(BEARER):
            return False
        return hmac.compare_digest(given[len(BEARER) :].encode(), token.encode())

    def _unauthorized(self):
        _logger.info("A head-end with a wrong token was refused")
        return self._error(HTTPStatus.UNAUTHORIZED, "The token is missing or wrong.")

    def _error(self, status, sentence):
        return request.make_json_response({"error": sentence}, status=status)
