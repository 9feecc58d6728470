"""Folders of TOML files that stand for code: meter models, readers, platforms."""

from functools import cache

import tomllib


@cache
def names(folder):
    """Names of the files in a folder (a path), sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def load(folder, name, called, error, parse_float=float):
    """Content of one file.

    :param str called: what people call such a thing
    :param error: class of the exception, which takes a sentence
    :raises error: there is no such file, or it is no TOML
    """
    if name not in names(folder):
        known = ", ".join(names(folder))
        raise error(f"There is no {called} “{name}”; known are: {known}.")
    text = (folder / f"{name}.toml").read_text(encoding="utf-8")
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError as why:
        raise error(f"The {called} {name} is no valid TOML: {why}") from why
