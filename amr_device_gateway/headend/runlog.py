"""The run log of the head-end: a file that turns over, its forerunners beside it."""

import logging
import logging.handlers
import os
import shutil
from pathlib import Path

FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
MEGABYTE = 1 << 20
#: Folder of the full log files, beside the log (S0 5.2).
BACKUP = "logbak"


def start(config, level="info"):
    """Send the log to standard error and, when it has a name, to the log file.

    :raises OSError: the file cannot be written
    """
    handlers = [logging.StreamHandler()]
    if config.log_file:
        handlers.append(file_handler(config))
    # by number: Odoo gives the name INFO to a level of its own
    number = getattr(logging, level.upper())
    logging.basicConfig(level=number, format=FORMAT, handlers=handlers, force=True)


def file_handler(config):
    """Handler of the log file; a full one goes to the folder :data:`BACKUP`."""
    path = Path(config.log_file)
    (path.parent / BACKUP).mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        path,
        maxBytes=round(config.log_size * MEGABYTE),
        backupCount=max(1, config.log_keep),
        encoding="utf-8",
        delay=True,
        errors="backslashreplace",
    )
    handler.namer = lambda name: str(path.parent / BACKUP / Path(name).name)
    handler.rotator = _put_aside
    return handler


def _put_aside(source, target):
    if os.path.exists(source):
        shutil.move(source, target)


def files(config):
    """The log and its forerunners, the newest first."""
    if not config.log_file:
        return []
    path = Path(config.log_file)
    older = (path.parent / BACKUP).glob(f"{path.name}.*")
    numbers = {one: one.suffix[1:] for one in older if one.suffix[1:].isdecimal()}
    found = [path, *sorted(numbers, key=lambda one: int(numbers[one]))]
    return [one for one in found if one.is_file()]


def tail(config, lines):
    """The last lines of the log, over as many files as it takes."""
    found = []
    for path in files(config):
        text = path.read_text(encoding="utf-8", errors="replace")
        found = text.splitlines()[-(lines - len(found)) :] + found
        if len(found) >= lines:
            break
    return found
