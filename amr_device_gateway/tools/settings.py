"""What the gateway is told by the configuration file and never by the database.

Section ``[amr]`` of Odoo's configuration file; an environment variable wins over it::

    [amr]
    headend_url = http://127.0.0.1:7610
    headend_token = …                 shared with the head-end
    relay_password = 02000000
    relay_operator = 00000000
    clock_password = 04000000
    credit_key = …                    authenticates prepaid credit
    headends = north=http://10.0.0.5:7610, south=http://10.0.0.6:7610
    device_host = 203.0.113.5         what devices connect to
    dtu_port = 30116

The variables are ``AMR_HEADEND_URL``, ``AMR_HEADEND_TOKEN`` and so on.
``relay_password`` is the level (two digits) and the six digits of the password that
DL/T 645-2007 meters want with a relay command; 02 and zeros are what meters leave the
factory with. ``clock_password`` is the same for writing the clock: its level is 04
by the standard. ``relay_operator`` is the operator code (eight digits). ``headends`` is
needed only where there are several, by the names they call themselves (their
``headend_name``); ``headend_url`` then is the one of links that none has reported.
All are listed then, those on counters' own computers, for card readers, among them.
"""

import os
from configparser import ConfigParser
from dataclasses import dataclass, field

from odoo.tools import config

SECTION = "amr"
DEFAULT_URL = "http://127.0.0.1:7610"
#: Ports that devices connect to, by kind of link (KTAMR manual 5.3).
DEVICE_PORTS = {"dtu": 30116, "concentrator": 6012}


@dataclass(frozen=True)
class GatewaySettings:
    """Settings of section ``[amr]``; secrets stay out of its ``repr``."""

    headend_url: str
    headend_token: str = field(repr=False)
    relay_password: str = field(repr=False)
    relay_operator: str
    credit_key: str = field(default="", repr=False)
    clock_password: str = field(default="04000000", repr=False)
    headends: dict = field(default_factory=dict)
    device_host: str = ""
    device_ports: dict = field(default_factory=lambda: dict(DEVICE_PORTS))

    def url_of(self, name):
        """Return where the head-end called ``name`` listens."""
        return self.headends.get(name) or self.headend_url


def gateway_settings():
    """Return the :class:`GatewaySettings` of this server."""
    parser = ConfigParser(interpolation=None)
    if config["config"]:
        parser.read(config["config"])
    section = parser[SECTION] if parser.has_section(SECTION) else {}

    def get(name, default):
        variable = f"AMR_{name.upper()}"
        return (os.environ.get(variable) or section.get(name) or default).strip()

    return GatewaySettings(
        headend_url=get("headend_url", DEFAULT_URL),
        headend_token=get("headend_token", ""),
        relay_password=get("relay_password", "02000000"),
        relay_operator=get("relay_operator", "00000000"),
        credit_key=get("credit_key", ""),
        clock_password=get("clock_password", "04000000"),
        headends=_named_urls(get("headends", "")),
        device_host=get("device_host", ""),
        device_ports={
            kind: get(f"{kind}_port", str(port)) for kind, port in DEVICE_PORTS.items()
        },
    )


def _named_urls(text):
    """Return ``{name: url}`` of ``name=url, name=url``."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): url.strip() for name, _sign, url in pairs}
