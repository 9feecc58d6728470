"""Meter protocols. Every module that defines ``PROTOCOL`` is found by the registry."""
