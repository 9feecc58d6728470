"""Estimation of an index nobody read: pure Python on :class:`decimal.Decimal`.

An index grows with time at an even pace between two readings, and goes through zero
when the register is full. Nothing here knows Odoo or a database.
"""

from .course import Mark, between, daily_use, onward, unrolled

__all__ = ["Mark", "between", "daily_use", "onward", "unrolled"]
