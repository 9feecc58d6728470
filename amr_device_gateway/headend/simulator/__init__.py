"""Simulated DTUs and meters that talk to a real head-end over real sockets."""

from .app import Simulator, load, run

__all__ = ["Simulator", "load", "run"]
