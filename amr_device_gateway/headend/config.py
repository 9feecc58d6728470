"""Settings of the head-end: defaults, ``[amr]`` section, environment, options."""

import configparser
import os
import socket
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit


class ConfigError(ValueError):
    """A setting is missing or wrong; the message is a sentence."""


@dataclass
class Config:
    """Settings of one head-end process; times in seconds.

    :param token: shared with Odoo, never logged
    :param odoo_url: base address of Odoo; empty = only the links of the cached file
    :param dtu_port: negative = no DTUs; likewise ``concentrator_port``: a head-end with
        nothing but a card reader listens for no device
    :param registration_timeout: silence allowed before a DTU has named itself
    :param registration_gap: silence that ends a registration packet
    :param idle_timeout: a session that sends nothing for so long is dropped
    :param concentrator_idle_timeout: the same for concentrators: three heartbeats of
        five minutes, and a bit
    :param reply_timeout: how long to wait for one reply
    :param byte_rate: bytes a second a terminal may send before it is dropped
    :param byte_gap: silence after which garbage is no longer waited for
    :param pace: pause between a reply and the next request on the same link
    :param queue_limit: frames that may wait on one link
    :param config_interval: how often Odoo is asked for the list of links
    :param refresh_pause: least time between two such requests
    :param log_file: where the run log goes beside standard error; empty = nowhere
    :param log_size: megabytes after which the log turns over
    :param log_keep: how many full log files are kept
    :param uplink_token: what platforms prove themselves by; empty = no HTTP uplinks
    :param mqtt_url: ``mqtt://HOST:1883`` or ``mqtts://…``; empty = no MQTT
    :param card_ports: patterns of serial ports to scan for card readers beside those
        that the system lists
    :param mqtt_profile: file of ``uplinks/profiles`` that says what messages look like
    """

    name: str = ""
    token: str = ""
    odoo_url: str = ""
    state_dir: str = "."
    dtu_host: str = "0.0.0.0"
    dtu_port: int = 30116
    concentrator_host: str = "0.0.0.0"
    concentrator_port: int = 6012
    control_host: str = "127.0.0.1"
    control_port: int = 7610
    uplink_host: str = "0.0.0.0"
    uplink_port: int = 30118
    uplink_token: str = ""
    mqtt_url: str = ""
    mqtt_user: str = ""
    mqtt_password: str = ""
    mqtt_topic: str = "application/+/device/+/event/up"
    mqtt_profile: str = "chirpstack"
    card_ports: str = ""
    registration_pattern: str = r"[0-9A-Za-z_.:-]{1,40}"
    registration_timeout: float = 30.0
    registration_gap: float = 0.2
    idle_timeout: float = 300.0
    concentrator_idle_timeout: float = 960.0
    reply_timeout: float = 4.0
    byte_rate: float = 20000.0
    byte_gap: float = 0.5
    pace: float = 0.01
    config_interval: float = 60.0
    refresh_pause: float = 2.0
    post_timeout: float = 20.0
    max_sessions: int = 20000
    max_quarantined: int = 200
    queue_limit: int = 4000
    max_frames: int = 2000
    log_file: str = ""
    log_size: float = 10.0
    log_keep: int = 10

    def __post_init__(self):
        self.name = self.name or socket.gethostname()
        self.odoo_url = self.odoo_url.rstrip("/")

    def __repr__(self):
        return f"Config(name={self.name!r}, token=…)"

    def path(self, name):
        """A file in the state directory, which is made when missing."""
        folder = Path(self.state_dir)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name


#: Names in the ini file (section [amr]) and, upper case after AMR_, in the environment.
ALIASES = {"headend_token": "token", "headend_name": "name"}


def load(path=None, environ=None, **options):
    """Settings from file, environment and options; the later win.

    The file is an ini file with a section ``[amr]``, Odoo's own configuration for
    one: ``headend_url`` says where the control port listens, ``headend_token`` is the
    shared secret. ``AMR_ODOO_URL``, ``AMR_HEADEND_TOKEN`` and so on override it.

    :raises ConfigError: unreadable file, or a value that is no number
    """
    raw = _from_file(path) if path else {}
    environ = os.environ if environ is None else environ
    for key, value in environ.items():
        if key.startswith("AMR_") and value:
            raw[key[4:].lower()] = value
    values = _apply(raw)
    values.update({key: value for key, value in options.items() if value is not None})
    return Config(**values)


def _from_file(path):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with open(path, encoding="utf-8") as stream:
            parser.read_file(stream)
    except (OSError, configparser.Error) as error:
        raise ConfigError(
            f"The configuration {path} cannot be read: {error}"
        ) from error
    return dict(parser["amr"]) if parser.has_section("amr") else {}


def _apply(raw):
    values = {}
    if raw.get("headend_url"):
        values["control_host"], values["control_port"] = _host_port(raw["headend_url"])
    known = {field.name: field.type for field in fields(Config)}
    for key, text in raw.items():
        name = ALIASES.get(key, key.removeprefix("headend_"))
        if name not in known:
            continue
        kind = {"int": int, "float": float}.get(_type_name(known[name]), str)
        try:
            values[name] = kind(text)
        except ValueError:
            raise ConfigError(f"The setting {key} must be a number.") from None
    return values


def _type_name(kind):
    return kind if isinstance(kind, str) else kind.__name__


def _host_port(url):
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        return parts.hostname or "127.0.0.1", parts.port or 7610
    except ValueError:
        raise ConfigError(f"headend_url {url} has no valid port number.") from None
