"""A frame byte by byte: what each piece of it is called and says.

Protocols give their pieces (:meth:`Protocol.layout`); this cuts the frame by them, with
what is secret starred out.
"""

from typing import NamedTuple

#: What the bits of a control code say, see :func:`direction`.
REQUEST, ANSWER, REFUSAL = "request", "answer", "refusal"


class Piece(NamedTuple):
    """Some bytes of a frame, in hex.

    :param name: ``address``, ``control``, … (a fixed set of words)
    :param says: what they mean, as text; empty when the name says it all
    """

    hex: str
    name: str
    says: str = ""


def pieces(protocol, frame):
    """List of :class:`Piece` that together are ``frame``; never raises.

    What the protocol redacts (passwords, codes) is starred out.
    """
    text = protocol.redact(frame)
    found, place = [], 0
    for size, name, says in protocol.layout(bytes(frame)):
        if size > 0 and place < len(frame):
            end = min(place + size, len(frame))
            found.append(Piece(text[2 * place : 2 * end].upper(), name, says))
            place = end
    if place < len(frame):
        found.append(Piece(text[2 * place :].upper(), "rest"))
    return found


def direction(control, answer=0x80, refusal=0x40):
    """Whether a control code asks, answers or refuses."""
    if not control & answer:
        return REQUEST
    return REFUSAL if control & refusal else ANSWER


def said(decoded):
    """The values of a decoded frame as one text, without passwords."""
    parts = [
        f"{one.name} = {one.value} {one.unit}".strip()
        for one in decoded.values
        if "password" not in one.name.lower()
    ]
    if decoded.error:
        parts.append(str(decoded.error))
    return "; ".join(parts)
