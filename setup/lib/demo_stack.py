"""The stack of the demo: PostgreSQL, Odoo with its jobs, the head-end, the simulator.

The end-to-end tests run the same code in another folder, on another cluster and other
ports.
"""

import json
import urllib.request

from process import Process
from runtime import (
    HEADEND_PORT,
    HTTP_PORT,
    RUN,
    SetupError,
    free_port,
    odoo_command,
    odoo_conf,
    secret,
    wait_until,
    write_private,
)

DTU_PORT = 30116
CONCENTRATOR_PORT = 6012
SIMULATOR_PORT = 7611
HOST = "127.0.0.1"
START_TIMEOUT = 120
ATTEMPTS = 3


def answer(url, timeout=5):
    """Return what a health address answers, or None while nothing does."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return response.read().decode() if response.status == 200 else None
    except (OSError, ValueError):
        return None


class Stack:
    """One database and the processes around it.

    :param cluster: PostgreSQL, not necessarily running
    :param str database: name of Odoo's database
    :param Path folder: logs, configuration and state of the processes
    :param Path data_dir: Odoo's files
    :param bool default_ports: take the well-known ports where they are free
    """

    def __init__(
        self, cluster, database, folder=None, data_dir=None, default_ports=True
    ):
        self.cluster = cluster
        self.database = database
        self.folder = folder or RUN / "demo"
        self.data_dir = data_dir or RUN / "data"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.conf = self.folder / "odoo.conf"
        self.credentials_file = self.folder / "credentials.json"
        self.meters_file = self.folder / "simulator.json"
        self.meters_state = self.folder / "simulator.state.json"
        self.headend_folder = self.folder / "headend"
        self.stamp = self.folder / "addons"
        self.default_ports = default_ports
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.stop()

    # --- what it is made of ----------------------------------------------------------

    def _choose_ports(self):
        ports = {}
        for name, first in (
            ("http", HTTP_PORT),
            ("gevent", HTTP_PORT + 3),
            ("control", HEADEND_PORT),
            ("simulator", SIMULATOR_PORT),
            ("dtu", DTU_PORT),
            ("concentrator", CONCENTRATOR_PORT),
        ):
            port = free_port(first if self.default_ports else None)
            while port in ports.values():
                port = free_port(port + 1)
            ports[name] = port
        self.ports = ports

    @property
    def url(self):
        return f"http://{HOST}:{self.ports['http']}"

    @property
    def simulator_url(self):
        return f"http://{HOST}:{self.ports['simulator']}"

    @property
    def headend_url(self):
        return f"http://{HOST}:{self.ports['control']}"

    def credentials(self):
        """Return the log-ins that were made with the demo data, by role."""
        return json.loads(self.credentials_file.read_text())

    def write_conf(self, **options):
        """Write Odoo's configuration for this stack."""
        return odoo_conf(
            self.cluster,
            self.conf,
            data_dir=self.data_dir,
            db_name=self.database,
            dbfilter=f"^{self.database}$",
            **options,
        )

    def environ(self):
        """Return the settings that Odoo, head-end and simulator share."""
        return {
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "AMR_HEADEND_URL": self.headend_url,
            "AMR_HEADEND_TOKEN": secret("headend_token"),
            "AMR_ODOO_URL": self.url,
            "AMR_CREDIT_KEY": secret("credit_key"),
        }

    def _make_processes(self):
        self.odoo = self._process(
            "odoo",
            odoo_command(
                *("-c", self.conf, "-d", self.database),
                f"--http-port={self.ports['http']}",
                f"--gevent-port={self.ports['gevent']}",
            ),
            lambda: (
                answer(f"{self.url}/web/health") and answer(f"{self.url}/web/login")
            ),
        )
        self.headend = self._process(
            "headend",
            odoo_command(
                *("amr_headend", "-c", self.conf, "--name", "demo"),
                *("--dtu-host", HOST, "--dtu-port", self.ports["dtu"]),
                *("--concentrator-host", HOST),
                *("--concentrator-port", self.ports["concentrator"]),
                *("--state-dir", self.headend_folder),
            ),
            lambda: answer(f"{self.headend_url}/healthz"),
        )
        self.simulator = self._process(
            "simulator",
            odoo_command(
                *("amr_simulator", "-c", self.meters_file),
                *("--state", self.meters_state),
                *("--headend", f"{HOST}:{self.ports['dtu']}"),
                "--concentrator-headend",
                f"{HOST}:{self.ports['concentrator']}",
                *("--control-port", self.ports["simulator"]),
            ),
            lambda: answer(f"{self.simulator_url}/healthz"),
        )
        self.processes = [self.odoo, self.headend, self.simulator]

    def _process(self, name, command, healthy):
        return Process(name, command, self.folder, self.environ(), healthy)

    # --- life ------------------------------------------------------------------------

    def start(self):
        """Start everything and wait until all of it answers."""
        for attempts_left in range(ATTEMPTS - 1, -1, -1):
            try:
                return self._start()
            except SetupError as error:
                self.stop()
                # somebody took one of our ports between the choice and the start
                if not attempts_left or "in use" not in str(error):
                    raise

    def _start(self):
        self._choose_ports()
        self.write_conf(http_port=self.ports["http"])
        self._set_base_url()
        self._make_processes()
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.wait_until_healthy(START_TIMEOUT)
        wait_until(self.dtus_connected, START_TIMEOUT, "the simulated DTUs")

    def dtus_connected(self):
        """Tell whether every simulated DTU has a connection to the head-end."""
        health = json.loads(answer(f"{self.simulator_url}/healthz") or "{}")
        return health and health["connected"] == health["dtus"]

    def _set_base_url(self):
        """Printing fetches styles from this address; the port may be another today."""
        for key, value in (("web.base.url", self.url), ("report.url", self.url)):
            self.cluster.psql(
                self.database,
                "INSERT INTO ir_config_parameter (key, value) "
                f"VALUES ('{key}', '{value}') "
                "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value",
            )

    def watch(self):
        """Raise a SetupError if one of the processes has ended by itself."""
        for process in self.processes:
            process.check()

    def restart(self, process):
        """Start a process again that was killed, and wait until it answers."""
        process.start()
        process.wait_until_healthy(START_TIMEOUT)

    def wake_runner(self):
        """Have queue_job's runner look for jobs whose process has died.

        It does so when something happens in the queue, and once a minute, but leaves
        a job of the last ten seconds alone: a restart is often faster than that.
        """
        self.cluster.psql(self.database, "NOTIFY queue_job, 'wake up'")
        return True

    def stop(self):
        """Stop the processes, devices first."""
        for process in reversed(self.processes):
            process.stop()

    def keep_credentials(self, credentials):
        write_private(
            self.credentials_file,
            json.dumps(credentials, ensure_ascii=False, indent=2),
        )
