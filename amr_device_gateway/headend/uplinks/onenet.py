"""OneNET's HTTP push: proves itself by a signature of what it says, not by a token.

Source: OneNET, application development, HTTP push, development manual: the address is
checked by ``GET ?msg=…&nonce=…&signature=…``, answered with the msg; data come by POST
with ``msg``, ``nonce`` and ``msg_signature``. A signature is the base64 of the MD5 of
token, nonce and msg. The newer platform says ``signature``, and its msg is a text.
"""

import base64
import hashlib
import hmac
import json

from .profile import MessageError

SIGNATURES = ("msg_signature", "signature")


class NotSigned(Exception):
    """The signature is missing or wrong."""


def signature(token, nonce, text):
    """What OneNET signs ``text`` with."""
    digest = hashlib.md5(f"{token}{nonce}{text}".encode()).digest()
    return base64.b64encode(digest).decode()


def check(token, nonce, text, given):
    """Compare a signature in constant time.

    :raises NotSigned: it is another one, or something is missing
    """
    parts = (nonce, text, given)
    if not all(isinstance(part, str) for part in parts) or not given:
        raise NotSigned
    given = given.replace(" ", "+")  # a plus that was not escaped in an address
    try:
        wanted = signature(token, nonce, text)
    except UnicodeEncodeError:
        raise NotSigned from None
    if not hmac.compare_digest(wanted.encode(), given.encode(errors="replace")):
        raise NotSigned


def unwrap(token, body):
    """The message, or the list of messages, that a signed body holds (JSON bytes).

    :raises NotSigned: its signature is missing or wrong
    :raises MessageError: it cannot be read; a sentence
    """
    try:
        text = body.decode()
        outer = json.loads(text)
    except (ValueError, RecursionError):
        raise MessageError("The message is no JSON.") from None
    if not isinstance(outer, dict):
        raise NotSigned
    if "enc_msg" in outer:
        raise MessageError(
            "The message is encrypted: choose plain text for this push in OneNET, and "
            "an https address."
        )
    given = next((outer[name] for name in SIGNATURES if name in outer), None)
    inner = outer.get("msg")
    signed = inner if isinstance(inner, str) else _as_sent(text)
    check(token, outer.get("nonce"), signed, given)
    return signed.encode()


def _as_sent(text):
    """The msg of a body letter for letter, as it was signed; None when it has none."""
    decoder = json.JSONDecoder()
    place = text.index("{") + 1
    while True:
        place = _skip(text, place)
        if text[place] == "}":
            return None
        name, place = decoder.raw_decode(text, place)
        start = _skip(text, place)
        _value, place = decoder.raw_decode(text, start)
        if name == "msg":
            return text[start:place]


def _skip(text, place):
    """Where the next name or value begins."""
    while text[place] in " \t\r\n,:":
        place += 1
    return place
