"""The head-end as a service of systemd: install, start, stop, uninstall (S0 5.4.1)."""

import pwd
import subprocess
import sys
from pathlib import Path

UNIT = "amr-headend.service"
UNIT_DIR = "/etc/systemd/system"
FOLDER = Path(__file__).resolve().parent / "units"
ADDONS = Path(__file__).resolve().parents[2]

#: Letter of the manual, name, help.
ACTIONS = (
    ("i", "install", "install the head-end as a service and enable it"),
    ("s", "start", "start the service"),
    ("e", "stop", "stop (end) the service"),
    ("u", "uninstall", "stop, disable and remove the service"),
    ("d", "debug", "run a head-end in the foreground, with this console"),
)


class ServiceError(OSError):
    """The service cannot be handled; the message is a sentence."""


def act(action, options):
    """Carry out an action and yield a sentence for each step.

    :param options: config (path), unit_dir and user, of the command line
    :raises ServiceError: a setting is missing or systemd refuses
    """
    path = Path(options.unit_dir) / UNIT
    if action == "install":
        path.write_text(unit(options.config, options.user), encoding="utf-8")
        yield f"{path} written"
        yield from _systemctl("daemon-reload")
        yield from _systemctl("enable", UNIT)
    elif not path.exists():
        raise ServiceError(f"The service is not installed: there is no {path}.")
    elif action == "uninstall":
        yield from _systemctl("disable", "--now", UNIT)
        path.unlink()
        yield f"{path} removed"
        yield from _systemctl("daemon-reload")
    else:
        yield from _systemctl(action, UNIT)


def unit(config, user, name=UNIT):
    """Text of a unit file: the template with this installation's paths.

    :raises ServiceError: no configuration, or nobody is called so
    """
    if not config:
        raise ServiceError(
            "Name the configuration with --config: the service needs it."
        )
    path = Path(config).resolve()
    if not path.is_file():
        raise ServiceError(f"There is no configuration {path}.")
    try:
        group = pwd.getpwnam(user).pw_gid
    except KeyError:
        raise ServiceError(
            f"This machine has no user “{user}”: name another with --user."
        ) from None
    values = {
        "python": sys.executable,
        "addons": ADDONS,
        "config": path,
        "user": user,
        "group": group,
    }
    text = (FOLDER / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value).replace("%", "%%"))
    return text


def _systemctl(*args):
    """Call systemctl and yield what was done.

    :raises ServiceError: it is missing or refuses
    """
    command = ["systemctl", *args]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ServiceError("This machine has no systemd (systemctl).") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"code {done.returncode}"
        raise ServiceError(f"{' '.join(command)}: {said}")
    yield " ".join(command)
