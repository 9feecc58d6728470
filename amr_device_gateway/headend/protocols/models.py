"""Meter models as data: one TOML file per model, in a folder beside its protocol.

A file holds no code; its name is the model's name. Whoever meets a new model writes a
file, names where its facts come from in ``source`` and what people call it in ``title``
(a text, or one for each language: ``{ en_US = "…", zh_CN = "…" }``), and touches
nothing else.
"""

import dataclasses
from decimal import Decimal
from functools import cache
from pathlib import Path

from .. import toml_files
from .errors import ProtocolError

FOLDER = Path(__file__).parent
#: Keys of every file that say something about the model and are no option.
ABOUT = ("source", "title")


class ModelError(ProtocolError):
    """There is no such model, or its file is wrong; the message is a sentence."""


def names(folder):
    """Names of the models in ``folder``, sorted."""
    return toml_files.names(FOLDER / folder)


@cache
def load(folder, name):
    """Content of one model's file.

    :raises ModelError: no such model, or a file that is no TOML
    """
    path = FOLDER / folder
    return toml_files.load(path, name, "meter model", ModelError, parse_float=Decimal)


def title(folder, name, language="en_US"):
    """What people call a model, in their language when its file has it."""
    text = load(folder, name).get("title", name)
    if isinstance(text, dict):
        return text.get(language) or text.get("en_US") or name
    return text


def options(folder, name, kind, called):
    """Options of a model, for the dataclass ``kind`` of its protocol.

    :param str called: what people call the protocol
    :raises ModelError: no such model, or an option that there is not
    """
    rows = dict(load(folder, name))
    for key in ABOUT:
        rows.pop(key, None)
    known = {field.name: type(field.default) for field in dataclasses.fields(kind)}
    for key, value in rows.items():
        if key not in known:
            raise ModelError(
                f"The model {name} sets “{key}”, which is no option of {called}; "
                f"known are: {', '.join(known)}."
            )
        wanted = known[key]
        if wanted in (bool, int, str) and type(value) is not wanted:
            raise ModelError(
                f"The model {name} sets “{key}” to {value!r}: "
                f"it must be of kind {wanted.__name__}."
            )
    if "alarms" in rows:
        rows["alarms"] = tuple(rows["alarms"].items())
    return rows
