"""Settings: file, environment, options; and what is wrong with them."""

import pytest
from headend.config import ConfigError, load

INI = """
[options]
db_name = x
[amr]
headend_url = http://10.0.0.5:7777
headend_token = 50%-secret
odoo_url = http://odoo:8069/
dtu_port = 40000
relay_password = 02000000
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "odoo.conf"
    path.write_text(INI)
    return path


def test_odoos_own_configuration_file(path):
    config = load(path, environ={})
    assert (config.control_host, config.control_port) == ("10.0.0.5", 7777)
    assert config.token == "50%-secret"
    assert config.odoo_url == "http://odoo:8069"
    assert config.dtu_port == 40000
    assert config.name
    assert "secret" not in repr(config)


def test_the_environment_wins_over_the_file_and_options_over_both(path):
    environ = {
        "AMR_HEADEND_TOKEN": "t",
        "AMR_DTU_PORT": "40001",
        "AMR_REPLY_TIMEOUT": "2.5",
        "AMR_STATE_DIR": "/var/lib/x",
        "AMR_HEADEND_NAME": "north",
        "OTHER": "1",
    }
    config = load(path, environ=environ, dtu_port=40002, control_port=None)
    assert (config.token, config.dtu_port, config.name) == ("t", 40002, "north")
    assert (config.reply_timeout, config.state_dir) == (2.5, "/var/lib/x")
    assert config.control_port == 7777


def test_defaults():
    config = load(environ={})
    assert (config.dtu_host, config.dtu_port) == ("0.0.0.0", 30116)
    assert (config.control_host, config.control_port) == ("127.0.0.1", 7610)
    assert load(environ={"AMR_HEADEND_URL": "head"}).control_host == "head"


@pytest.mark.parametrize(
    "environ, sentence",
    [
        ({"AMR_DTU_PORT": "many"}, "The setting dtu_port must be a number."),
        ({"AMR_HEADEND_URL": "http://x:99999"}, "no valid port number"),
    ],
)
def test_a_wrong_setting_gets_a_sentence(environ, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load(environ=environ)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "missing.conf", environ={})
    broken = tmp_path / "broken.conf"
    broken.write_text("no section")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(broken, environ={})
