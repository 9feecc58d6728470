"""Downlinks to LoRaWAN devices by way of a network server, ChirpStack v4.

A device listens only after it has spoken: the network server keeps what it is handed
until then, and tells by events what became of it. Source: ChirpStack v4, MQTT
integration: ``application/ID/device/EUI/command/down`` (devEui, confirmed, fPort,
data, id, expiresAt; older servers pass over the last), events ``txack`` (a gateway
sends it), ``ack`` (confirmed, or not) and ``log`` with the codes EXPIRED and
DOWNLINK_PAYLOAD_SIZE (taken out of the queue unsent; ``queue_item_id`` in its context).
"""

import base64
import json
import re
import uuid
from typing import NamedTuple

from .profile import NAMESPACE, MessageError, moment_of

EVENTS = ("txack", "ack", "log")
#: Codes of ``log`` that end a downlink; the others are not about any.
DROPPED = ("EXPIRED", "DOWNLINK_PAYLOAD_SIZE")
EUI = re.compile(r"[0-9a-f]{16}")
#: The number of an application: a UUID, in older versions a number.
APPLICATION = re.compile(r"[0-9A-Za-z-]{1,64}")
PORTS = range(1, 224)
#: Bytes that go into one downlink at a good data rate.
LONGEST = 222


class DownlinkError(ValueError):
    """A downlink that cannot be handed over; nothing was. A sentence."""


class Receipt(NamedTuple):
    """What became of a downlink: ``sent``, ``acknowledged``, ``lost`` or
    ``dropped`` (it never left)."""

    id: str
    device: str
    item: str
    outcome: str
    at: str | None


def topics(up):
    """Topics of the events that tell of downlinks, beside that of uplinks."""
    base, name = up.rsplit("/", 1) if "/" in up else ("", up)
    return [f"{base}/{event}" for event in EVENTS] if base and name == "up" else []


def command(message):
    """(topic, payload) of a downlink.

    :param dict message: ``device`` (devEUI), ``application``, ``port``, ``frame``
        (hex), ``number`` (UUID: handed over twice, the network server knows it),
        ``expires`` (ISO time, optional: not sent after it)
    :raises DownlinkError: a sentence
    """
    device, application = message.get("device"), message.get("application")
    if not isinstance(device, str) or not EUI.fullmatch(device):
        raise DownlinkError("A downlink needs the 16 hexadecimal digits of a devEUI.")
    if not isinstance(application, str) or not APPLICATION.fullmatch(application):
        raise DownlinkError("A downlink needs the number of its application.")
    try:
        port = int(message.get("port"))
        frame = bytes.fromhex(message.get("frame"))
        number = str(uuid.UUID(message.get("number")))
    except (TypeError, ValueError, AttributeError):
        raise DownlinkError("A downlink needs port, frame (hex) and number.") from None
    if port not in PORTS or not 0 < len(frame) <= LONGEST:
        raise DownlinkError(
            f"A downlink has a port from 1 to 223 and at most {LONGEST} bytes."
        )
    body = {
        "id": number,
        "devEui": device,
        "confirmed": True,
        "fPort": port,
        "data": base64.b64encode(frame).decode(),
    }
    if message.get("expires"):
        try:
            body["expiresAt"] = moment_of(message["expires"])
        except (TypeError, ValueError, AttributeError):
            raise DownlinkError("A downlink expires at an ISO time.") from None
    return f"application/{application}/device/{device}/command/down", json.dumps(body)


def receipt(name, body):
    """:class:`Receipt` of the event ``name``, None when it tells of something else.

    :raises MessageError: a sentence
    """
    try:
        event = json.loads(body)
        if name == "log" and event.get("code") not in DROPPED:
            return None
        device = event["deviceInfo"]["devEui"].lower()
        number = event["context"]["queue_item_id"] if name == "log" else None
        item = str(uuid.UUID(number or event["queueItemId"]))
        at = moment_of(event["time"]) if event.get("time") else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise MessageError("The event tells of no downlink.") from None
    outcome = "dropped" if name == "log" else "sent"
    if name == "ack":
        outcome = "acknowledged" if event.get("acknowledged") else "lost"
    text = "\x1f".join((device, item, outcome, at or ""))
    plain = text.encode("ascii", "backslashreplace").decode()
    return Receipt(str(uuid.uuid5(NAMESPACE, plain)), device, item, outcome, at)
