"""The spool: on disk, in order, once, and alive after anything."""

import asyncio
import sqlite3

import pytest
from headend import spool as spool_module
from headend.spool import Spool


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.sqlite"


def test_events_keep_their_order_until_they_are_accepted(path):
    async def body():
        spool = Spool(path)
        ids = [spool.put("uplink", "dtu:1", "1", frame=str(n)) for n in range(5)]
        spool.commit()
        assert [event["id"] for event in spool.peek()] == ids
        assert [event["frame"] for event in spool.peek(2)] == ["0", "1"]
        spool.accept(ids[:2])
        assert [event["id"] for event in spool.peek()] == ids[2:]
        spool.close()

    asyncio.run(body())


def test_events_that_come_together_are_one_write(path):
    async def body():
        spool = Spool(path)
        other = sqlite3.connect(path)
        for _ in range(3):
            spool.put("uplink", "dtu:1", "1")
        assert other.execute("SELECT count(*) FROM event").fetchone() == (0,)
        await spool.changed.wait()
        assert other.execute("SELECT count(*) FROM event").fetchone() == (3,)
        other.close()
        spool.close()

    asyncio.run(body())


def test_who_was_online_is_known_after_a_crash(path):
    async def body():
        spool = Spool(path)
        spool.put("link_up", "dtu:1", "1", "a")
        spool.put("link_up", "dtu:2", "2", "b")
        spool.put("link_down", "dtu:1", "1", "a")
        spool.commit()
        again = Spool(path)  # the first one never closed
        assert again.online() == [("dtu:2", "2", "b")]
        assert again.count() == 3 and again.changed.is_set()

    asyncio.run(body())


def test_a_full_spool_drops_old_presence_but_no_uplink(path, monkeypatch):
    monkeypatch.setattr(spool_module, "MAX_PRESENCE", 3)
    monkeypatch.setattr(spool_module, "TRIM_EVERY", 1)

    async def body():
        spool = Spool(path)
        for number in range(6):
            spool.put("uplink", "dtu:1", "1", frame=str(number))
            spool.put("link_up", "dtu:1", "1", str(number))
        spool.commit()
        events = spool.peek()
        uplinks = [one["frame"] for one in events if one["type"] == "uplink"]
        assert uplinks == ["0", "1", "2", "3", "4", "5"]
        peers = [one["peer"] for one in events if one["type"] == "link_up"]
        assert peers == ["3", "4", "5"]
        spool.close()

    asyncio.run(body())


def test_a_write_that_fails_is_tried_again(path, monkeypatch):
    monkeypatch.setattr(spool_module, "RETRY_PAUSE", 0.01)

    async def body():
        spool = Spool(path)
        write, failures = spool._write, [sqlite3.OperationalError("disk full")] * 2

        def failing(events):
            if failures:
                raise failures.pop()
            write(events)

        monkeypatch.setattr(spool, "_write", failing)
        spool.put("uplink", "dtu:1", "1", frame="00")
        await asyncio.wait_for(spool.changed.wait(), 5)
        assert [event["frame"] for event in spool.peek()] == ["00"]
        spool.close()

    asyncio.run(body())


def test_a_broken_file_is_put_aside(path):
    path.write_bytes(b"this is no database" * 100)

    async def body():
        spool = Spool(path)
        assert spool.count() == 0
        spool.close()

    asyncio.run(body())
    (aside,) = path.parent.glob("spool.sqlite.broken-*")
    assert aside.read_bytes().startswith(b"this is no database")
