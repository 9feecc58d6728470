"""Events on their way to Odoo, kept on disk until Odoo has accepted them."""

import asyncio
import json
import logging
import os
import sqlite3
import uuid
from datetime import datetime, timezone

_logger = logging.getLogger(__name__)

#: Presence events beyond this number push out the oldest; uplinks are never dropped.
MAX_PRESENCE = 100_000
TRIM_EVERY = 1000

#: Seconds within which events share one write to disk.
WINDOW = 0.02
#: Seconds after which a write that failed is tried again.
RETRY_PAUSE = 5.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS online (link TEXT PRIMARY KEY, terminal TEXT, peer TEXT);
"""


def _open(path):
    """The database at ``path``; a broken file is put aside, never overwritten."""
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        aside = f"{path}.broken-{datetime.now():%Y%m%d%H%M%S}"
        _logger.error("the spool is broken (%s); kept as %s", error, aside)
        os.replace(path, aside)
        return _connect(path)


def _connect(path):
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(SCHEMA)
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


class Spool:
    """A queue of events in SQLite; survives a kill at any moment.

    Events that come close together are committed together, so that a thousand DTUs
    that log in at once cost a few writes to disk, not a thousand.
    """

    def __init__(self, path):
        self._db = _open(path)
        self._waiting = {}
        self._retrying = False
        self._untrimmed = 0
        self._savers = []
        self.changed = asyncio.Event()
        if self.count():
            self.changed.set()

    def put(self, kind, link, terminal, peer="", **more):
        """Queue one event and return its id.

        An event that comes with an ``id`` of its own and is waiting already is queued
        once.
        """
        event = {
            "id": str(uuid.uuid4()),
            "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "type": kind,
            "link": link,
            "terminal": terminal,
            "peer": peer,
            **more,
        }
        if not self._waiting:
            asyncio.get_running_loop().call_later(WINDOW, self.commit)
        self._waiting[event["id"]] = event
        return event["id"]

    def commit(self):
        """Write what waits in memory to disk; return whether all of it is there.

        What cannot be written now is tried again.
        """
        events, self._waiting = self._waiting, {}
        if not events:
            return True
        try:
            self._write(list(events.values()))
        except sqlite3.Error as error:
            _logger.error("the spool cannot be written (%s); trying again", error)
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._waiting = events
            self._retry()
            return False
        self.changed.set()
        savers, self._savers = self._savers, []
        for future in savers:
            if not future.done():
                future.set_result(None)
        return True

    def _retry(self):
        """One try at a time, however often somebody asks."""
        if not self._retrying:
            self._retrying = True
            asyncio.get_running_loop().call_later(RETRY_PAUSE, self._commit_again)

    def _commit_again(self):
        self._retrying = False
        self.commit()

    async def saved(self):
        """Wait until everything put so far is on disk."""
        if self._waiting:
            future = asyncio.get_running_loop().create_future()
            self._savers.append(future)
            await future

    def _write(self, events):
        rows = [(event["id"], event["type"], json.dumps(event)) for event in events]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT OR IGNORE INTO event (id, type, body) VALUES (?, ?, ?)", rows
        )
        for event in events:
            self._remember(event)
        self._untrimmed += len(events)
        self._trim()
        self._db.execute("COMMIT")

    def _remember(self, event):
        """Keep who is connected, so that a crash can be told afterwards."""
        if event["type"] in ("link_up", "unknown_terminal"):
            self._db.execute(
                "INSERT OR REPLACE INTO online VALUES (?, ?, ?)",
                (event["link"], event["terminal"], event["peer"]),
            )
        elif event["type"] == "link_down":
            self._db.execute("DELETE FROM online WHERE link = ?", (event["link"],))

    def _trim(self):
        """Keep presence events below their limit; counted once in a while."""
        if self._untrimmed < TRIM_EVERY:
            return
        self._untrimmed = 0
        (count,) = self._db.execute(
            "SELECT count(*) FROM event WHERE type != 'uplink'"
        ).fetchone()
        if count > MAX_PRESENCE:
            _logger.warning("spool full: dropping the oldest presence events")
            self._db.execute(
                "DELETE FROM event WHERE seq IN (SELECT seq FROM event"
                " WHERE type != 'uplink' ORDER BY seq LIMIT ?)",
                (count - MAX_PRESENCE,),
            )

    def online(self):
        """(link, terminal, peer) of the links that were online when last written."""
        return self._db.execute("SELECT link, terminal, peer FROM online").fetchall()

    def peek(self, limit=200):
        """The oldest events, in order."""
        rows = self._db.execute(
            "SELECT body FROM event ORDER BY seq LIMIT ?", (limit,)
        ).fetchall()
        return [json.loads(body) for (body,) in rows]

    def accept(self, ids):
        """Forget events that Odoo has."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("DELETE FROM event WHERE id = ?", [(i,) for i in ids])
        self._db.execute("COMMIT")

    def count(self):
        """Number of events on disk."""
        return self._db.execute("SELECT count(*) FROM event").fetchone()[0]

    def close(self):
        self.commit()
        self._db.close()
