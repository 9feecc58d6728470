"""Meter models as data: one TOML file per model, in a folder beside its protocol.

A file holds no code; its name is the model's name. Whoever meets a new model writes a
file, names where its facts come from in ``source``, and touches nothing else.
"""

from decimal import Decimal
from functools import cache
from pathlib import Path

import tomllib

from .base import ProtocolError

FOLDER = Path(__file__).parent


class ModelError(ProtocolError):
    """There is no such model, or its file is wrong; the message is a sentence."""


@cache
def names(folder):
    """Names of the models in ``folder``, sorted."""
    return tuple(sorted(path.stem for path in (FOLDER / folder).glob("*.toml")))


@cache
def load(folder, name):
    """Content of one model's file.

    :raises ModelError: no such model, or a file that is no TOML
    """
    if name not in names(folder):
        raise ModelError(
            f"There is no meter model “{name}”; known are: {', '.join(names(folder))}."
        )
    text = (FOLDER / folder / f"{name}.toml").read_text(encoding="utf-8")
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"The model {name} is no valid TOML: {error}") from error
