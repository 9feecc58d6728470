"""What the gateway is told by the configuration file and never by the database.

Section ``[amr]`` of Odoo's configuration file; an environment variable wins over it::

    [amr]
    headend_url = http://127.0.0.1:7610
    headend_token = …                 shared with the head-end
    relay_password = 02000000
    relay_operator = 00000000
    clock_password = 04000000
    credit_key = …                    authenticates prepaid credit

The variables are ``AMR_HEADEND_URL``, ``AMR_HEADEND_TOKEN`` and so on.
``relay_password`` is the level (two digits) and the six digits of the password that
DL/T 645-2007 meters want with a relay command; 02 and zeros are what meters leave the
factory with. ``clock_password`` is the same for writing the clock: its level is 04
by the standard. ``relay_operator`` is the operator code (eight digits).
"""

import os
from configparser import ConfigParser
from dataclasses import dataclass, field

from odoo.tools import config

SECTION = "amr"
DEFAULT_URL = "http://127.0.0.1:7610"


@dataclass(frozen=True)
class GatewaySettings:
    """Settings of section ``[amr]``; secrets stay out of its ``repr``."""

    headend_url: str
    headend_token: str = field(repr=False)
    relay_password: str = field(repr=False)
    relay_operator: str
    credit_key: str = field(default="", repr=False)
    clock_password: str = field(default="04000000", repr=False)


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
    )
