"""What the commands of `setup/` share: folders, PostgreSQL, configuration, ports.

Everything that runs lives under the git-ignored folder `.run` of the clone.
"""

import configparser
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".run"
PYTHON = ROOT / ".venv/bin/python"
CONF = RUN / "odoo.conf"
SECRETS = RUN / "secrets.json"
HTTP_PORT = 8069
HEADEND_PORT = 7610
SERVER_WIDE_MODULES = "base,rpc,web,queue_job"
CHANNELS = "root:4,root.amr_read:2,root.amr_bill:1,root.amr_command:2"
# A database user of our own: Odoo refuses to work as "postgres".
DB_USER = "amr"


class SetupError(Exception):
    """Something the person at the keyboard has to know, as a sentence."""


@contextlib.contextmanager
def told():
    """End the program with the sentence of a SetupError."""
    try:
        yield
    except SetupError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")


@contextlib.contextmanager
def lock(name):
    """Let one process at a time do the thing called `name`."""
    RUN.mkdir(exist_ok=True)
    with open(RUN / f"{name}.lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def addons():
    """Return the folders of this project's addons, in alphabetical order."""
    return sorted(path.parent for path in ROOT.glob("*/__manifest__.py"))


# --- ports ---------------------------------------------------------------------------


def is_free(port):
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(first=None):
    """Return a free port: the first one from `first` on, or any."""
    if first:
        return next(port for port in range(first, first + 1000) if is_free(port))
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return candidate.getsockname()[1]


def wait_until(answers, timeout, what):
    """Call `answers` until it returns something true, and return that.

    :raises SetupError: when `timeout` seconds passed without one
    """
    end = time.monotonic() + timeout
    while True:
        if found := answers():
            return found
        if time.monotonic() > end:
            raise SetupError(f"{what}: no answer within {timeout} s.")
        time.sleep(0.1)


# --- PostgreSQL ----------------------------------------------------------------------


class Cluster:
    """A private PostgreSQL cluster, reached through a socket only its user may open.

    :param name: the folder below `.run`
    :param durable: False for tests, which gain speed from not waiting for the disk
    """

    def __init__(self, name="pg", durable=True):
        self.name = name
        self.durable = durable
        self.as_postgres = os.getuid() == 0
        self.folder = self._folder()
        self.data = self.folder / "data"
        self.socket = self._socket_folder()
        self.bin = self._bin()

    def _folder(self):
        """Return the cluster's folder.

        PostgreSQL refuses to run as root; the user who runs it then may not be able
        to reach a clone below a private folder such as /root.
        """
        folder = RUN / self.name
        if self.as_postgres and not self._postgres_can_reach(folder):
            key = hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
            folder = Path("/var/lib/amr-suite") / key / self.name
        return folder

    def _postgres_can_reach(self, folder):
        return all(path.stat().st_mode & 0o001 for path in folder.parents[1:])

    def _socket_folder(self):
        """Return the folder of the socket, whose path may have 107 bytes at most."""
        if len(str(self.folder)) < 80:
            return self.folder
        key = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"amr-suite-{key}"

    @staticmethod
    def _bin():
        """Return the folder of the newest PostgreSQL's programs."""
        found = [Path(path).parent for path in [shutil.which("initdb")] if path]
        found += Path("/usr/lib/postgresql").glob("*/bin")
        found = [path for path in found if (path / "initdb").exists()]
        if not found:
            raise SetupError("PostgreSQL's server is missing. Run setup/install first.")
        return max(
            found, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))]
        )

    def _user(self):
        return pwd.getpwnam("postgres") if self.as_postgres else None

    def _run(self, program, *args, check=True):
        command = [str(self.bin / program), *map(str, args)]
        if self.as_postgres:
            command = ["runuser", "-u", "postgres", "--", *command]
        # A file rather than a pipe: the server would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, cwd="/"
            )
            output.seek(0)
            text = output.read()
        if check and done.returncode:
            log = self.folder / "log"
            tail = log.read_text().splitlines()[-5:] if log.exists() else []
            raise SetupError(
                f"PostgreSQL's {program} failed:\n" + "\n".join([text.strip(), *tail])
            )
        return done.returncode

    def running(self):
        if not self.data.exists():
            return False
        return self._run("pg_ctl", "-D", self.data, "status", check=False) == 0

    def start(self):
        """Create the cluster when it is missing and start it when it is down."""
        with lock(self.name):
            if self.running():
                return self
            if not (self.data / "PG_VERSION").exists():
                self._create()
            self._make_folder(self.socket)
            self._run(
                "pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "start"
            )
        return self

    def stop(self):
        if self.running():
            self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")

    def stop_if_unused(self):
        """Stop unless somebody else works on it."""
        others = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid != pg_backend_pid()"
        )
        if self.running() and self.psql("postgres", others) == [["0"]]:
            self.stop()

    def _make_folder(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if user := self._user():
            if folder.parent != RUN:
                folder.parent.chmod(0o755)
            os.chown(folder, user.pw_uid, user.pw_gid)

    def _create(self):
        shutil.rmtree(self.data, ignore_errors=True)
        self._make_folder(self.folder)
        self._run(
            "initdb",
            *("-D", self.data, "-U", "postgres", "-A", "trust"),
            *("-E", "UTF8", "--locale=C.UTF-8"),
        )
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(self._settings())
        self._run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "start")
        self._run("createuser", *self.address("postgres"), "--createdb", DB_USER)
        self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")

    def _settings(self):
        settings = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.socket}'",
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "work_mem": "16MB",
            "maintenance_work_mem": "128MB",
            "max_wal_size": "2GB",
            "random_page_cost": "1.1",
            "timezone": "'UTC'",
            "log_timezone": "'UTC'",
        }
        if not self.durable:
            settings |= {
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
            }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def address(self, user=DB_USER):
        """Return the arguments that make a PostgreSQL program speak to this cluster."""
        return ["-h", str(self.socket), "-U", user]

    def psql(self, database, query):
        """Return the rows of a query as lists of strings."""
        done = subprocess.run(
            [self.bin / "psql", *self.address(), "-XAtq", "-F", "\t"]
            + ["-v", "ON_ERROR_STOP=1", "-d", database, "-c", query],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SetupError(done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]

    def databases(self):
        rows = self.psql("postgres", "SELECT datname FROM pg_database")
        return {name for (name,) in rows}

    def drop(self, database):
        """Drop a database, whoever of us is connected to it.

        FORCE would refuse while PostgreSQL itself is vacuuming it; a plain DROP ends
        that, and waits for the sessions that were told to go.
        """
        self.psql(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{database}' AND usename = current_user",
        )
        self.psql("postgres", f'DROP DATABASE IF EXISTS "{database}"')

    def copy(self, template, database):
        """Copy a database. The file store is Odoo's own: see `copy_filestore`."""
        self.psql(
            "postgres",
            f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY FILE_COPY',
        )


def copy_filestore(template, database, data_dir=None):
    """Give a copied database its attachments (hard links: they are never changed)."""
    folder = (data_dir or RUN / "data") / "filestore"
    shutil.rmtree(folder / database, ignore_errors=True)
    if (folder / template).exists():
        shutil.copytree(folder / template, folder / database, copy_function=os.link)


# --- configuration -------------------------------------------------------------------


def secret(name):
    """Return a random word that stays the same for this clone."""
    with lock("secrets"):
        kept = json.loads(SECRETS.read_text()) if SECRETS.exists() else {}
        if name not in kept:
            kept[name] = secrets.token_urlsafe(24)
            write_private(SECRETS, json.dumps(kept, indent=2))
    return kept[name]


def write_private(path, text):
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
        stream.write(text)
    temporary.replace(path)


def odoo_conf(cluster, path=CONF, **options):
    """Write Odoo's configuration and return its path."""
    conf = configparser.ConfigParser(interpolation=None)
    conf["options"] = {
        "addons_path": str(ROOT),
        "data_dir": str(RUN / "data"),
        "db_host": str(cluster.socket),
        "db_user": DB_USER,
        "db_password": "unused",
        "list_db": "False",
        "admin_passwd": secret("admin_passwd"),
        "http_interface": "127.0.0.1",
        "http_port": str(HTTP_PORT),
        "server_wide_modules": SERVER_WIDE_MODULES,
        **{name: str(value) for name, value in options.items()},
    }
    conf["queue_job"] = {"channels": CHANNELS}
    conf["amr"] = {
        "headend_url": f"http://127.0.0.1:{HEADEND_PORT}",
        "headend_token": secret("headend_token"),
    }
    with tempfile.SpooledTemporaryFile(mode="w+") as stream:
        conf.write(stream)
        stream.seek(0)
        text = stream.read()
    if not path.exists() or path.read_text() != text:
        write_private(path, text)
    return path


def odoo_command(*args):
    """Return the command line of Odoo with this project's addons and their commands."""
    return [str(PYTHON), "-m", "odoo", f"--addons-path={ROOT}", *map(str, args)]
