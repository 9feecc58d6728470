"""Make the pure package importable without Odoo, and give tests a world to run in."""

import asyncio
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ADDON = Path(__file__).resolve().parents[3] / "amr_device_gateway"
for folder in (str(ADDON), str(Path(__file__).parent)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

from headend_world import PATIENCE, World  # noqa: E402

settings.register_profile("quick", max_examples=40, deadline=None)
settings.load_profile("quick")


@pytest.fixture
def world(tmp_path):
    """Run an async test body with a World: ``world(body)``."""

    def run(body):
        async def main():
            place = World(tmp_path)
            await place.odoo.start()
            try:
                await asyncio.wait_for(body(place), 3 * PATIENCE)
            finally:
                await place.stop()

        asyncio.run(main())

    return run
