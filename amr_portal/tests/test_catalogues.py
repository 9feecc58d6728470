import polib

from odoo.modules import get_module_path
from odoo.tests import TransactionCase, tagged
from odoo.tools.translate import TranslationModuleReader

ADDONS = (
    "amr_base",
    "amr_metering",
    "amr_device_gateway",
    "amr_billing",
    "amr_prepaid",
    "amr_portal",
)
# What other addons add to every model with a discussion; they translate it themselves.
OF_OTHERS = ("__message_has_sms_error", "__website_message_ids")


@tagged("post_install", "-at_install")
class TestCatalogues(TransactionCase):
    """Every term a user may see has its Chinese; here, where all addons are there."""

    def test_every_term_has_its_chinese(self):
        chinese = {addon: self._chinese(addon) for addon in ADDONS}
        terms = TranslationModuleReader(self.env.cr, modules=list(ADDONS))
        gaps = {
            (addon, source)
            for addon, _type, _name, place, source, _value, _comments in terms
            if source not in chinese[addon] and not str(place).endswith(OF_OTHERS)
        }
        self.assertEqual(gaps, set(), "setup/i18n brings the catalogues up to date")

    def _chinese(self, addon):
        catalogue = polib.pofile(f"{get_module_path(addon)}/i18n/zh_CN.po")
        return {entry.msgid for entry in catalogue if entry.msgstr}
