"""Head-end and simulator as processes, for benches of what is between them."""

import asyncio
import contextlib
import json
import shutil
import sys

from demo_stack import answer
from process import Process
from runtime import ROOT, free_port, odoo_command, wait_until
from test_database import FOLDER

sys.path.append(str(ROOT / "amr_device_gateway"))

from headend.client import HeadEndClient  # noqa: E402

TOKEN = "bench"
PATIENCE = 60


class HeadEnd:
    """A head-end that knows some DTUs, without Odoo.

    :param terminals: numbers of its DTUs
    """

    def __init__(self, terminals):
        self.folder = FOLDER / "bench_headend"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        links = [
            {"link": f"dtu:{one}", "kind": "dtu", "terminal": one} for one in terminals
        ]
        (self.folder / "links.json").write_text(json.dumps({"links": links}))
        self.dtu_port, self.port = free_port(27000), free_port(27300)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = self._process(
            "headend",
            ("amr_headend", "--dtu-port", self.dtu_port),
            lambda: answer(f"{self.url}/healthz"),
        )

    def _process(self, name, args, healthy):
        environ = {
            "AMR_HEADEND_TOKEN": TOKEN,
            "AMR_CONTROL_PORT": str(self.port),
            "AMR_CONCENTRATOR_PORT": "0",
            "AMR_STATE_DIR": str(self.folder),
            "AMR_PACE": "0",
        }
        command = odoo_command(*args, "--log-level", "warning")
        return Process(name, command, self.folder, environ, healthy)

    def simulator(self, config):
        """A simulator whose DTUs dial this head-end, not yet started."""
        port = free_port(27600)
        config = {
            "headend": f"127.0.0.1:{self.dtu_port}",
            "control_port": port,
            **config,
        }
        path = self.folder / "simulator.json"
        path.write_text(json.dumps({**config, "state": ""}))
        url = f"http://127.0.0.1:{port}/healthz"
        return self._process(
            "simulator", ("amr_simulator", "-c", path), lambda: answer(url)
        )

    def client(self):
        return HeadEndClient(self.url, TOKEN)

    def wait_online(self, count):
        """Wait until so many links are up."""

        def online():
            return json.loads(answer(f"{self.url}/healthz") or "{}").get("online")

        wait_until(lambda: (online() or 0) >= count, PATIENCE, f"{count} sessions")

    def memory(self):
        """Resident memory of the process, in kB."""
        with open(f"/proc/{self.process.pid}/status") as stream:
            [line] = (line for line in stream if line.startswith("VmRSS"))
        return int(line.split()[1])


@contextlib.contextmanager
def running(*processes):
    """Start processes that answer, one after the other, and stop them all."""
    try:
        for process in processes:
            process.start()
            process.wait_until_healthy(PATIENCE)
        yield
    finally:
        for process in reversed(processes):
            process.stop()


def run(body):
    return asyncio.run(body)
