"""Finds protocols by name: a new protocol is one new module with ``PROTOCOL``."""

import dataclasses
import importlib
import pkgutil

from .base import AnyFramer, UnknownProtocol

_protocols = {}


def _load():
    """All protocols, those with the strictest framing first."""
    if not _protocols:
        package = importlib.import_module("..protocols", __package__)
        found = []
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f".{info.name}", __package__)
            if hasattr(module, "PROTOCOL"):
                found.append(module.PROTOCOL)
        found.sort(key=lambda protocol: (protocol.framing_rank, protocol.name))
        _protocols.update({protocol.name: protocol for protocol in found})
    return _protocols


def names():
    """Names of all protocols."""
    return list(_load())


def get(name, **options):
    """The protocol called ``name``, with the options of a meter model applied.

    :raises UnknownProtocol: no such protocol
    """
    try:
        protocol = _load()[name]
    except KeyError:
        raise UnknownProtocol(
            f"There is no protocol “{name}”; known are: {', '.join(names())}."
        ) from None
    return dataclasses.replace(protocol, **options) if options else protocol


def detect(frame):
    """Name of the protocol that ``frame`` is a whole, sound frame of, else None."""
    for name, protocol in _load().items():
        if protocol.Framer().feed(frame):
            return name
    return None


def any_framer():
    """A framer for a line on which several protocols are spoken."""
    known = [one for one in _load().values() if one.recognisable]
    return AnyFramer([protocol.Framer() for protocol in known])
