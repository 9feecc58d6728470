"""A simulated serial server: meters on a line, behind a port that is dialled."""

import asyncio

from .dtu import Connection, Dtu


class SerialServer(Dtu):
    """Waits to be dialled; says nothing of itself. Its row has ``port`` (0 = any)."""

    def __init__(self, row, meters, on_change, faults=None):
        row = {"terminal": "", "heartbeat": 0, **row}
        super().__init__(row, meters, "127.0.0.1", int(row["port"]), on_change, faults)
        self._server = None
        self._connections = []

    async def start(self):  # pylint: disable=missing-return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._dialled, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):  # pylint: disable=missing-return
        self._server.close()
        self.disconnect()
        for task in self._answers:
            task.cancel()
        await self._server.wait_closed()

    def disconnect(self):  # pylint: disable=missing-return
        connections, self._connections = self._connections, []
        for connection in connections:
            if connection.transport:
                connection.transport.abort()

    def _dialled(self):
        connection = Connection(self)
        self._connections.append(connection)
        return connection
