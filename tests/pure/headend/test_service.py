"""Run log, support bundle, and the service of systemd."""

import asyncio
import configparser
import io
import json
import logging
import os
import pwd
import shutil
import subprocess
import zipfile
from datetime import datetime

import pytest
from headend import runlog, service, shell
from headend.config import Config
from headend.protocols import registry
from headend_world import TOKEN

DTU = "10372001"
LINK = f"dtu:{DTU}"
ME = pwd.getpwuid(os.getuid()).pw_name
SECRETS = {
    "headend_token": TOKEN,
    "relay_password": "02987654",
    "credit_key": 'quo"te-key',
    "mqtt_password": "broker-word",
    "admin_passwd": "master-word",
    "db_password": "database-word",
}
INI = """
[options]
admin_passwd = master-word
db_password = database-word
workers = 4
[amr]
headend_token = {token}
relay_password = 02987654
credit_key = quo"te-key
mqtt_password = broker-word
odoo_url = http://someone:url-word@127.0.0.1:1
log_file = {folder}/headend.log
state_dir = {folder}
"""


def handler(config):
    handler = runlog.file_handler(config)
    handler.setFormatter(logging.Formatter(runlog.FORMAT))
    return handler


@pytest.fixture
def log(tmp_path):
    """A run log of one kilobyte: (config, logger)."""
    path = tmp_path / "headend.log"
    config = Config(log_file=str(path), log_size=1 / 1024, log_keep=2)
    logger = logging.getLogger("headend.test_log")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(one := handler(config))
    yield config, logger
    logger.removeHandler(one)
    one.close()


def test_a_full_log_goes_to_the_backups_and_the_oldest_goes_away(log, tmp_path):
    config, logger = log
    for number in range(100):
        logger.info("line %s of the log", number)
    names = sorted(path.name for path in (tmp_path / "logbak").iterdir())
    assert names == ["headend.log.1", "headend.log.2"]
    assert all(path.stat().st_size <= 1024 for path in runlog.files(config))
    assert [path.name for path in runlog.files(config)] == ["headend.log", *names]
    last = runlog.tail(config, 20)
    assert [line.split("line ")[1] for line in last] == [
        f"{number} of the log" for number in range(80, 100)
    ]
    assert 20 < len(runlog.tail(config, 9999)) < 100


def test_without_a_name_there_is_no_log_file():
    assert runlog.files(Config()) == runlog.tail(Config(), 5) == []


@pytest.fixture
def conf(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("AMR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PWD", str(tmp_path))
    path = tmp_path / "odoo.conf"
    path.write_text(INI.format(token=TOKEN, folder=tmp_path))
    return path


def bundle(conf, path, *options):
    """Make a bundle with the console; returns its files."""
    args = ["--config", str(conf), "--json", *options, "bundle", str(path)]
    out = io.StringIO()
    assert shell.main(args, io.StringIO(), out) == 0, out.getvalue()
    with zipfile.ZipFile(path) as file:
        found = {name: file.read(name).decode() for name in file.namelist()}
    assert json.loads(out.getvalue())["files"] == list(found)
    assert path.stat().st_mode & 0o077 == 0
    return found


def assert_no_secret(files):
    text = "\n".join(files.values())
    for name, word in SECRETS.items():
        assert word not in text, name
        assert json.dumps(word)[1:-1] not in text, name
    assert "url-word" not in text


def test_the_bundle_of_a_running_head_end_has_no_secret(world, log, conf, tmp_path):
    config, logger = log

    async def body(place):
        place.odoo.allow(DTU)
        gateway = await place.gateway(log_file=config.log_file)
        await place.simulator(gateway, {"terminal": DTU, "meters": [{"address": "7"}]})
        await place.odoo.event("link_up", link=LINK)
        client = await place.client(gateway)
        relay = registry.get("dlt645-2007").relay(
            "7", False, now=datetime.now(), password="02987654", operator="1"
        )
        await client.exchange(LINK, "dlt645-2007", [relay])
        url = f"http://127.0.0.1:{gateway.control.port}"
        target = tmp_path / "bundle.zip"
        files = await asyncio.to_thread(bundle, conf, target, "--url", url)
        assert_no_secret(files)
        about = json.loads(files["about.json"])
        assert about["running"]["online"] == 1
        assert about["running"]["state_dir"] == str(tmp_path)
        assert about["versions"]["aiohttp"] and about["addon"].startswith("19.0.")
        [link] = json.loads(files["links.json"])["links"]
        assert (link["link"], link["state"]) == (LINK, "online")
        shown = json.loads(files["settings.json"])
        assert shown["[options]"] == {"workers": "4"}
        assert shown["[amr]"]["relay_password"] == "***"
        assert json.loads(files["spool.json"])["online"] == 1
        assert f"{LINK} > fe" in files["headend.log"]

    links = [logging.getLogger(name) for name in ("headend.link", "headend.gateway")]
    for one in links:
        one.addHandler(logger.handlers[0])
        one.setLevel(logging.DEBUG)
    try:
        logger.warning("a library says Authorization: Bearer %s", TOKEN)
        logger.warning("a library says password=broker-word, key: 'quo\"te-key'")
        logger.warning("GET http://someone:url-word@127.0.0.1:1/ failed")
        world(body)
    finally:
        for one in links:
            one.removeHandler(logger.handlers[0])
            one.setLevel(logging.NOTSET)


def test_the_bundle_of_a_head_end_that_is_down(conf, tmp_path):
    cached = {"links": [{"link": LINK, "kind": "dtu", "terminal": DTU}]}
    (tmp_path / "links.json").write_text(json.dumps(cached))
    (tmp_path / "headend.log").write_text(f"it ended: {TOKEN}\n")
    url = ("--url", "http://127.0.0.1:9")
    files = bundle(conf, tmp_path / "bundle.zip", *url)
    assert_no_secret(files)
    links = json.loads(files["links.json"])
    assert links["from"] == "the cached file" and links["links"] == cached["links"]
    assert "cannot be reached" in links["problem"]
    assert json.loads(files["spool.json"])["problem"] == "There is no spool."
    assert files["headend.log"] == "it ended: ***"


# === SERVICE === #


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """A systemctl that only writes down what it was told."""
    calls = tmp_path / "calls"
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {calls}\n[ ! -e {tmp_path}/refuse ] || '
        "{ echo Access denied >&2; exit 1; }\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return lambda: calls.read_text().splitlines() if calls.exists() else []


def act(letter, conf, folder, user=ME):
    args = [f"-{letter}", "--config", str(conf), "--unit-dir", str(folder)]
    return shell.main([*args, "--user", user], io.StringIO(), io.StringIO())


def test_the_service_is_installed_started_stopped_and_removed(systemd, conf, tmp_path):
    for letter in "iseu":
        assert act(letter, conf, tmp_path) == 0
        if letter == "i":
            text = (tmp_path / service.UNIT).read_text()
    assert f"User={ME}\n" in text
    assert f'amr_headend --config "{conf}"\n' in text
    assert "@" not in text
    assert not (tmp_path / service.UNIT).exists()
    assert systemd() == [
        "daemon-reload",
        f"enable {service.UNIT}",
        f"start {service.UNIT}",
        f"stop {service.UNIT}",
        f"disable --now {service.UNIT}",
        "daemon-reload",
    ]


def test_what_systemd_refuses_is_said(systemd, conf, tmp_path, capsys):
    assert act("s", conf, tmp_path) == 1
    assert "The service is not installed" in capsys.readouterr().err
    assert act("i", conf, tmp_path, user="nobody-of-that-name") == 1
    assert "no user “nobody-of-that-name”" in capsys.readouterr().err
    assert act("i", tmp_path / "missing.conf", tmp_path) == 1
    assert "There is no configuration" in capsys.readouterr().err
    assert systemd() == []
    (tmp_path / "refuse").touch()
    assert act("i", conf, tmp_path) == 1
    assert "systemctl daemon-reload: Access denied" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["amr-headend.service", "amr-odoo.service"])
def test_systemd_accepts_the_units(conf, tmp_path, name):
    path = tmp_path / name
    path.write_text(service.unit(conf, ME, name))
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.read(path)
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert f'--config "{conf}"' in unit["Service"]["ExecStart"]
    if analyze := shutil.which("systemd-analyze"):
        done = subprocess.run([analyze, "verify", path], capture_output=True, text=True)
        assert name not in done.stderr, done.stderr


def test_debugging_runs_head_end_and_console_until_exit(conf, monkeypatch, tmp_path):
    monkeypatch.setenv("AMR_CONTROL_PORT", "0")
    monkeypatch.setenv("AMR_DTU_PORT", "0")
    monkeypatch.setenv("AMR_CONCENTRATOR_PORT", "0")
    monkeypatch.setattr(runlog, "start", lambda *_args: None)
    out = io.StringIO()
    args = ["-d", "--config", str(conf), "--json"]
    code = shell.main(args, io.StringIO("about\nexit\n"), out)
    assert code == 0
    assert json.loads(out.getvalue())["state_dir"] == str(tmp_path)
