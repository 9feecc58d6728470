"""The support bundle: what the makers need to see when something is wrong (S0 5.2).

Nothing secret goes in: settings are told by name only where their name sounds like a
secret, and every secret word of the configuration is starred out of all files.
"""

import asyncio
import configparser
import importlib.metadata
import json
import os
import platform
import re
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import fields, replace
from datetime import datetime, timezone
from pathlib import Path

from . import runlog
from .client import HeadEndError

SECRET = re.compile(r"token|passw|secret|key|credential|pwd", re.IGNORECASE)
#: What a shell calls the current folder sounds like a password, and is none.
FOLDERS = ("PWD", "OLDPWD")
#: A word this short is no secret, and would star out half of the log.
SHORTEST = 4
STARS = "***"
#: Passwords inside addresses (user:password@host) and after a name (password=…).
INSIDE = (
    (re.compile(r"(//[^/\s:@]*:)[^/\s@]+@"), rf"\1{STARS}@"),
    (re.compile(r"((?:Bearer|Basic)\s+)\S+", re.IGNORECASE), rf"\1{STARS}"),
    (
        re.compile(rf"(\w*(?:{SECRET.pattern})\w*[\"']?\s*[=:]\s*)\S+", re.IGNORECASE),
        rf"\1{STARS}",
    ),
)
PACKAGES = (
    "odoo",
    "aiohttp",
    "aiomqtt",
    "pyMeterBus",
    "pymodbus",
    "pyscard",
    "pyserial",
    "pyserial-asyncio-fast",
    "odoo-addon-queue_job",
)
#: Of Odoo's own section only what bears on the head-end's work.
OF_ODOO = (
    "addons_path",
    "data_dir",
    "db_maxconn",
    "http_port",
    "limit_time_cpu",
    "limit_time_real",
    "max_cron_threads",
    "proxy_mode",
    "server_wide_modules",
    "workers",
)
TIMEOUT = 10


async def write(path, config, config_file, client, lines):
    """Write the bundle, a zip file, and return the names of what is in it.

    :param config: :class:`.config.Config`
    :param config_file: path of the configuration, or None
    :param client: :class:`.client.HeadEndClient`, entered; it may be out of reach
    :param int lines: how many of the last log lines
    :raises OSError: the file cannot be written
    """
    hide = Hide(secrets(config, config_file))
    about = await _ask(client.about)
    config = replace(
        config,
        state_dir=about.get("state_dir", config.state_dir),
        log_file=about.get("log_file", config.log_file),
    )
    parts = {
        "about.json": _text(hide.all_of({**_about(config), "running": about})),
        "settings.json": _text(hide.all_of(_settings(config, config_file))),
        "links.json": _text(hide.all_of(await _links(config, client))),
        "spool.json": _text(hide.all_of(_spool(config))),
        "headend.log": hide("\n".join(runlog.tail(config, lines))),
    }
    path = Path(path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            for name, text in parts.items():
                file.writestr(name, text)
    return list(parts)


class Hide:
    """Stars out secrets in a text."""

    def __init__(self, words):
        words = sorted((w for w in words if len(w) >= SHORTEST), key=len, reverse=True)
        self._words = re.compile("|".join(map(re.escape, words))) if words else None

    def __call__(self, text):
        if self._words:
            text = self._words.sub(STARS, text)
        for pattern, instead in INSIDE:
            text = pattern.sub(instead, text)
        return text

    def all_of(self, part):
        """The same for every text in a part of a JSON object."""
        if isinstance(part, dict):
            return {key: self.all_of(value) for key, value in part.items()}
        if isinstance(part, list):
            return [self.all_of(value) for value in part]
        return self(part) if isinstance(part, str) else part


def secrets(config, config_file, environ=None):
    """Every secret word of the configuration file and of the environment."""
    environ = os.environ if environ is None else environ
    named = [pair for pair in environ.items() if pair[0] not in FOLDERS]
    rows = [("token", config.token), *named]
    for section in _sections(config_file).values():
        rows += section.items()
    return {value for key, value in rows if SECRET.search(key) and value}


def _about(config):
    return {
        "made_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "headend": config.name,
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "addon": _addon_version(),
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _addon_version():
    manifest = Path(__file__).resolve().parents[1] / "__manifest__.py"
    found = re.search(r'"version": "([^"]+)"', manifest.read_text(encoding="utf-8"))
    return found[1] if found else None


def _settings(config, config_file):
    """What the head-end works with, and what the file says of it and of Odoo."""
    used = {one.name: getattr(config, one.name) for one in fields(config)}
    sections = {"head-end": used}
    for name, section in _sections(config_file).items():
        shown = OF_ODOO if name == "options" else section
        sections[f"[{name}]"] = {key: section[key] for key in shown if key in section}
    return {
        name: {
            key: (STARS if value else "") if SECRET.search(key) else value
            for key, value in section.items()
        }
        for name, section in sections.items()
    }


def _sections(path):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    if path:
        parser.read(path, encoding="utf-8")
    return {name: dict(parser[name]) for name in parser.sections()}


async def _ask(question):
    """The answer of the running head-end, or why there is none."""
    try:
        return await asyncio.wait_for(question(), TIMEOUT)
    except (HeadEndError, asyncio.TimeoutError) as error:
        return {"problem": str(error) or "No answer in time."}


async def _links(config, client):
    """Links as the head-end sees them now, else those it had from Odoo last."""
    live = await _ask(client.known)
    if isinstance(live, list):
        return {"from": "the running head-end", "links": live}
    answer = {"from": "the cached file", **live, "links": []}
    try:
        text = (Path(config.state_dir) / "links.json").read_text(encoding="utf-8")
        answer["links"] = json.loads(text)["links"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        answer["file"] = f"{type(error).__name__}: {error}"
    return answer


def _spool(config):
    """How many events of each kind wait, and since when."""
    path = Path(config.state_dir).resolve() / "spool.sqlite"
    if not path.exists():
        return {"events": {}, "problem": "There is no spool."}
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT type, count(*), min(json_extract(body, '$.at')) FROM event"
                " GROUP BY type"
            ).fetchall()
            [(online,)] = database.execute("SELECT count(*) FROM online").fetchall()
    except sqlite3.Error as error:
        return {"events": {}, "problem": str(error)}
    events = {kind: {"count": count, "oldest": at} for kind, count, at in rows}
    return {"events": events, "online": online, "bytes": path.stat().st_size}


def _text(part):
    return json.dumps(part, ensure_ascii=False, indent=2, default=str)
