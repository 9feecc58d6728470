import os
import tempfile
from unittest.mock import patch

from odoo.tests import BaseCase, tagged
from odoo.tools import config

from odoo.addons.amr_device_gateway.tools import gateway_settings

CONTENT = """
[options]
db_name = x
[amr]
headend_url = http://127.0.0.1:9999
headend_token = s3cret%token
relay_password = 02123456
"""


@tagged("post_install", "-at_install")
class TestSettings(BaseCase):
    def setUp(self):
        super().setUp()
        handle, path = tempfile.mkstemp(suffix=".conf")
        with os.fdopen(handle, "w") as stream:
            stream.write(CONTENT)
        self.addCleanup(os.unlink, path)
        options = patch.dict(config._runtime_options, {"config": path})
        options.start()
        self.addCleanup(options.stop)
        environment = patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        for name in list(os.environ):
            if name.startswith("AMR_"):
                del os.environ[name]

    def test_section_amr_of_the_configuration_file_is_read(self):
        settings = gateway_settings()
        self.assertEqual(settings.headend_url, "http://127.0.0.1:9999")
        self.assertEqual(settings.headend_token, "s3cret%token")
        self.assertEqual(settings.relay_password, "02123456")

    def test_factory_values_are_used_when_nothing_is_said(self):
        self.assertEqual(gateway_settings().relay_operator, "00000000")

    def test_the_environment_wins(self):
        os.environ["AMR_HEADEND_TOKEN"] = "other"
        self.assertEqual(gateway_settings().headend_token, "other")

    def test_secrets_do_not_show_in_a_log_line(self):
        text = repr(gateway_settings())
        self.assertNotIn("s3cret", text)
        self.assertNotIn("123456", text)
