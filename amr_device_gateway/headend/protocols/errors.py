"""The error all others of the protocols derive from."""


class ProtocolError(ValueError):
    """A request cannot be made; the message is a sentence for the operator."""
