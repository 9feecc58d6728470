"""Every addon has a template and a complete Chinese catalogue."""

from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDONS = sorted(path.parent.name for path in ROOT.glob("amr_*/__manifest__.py"))


@pytest.mark.parametrize("addon", ADDONS)
def test_chinese_is_complete(addon):
    template = polib.pofile(str(ROOT / addon / "i18n" / f"{addon}.pot"))
    chinese = polib.pofile(str(ROOT / addon / "i18n" / "zh_CN.po"))
    known = {entry.msgid: entry for entry in chinese if not entry.obsolete}
    assert {entry.msgid for entry in template} == set(known)
    assert not [entry.msgid for entry in known.values() if not entry.msgstr]
    assert not [entry.msgid for entry in known.values() if "fuzzy" in entry.flags]


@pytest.mark.parametrize("addon", ADDONS)
def test_placeholders_are_kept(addon):
    for entry in polib.pofile(str(ROOT / addon / "i18n" / "zh_CN.po")):
        names = {part.split(")")[0] for part in entry.msgid.split("%(")[1:]}
        translated = {part.split(")")[0] for part in entry.msgstr.split("%(")[1:]}
        assert names == translated, entry.msgid
