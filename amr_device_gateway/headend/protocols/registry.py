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
    return find(frame)[0]


def find(data, names=None):
    """Name of a protocol and the first sound frame of it in ``data``.

    Noise before a frame is skipped where a frame can be told from noise.

    :param names: protocols to look for, default all
    :return: ``(None, None)`` when there is none
    """
    for name, protocol in _load().items():
        if names and name not in names:
            continue
        framer = protocol.Framer()
        frames = framer.feed(data)
        if protocol.recognisable:
            frames = frames or framer.flush()
        for frame in frames:
            if names or protocol.speaks(frame):
                return name, frame
    return None, None


def any_framer():
    """A framer for a line on which several protocols are spoken."""
    return framer_of(_load().values())


def framer_of(protocols):
    """A framer for those of ``protocols`` whose frames show where they begin.

    Protocols that share their framing share the framer.
    """
    framers = [one.Framer() for one in protocols if one.recognisable]
    different = list({type(framer): framer for framer in framers}.values())
    return different[0] if len(different) == 1 else AnyFramer(different)
