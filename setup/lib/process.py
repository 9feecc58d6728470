"""Processes that belong together: started, watched, stopped, and never orphaned."""

import contextlib
import os
import shutil
import signal
import subprocess

from runtime import SetupError, wait_until

STOP_TIMEOUT = 20


class Process:
    """One long-running program with its own log file and process group.

    :param str name: what people call it, and the name of its log file
    :param list command: program and arguments
    :param Path folder: where its log goes
    :param dict environ: variables added to this process's own
    :param healthy: callable that tells whether the program answers
    """

    def __init__(self, name, command, folder, environ, healthy):
        self.name = name
        self.command = [*self._tether(), *map(str, command)]
        self.log = folder / f"{name}.log"
        self.environ = environ
        self.healthy = healthy
        self._popen = None

    @staticmethod
    def _tether():
        """Return the prefix that ends the program when its parent is killed.

        A parent that is killed before the kernel knows of the wish sends nothing: so
        the program begins only if its parent is still this process.
        """
        setpriv = shutil.which("setpriv")
        if not setpriv:
            return []
        begin = '[ "$PPID" = "$0" ] && exec "$@"'
        parent = str(os.getpid())
        return [setpriv, "--pdeathsig", "TERM", "--", "sh", "-c", begin, parent]

    @property
    def running(self):
        return bool(self._popen) and self._popen.poll() is None

    @property
    def pid(self):
        return self._popen.pid

    def start(self):
        """Start the program; its log goes on where an earlier start left it."""
        with open(self.log, "a") as log:
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environ},
                start_new_session=True,
            )

    def wait_until_healthy(self, timeout):
        """Wait until the program answers.

        :raises SetupError: it ended, or did not answer in ``timeout`` seconds
        """
        wait_until(self._is_healthy, timeout, f"{self.name} (log: {self.log})")

    def _is_healthy(self):
        self.check()
        return self.healthy()

    def check(self):
        """Raise a SetupError if the program has ended by itself."""
        if not self.running:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise SetupError(f"{self.name} has ended. Its log, {self.log}:\n{tail}")

    def signal(self, number):
        """Send a signal to the program and all it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)

    def kill(self):
        """End the program the hard way, as a power cut would."""
        self.signal(signal.SIGKILL)
        self._popen.wait()

    def stop(self):
        """End the program: kindly first, then not."""
        if not self._popen:
            return
        if self.running:
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(STOP_TIMEOUT)
        # what it started must not outlive it
        self.kill()
