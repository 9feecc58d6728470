"""Authentication codes of credit commands: a slot, and the simulator's own profile.

Meters of the State Grid check a code made with keys inside an ESAM or HSM; nobody but
the utility can make it, so a real project plugs in its own callable here. The only one
that ships is :class:`SimulatorAuthenticator`, our own scheme, good for the simulator
and for nothing else.
"""

import hashlib
import hmac
import os

from .base import ProtocolError

KEY_VARIABLE = "AMR_CREDIT_KEY"
MAC_SIZE = 4
AREA_CODE_SIZE = 6


class AuthenticationMissing(ProtocolError):
    """No key or device is there to authenticate a credit command."""


class SimulatorAuthenticator:
    """HMAC-SHA256 of address and data, cut to 4 bytes ("simulator profile").

    An authenticator is any callable ``(address, data) -> 4 bytes`` that answers the
    same bytes for the same arguments: repeating a credit command must repeat it to
    the last bit.
    """

    def __init__(self, key):
        if not key:
            raise AuthenticationMissing(
                "Credit commands need a key: set it in the configuration "
                f"or in the variable {KEY_VARIABLE}."
            )
        self._key = key.encode() if isinstance(key, str) else bytes(key)

    def for_area(self, area_code):
        """The authenticator of one vending site: its area code joins the key.

        What is made for one site fails at meters that are keyed for another, though
        both have the same key (IC-card manual 1.3).

        :param str area_code: six digits
        :raises AuthenticationMissing: it is none; it is secret, so it is not told
        """
        text = str(area_code)
        if not (len(text) == AREA_CODE_SIZE and text.isascii() and text.isdigit()):
            raise AuthenticationMissing("An area code has six digits.")
        message = b"area code\x00" + text.encode()
        return type(self)(hmac.new(self._key, message, hashlib.sha256).digest())

    def __call__(self, address, data):
        message = address.encode("ascii") + b"\x00" + bytes(data)
        return hmac.new(self._key, message, hashlib.sha256).digest()[:MAC_SIZE]

    def __repr__(self):
        return "SimulatorAuthenticator(…)"


def from_environment(environ=None):
    """The simulator profile with the key of the environment.

    :raises AuthenticationMissing: the variable is not set
    """
    environ = os.environ if environ is None else environ
    return SimulatorAuthenticator(environ.get(KEY_VARIABLE, ""))
