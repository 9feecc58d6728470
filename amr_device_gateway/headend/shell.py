"""``odoo amr_console``: a command by arguments, or commands from standard input."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import threading

from . import bundle, console, service
from . import config as settings
from .client import HeadEndClient, HeadEndError
from .operate import Operator, OperatorError
from .protocols import registry

FINE, FAILED = 0, 1
PROMPT = "amr> "
#: Addresses on which nobody can be reached, though one may listen on all of them.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def main(args, stdin=sys.stdin, stdout=sys.stdout, parser=None):
    """Carry out a command line and return the exit code: 0, or 1 when it failed."""
    output = Output(stdout)
    try:
        if args and args[0] in ("decode", "encode"):
            for answer in console.run(args, stdin, parser):
                output.line(answer if isinstance(answer, str) else as_json(answer))
            return FINE
        options = build_parser(parser).parse_args(args)
        output.json = options.json
        return _carry_out(options, stdin, output)
    except (console.ConsoleError, settings.ConfigError, OSError) as error:
        output.failure(error)
    except KeyboardInterrupt:
        return FINE
    return FAILED


def build_parser(parser=None):
    parser = parser or argparse.ArgumentParser()
    parser.add_argument("-c", "--config", default=os.environ.get("ODOO_RC"))
    parser.add_argument("--url", help="control port, default headend_url of --config")
    parser.add_argument("--link", metavar="I|LINK", help="open this link first")
    parser.add_argument("--protocol", choices=registry.names(), help="of the meters")
    parser.add_argument("--json", action="store_true", help="one object a line")
    units = parser.add_mutually_exclusive_group()
    for letter, name, text in service.ACTIONS:
        units.add_argument(
            f"-{letter}",
            f"--{name}",
            dest="action",
            action="store_const",
            const=name,
            help=text,
        )
    parser.add_argument("--unit-dir", default=service.UNIT_DIR, help="of systemd")
    parser.add_argument("--user", default="odoo", help="who runs the service")
    parser.add_argument("--lines", type=int, default=2000, help="of the log, in bundle")
    parser.add_argument("command", nargs="*", help="see “list all”")
    return parser


def _carry_out(options, stdin, output):
    if options.action == "debug":
        return asyncio.run(_debug(options, stdin, output))
    if options.action:
        for answer in service.act(options.action, options):
            output.answer({"service": answer})
        return FINE
    config = settings.load(options.config)
    if options.command[:1] == ["bundle"]:
        return asyncio.run(_bundle(options, config, output))
    return asyncio.run(_session(options, config, stdin, output))


async def _bundle(options, config, output):
    if len(options.command) != 2:
        raise OSError("It is used like this: bundle FILE")
    path = options.command[1]
    async with _client(options, config) as client:
        names = await bundle.write(path, config, options.config, client, options.lines)
    output.answer({"bundle": path, "files": names})
    return FINE


def _client(options, config):
    """Client of the head-end of the configuration.

    :raises ConfigError: no token
    """
    if not config.token:
        raise settings.ConfigError(
            "headend_token is missing: set it in section [amr] of the configuration "
            "(--config) or in AMR_HEADEND_TOKEN."
        )
    host = EVERYWHERE.get(config.control_host, config.control_host)
    host = f"[{host}]" if ":" in host else host
    url = options.url or f"http://{host}:{config.control_port}"
    return HeadEndClient(url, config.token)


async def _session(options, config, stdin, output):
    """Work one command, or line after line until “exit” or the end."""
    async with _client(options, config) as client:
        operator = Operator(client, options.protocol)
        code = FINE
        if options.link:
            code = await _work(operator, ["open", options.link], output.quiet())
        if options.command:
            return code or await _work(operator, options.command, output)
        lines = Lines(stdin, output)
        while not operator.done:
            line = await lines.next()
            if not line:
                break
            code = await _work(operator, line, output) or code
        return code


async def _work(operator, words, output):
    """Carry out one command; Ctrl-C ends it and not the console."""
    task = asyncio.create_task(_perform(operator, words, output))
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return FINE
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGINT)


async def _perform(operator, words, output):
    try:
        async for answer in operator.perform(words):
            output.answer(answer)
    except (OperatorError, HeadEndError) as error:
        output.failure(error)
        return FAILED
    return FINE


async def _debug(options, stdin, output):
    """Run a head-end in the foreground, with this console; “exit” ends both."""
    from . import gateway, runlog

    config = settings.load(options.config, name=None)
    runlog.start(config, "debug")
    stopping, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        gateway.run(config, ready.set_result, stopping=stopping)
    )
    await asyncio.wait([serving, ready], return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        await serving  # raises why not
    port = ready.result().control.port
    options.url = options.url or f"http://{config.control_host}:{port}"
    working = asyncio.create_task(_session(options, config, stdin, output))
    await asyncio.wait([serving, working], return_when=asyncio.FIRST_COMPLETED)
    stopping.set()
    await serving
    return working.result() if working.done() else FINE


class Lines:
    """Lines of a stream, read in a thread so that the connection stays alive."""

    def __init__(self, stream, output):
        self._stream = stream
        self._output = output
        self._queue = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._asked = threading.Semaphore(0)
        threading.Thread(target=self._read, daemon=True).start()

    async def next(self):
        """The next line, "" at the end."""
        if self._stream.isatty():
            self._output.prompt()
        self._asked.release()
        return await self._queue.get()

    def _read(self):
        line = "-"
        while line:
            self._asked.acquire()
            line = self._stream.readline()
            with contextlib.suppress(RuntimeError):  # the console has ended
                self._loop.call_soon_threadsafe(self._queue.put_nowait, line)


class Output:
    """What the person or the script sees."""

    def __init__(self, stream, is_json=False, answers=True):
        self.stream = stream
        self.json = is_json
        self.answers = answers

    def quiet(self):
        """The same, of which only failures are seen."""
        return Output(self.stream, self.json, answers=False)

    def line(self, text):
        self.stream.write(text + "\n")
        self.stream.flush()

    def prompt(self):
        self.stream.write(PROMPT)
        self.stream.flush()

    def answer(self, answer):
        if self.answers:
            self.line(as_json(answer) if self.json else as_text(answer))

    def failure(self, error):
        if self.json:
            self.line(as_json({"error": str(error)}))
        else:
            sys.stderr.write(f"{error}\n")


def as_json(answer):
    return json.dumps(answer, ensure_ascii=False)


def as_text(answer):
    """One answer as a person reads it."""
    if "format" in answer:
        return answer["format"]
    if "direction" in answer:
        return _frame(answer)
    if "values" in answer:
        return _values(answer)
    if "terminal" in answer:
        return _link(answer)
    return "  ".join(f"{key}: {value}" for key, value in answer.items())


def _link(row):
    number = f"{row['number']:>4}  " if "number" in row else ""
    heard = f"  last heard {row['last_seen']}" if row["last_seen"] else ""
    problem = f"  {row['problem']}" if row.get("problem") else ""
    peer = f"  {row['peer']}" if row["peer"] else ""
    return f"{number}{row['link']:<24} {row['state']:<11}{peer}{heard}{problem}"


ARROWS = {"out": ">", "in": "<", "none": "-"}


def _frame(event):
    lost = f"({event['lost']} not shown)\n" if event.get("lost") else ""
    head = f"{event['at']}  {event['link']} {ARROWS[event['direction']]} "
    return f"{lost}{head}{event['frame']}\n    {_explanation(event)}"


def _values(answer):
    said = answer["reply"] or ""
    lines = [
        f"{answer['link']} > {answer['request']}",
        f"{answer['link']} < {said}  ({answer['ms']} ms)",
        f"    {_explanation(answer)}",
    ]
    return "\n".join(lines)


def _explanation(answer):
    parts = [answer.get(key) for key in ("protocol", "address", "control", "data_id")]
    text = " ".join(part for part in parts if part)
    if answer.get("error"):
        return f"{text}: {answer['error']}"
    values = (
        f"{one['name']} = {one['value']} {one['unit']}" for one in answer["values"]
    )
    return f"{text}: {', '.join(value.strip() for value in values)}".rstrip(": ")
