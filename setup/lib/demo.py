"""`setup/demo`: the whole system with demo data, until Ctrl-C.

--fresh makes a new database; --check plays the story of the demo without a person,
tells what it saw, and fails if a step did not happen.
"""

import argparse
import fcntl
import signal
import sys
import time

import demo_database
from demo_stack import Stack
from runtime import RUN, Cluster, SetupError, told

DATABASE = "amr_demo"
ROLES = {
    "admin": "系统管理员 system administrator",
    "community_admin": "小区管理员 community administrator",
    "reader": "抄表员 meter reader",
    "clerk": "收费员 front desk",
    "resident": "业主（后付费） resident, pays bills",
    "prepaid_resident": "业主（预付费） resident, pays in advance",
}


def only_one():
    """Hold the demo's lock while this process lives.

    :raises SetupError: another demo holds it
    """
    RUN.mkdir(exist_ok=True)
    stream = open(RUN / "demo.lock", "w")  # noqa: SIM115 - held to the end
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SetupError("the demo is running already.") from None
    return stream


def say(text=""):
    print(text, flush=True)


def stop_on_signals():
    """Let signals that end a program end the `with` blocks first."""

    def leave(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def ignore_signals():
    """Let nothing interrupt the end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def make_database(stack, fresh):
    """Make the demo database once; later, bring it up to the addons as they are.

    :return: whether it is a new one
    """
    started = time.monotonic()
    if fresh or not demo_database.exists(stack):
        say("Making the demo database (two minutes) …")
        demo_database.create(stack)
        made = True
    elif not demo_database.is_current(stack):
        say("The addons have changed: updating the demo database …")
        demo_database.update(stack)
        made = False
    else:
        return False
    say(f"… done in {time.monotonic() - started:.0f} s.")
    return made


def introduce(stack, made):
    """Print where everything is and who may log in.

    :param bool made: the log-ins are new; passwords are printed once
    """
    say(f"\nOdoo:      {stack.url}   (residents: {stack.url}/my/energy)")
    say(f"Head-end:  DTUs on port {stack.ports['dtu']}, control {stack.headend_url}")
    say(f"Simulator: {stack.simulator_url}/meters/ADDRESS")
    say(f"Logs:      {stack.folder}\n")
    for role, text in ROLES.items():
        one = stack.credentials()[role]
        password = f"{one['password']:<14} " if made else ""
        say(f"  {one['login']:<10} {password}{one['name']}  {text}")
    say(f"\nPasswords are kept in {stack.credentials_file}.")
    say("Ctrl-C stops everything.")


def stay(stack):
    """Wait for Ctrl-C, or until something breaks."""
    while True:
        stack.watch()
        time.sleep(0.5)


def check(stack):
    """Play the story; return the exit status."""
    import story

    return story.play(stack, say)


class RunningCluster:
    """The project's PostgreSQL, stopped at the end if it was started here."""

    def __init__(self):
        self.cluster = Cluster()
        self.was_running = self.cluster.running()

    def __enter__(self):
        return self.cluster.start()

    def __exit__(self, *_error):
        if not self.was_running and not self._used_by_others():
            self.cluster.stop()

    def _used_by_others(self):
        rows = self.cluster.psql(
            "postgres",
            "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid()",
        )
        return bool(rows)


def run(options):
    _lock = only_one()
    stop_on_signals()
    with RunningCluster() as cluster:
        stack = Stack(cluster, DATABASE)
        made = make_database(stack, options.fresh)
        try:
            say("Starting Odoo, head-end and simulator …")
            stack.start()
            if options.check:
                return check(stack)
            introduce(stack, made)
            stay(stack)
        finally:
            ignore_signals()
            stack.stop()
    return 0


def main():
    parser = argparse.ArgumentParser(
        prog="setup/demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fresh", action="store_true", help="make a new database")
    parser.add_argument("--check", action="store_true", help="play the story, then end")
    with told():
        sys.exit(run(parser.parse_args()))


if __name__ == "__main__":
    main()
