"""Bring the translations of our addons up to date with their source.

``setup/i18n DATABASE [ADDON …]`` exports each addon's template (.pot) from a database
where it is installed and merges it into zh_CN.po: new terms are left empty, vanished
ones dropped. A new term that Odoo itself translates takes Odoo's words. It ends with 1
when a term has no Chinese yet.
"""

import subprocess
import sys
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parents[2]
CORE = ("base", "mail", "portal", "account", "payment")


def core_terms():
    """Return what Odoo's own addons translate: ``{English: Chinese}``."""
    terms = {}
    for addon in CORE:
        for file in ROOT.glob(f".venv/odoo/odoo/addons/{addon}/i18n/zh_CN.po"):
            for entry in polib.pofile(str(file)):
                terms.setdefault(entry.msgid, entry.msgstr)
    return terms


def merge(addon, core):
    """Merge the template into the Chinese catalogue; return the terms left empty."""
    template = polib.pofile(str(ROOT / addon / "i18n" / f"{addon}.pot"))
    target = ROOT / addon / "i18n" / "zh_CN.po"
    catalogue = polib.pofile(str(target)) if target.exists() else polib.POFile()
    known = {entry.msgid: entry.msgstr for entry in catalogue}
    merged = polib.POFile(wrapwidth=78)
    merged.metadata = {**template.metadata, "Language": "zh_CN"}
    for entry in template:
        merged.append(
            polib.POEntry(
                msgid=entry.msgid,
                msgstr=known.get(entry.msgid) or core.get(entry.msgid, ""),
                comment=entry.comment,
                occurrences=entry.occurrences,
                flags=entry.flags,
            )
        )
    merged.save(str(target))
    return [entry.msgid for entry in merged if not entry.msgstr]


def main(database, *addons):
    addons = addons or sorted(path.parent.name for path in ROOT.glob("amr_*/i18n"))
    command = [ROOT / "setup" / "odoo", "i18n", "export", "-d", database]
    subprocess.run([*command, *addons, "-l", "pot"], check=True, cwd=ROOT)
    gaps, core = 0, core_terms()
    for addon in addons:
        for msgid in merge(addon, core):
            gaps += 1
            print(f"{addon}: no Chinese for {msgid!r}")
    return 1 if gaps else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
