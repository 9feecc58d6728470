"""Make the pure package importable without Odoo."""

import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings

ADDON = Path(__file__).resolve().parents[3] / "amr_metering"
if str(ADDON) not in sys.path:
    sys.path.insert(0, str(ADDON))

from handheld.book import Book, Header, Meter  # noqa: E402

settings.register_profile("quick", max_examples=40, deadline=None)
settings.load_profile("quick")


@pytest.fixture
def book():
    """A book of 40 meters: several pieces on the line."""
    header = Header(
        number="RB00001",
        district="1",
        community="0372",
        line="1037200101",
        made_at=datetime(2026, 3, 1, 8, 0),
        title="悦澜苑二期 1栋",
    )
    meters = tuple(
        Meter(
            sequence=number,
            key=str(1000 + number),
            address=f"13011{number:07d}",
            number=f"13011{number:07d}",
            place=f"1栋 {number:04d}",
            customer="张三",
            unit="kWh",
            digits=6,
            decimals=2,
            previous=Decimal(100 * number),
            low=Decimal(100 * number),
            high=Decimal(100 * number + 50),
        )
        for number in range(1, 41)
    )
    return Book(header, meters)
