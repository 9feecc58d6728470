"""Find, fetch and unpack Odoo 19 and put it on the virtual environment's path.

Run by `setup/install` with the environment's own Python; needs nothing but the
standard library. Odoo comes from ODOO_HOME, from ODOO_ARCHIVE, or from Debian's
package `odoo-19` of the suite sid, taken from the mirror this machine's apt uses.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import urllib.request
import zipfile
from pathlib import Path

SERIES = "19.0"
PACKAGE = "odoo-19"
# Debian's Odoo links to the files of these packages instead of carrying its own.
LINKED_PACKAGES = [
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-font-awesome",
    "fonts-inconsolata",
    "fonts-montserrat",
    "fonts-ocr-b",
    "fonts-roboto-unhinted",
]
# Debian leaves this library out although a bundle of `mail` names it.
SEGMENTATION = Path("mail/static/lib/selfie_segmentation/selfie_segmentation.js")
SEGMENTATION_NPM = "@mediapipe/selfie_segmentation@0.1"
OTHER_WAYS = (
    "Other ways: set ODOO_HOME to an Odoo 19 that exists already, or ODOO_ARCHIVE "
    "to the path or address of its .deb, .tar.gz or .zip, and run setup/install again."
)


class SetupError(Exception):
    """Something the person at the keyboard has to know, as a sentence."""


def say(text):
    print("==", text, flush=True)


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "amr-suite"


def find_odoo(folder):
    """Return the folder that holds the `odoo` package, searched below `folder`."""
    folder = Path(folder).expanduser().resolve()
    patterns = ("", "*/", "usr/lib/python3/dist-packages/", "lib/python3*/*-packages/")
    for pattern in patterns:
        for release in sorted(folder.glob(pattern + "odoo/release.py")):
            return release.parent.parent
    return None


def check_series(source):
    """Refuse an Odoo of another series."""
    text = (source / "odoo/release.py").read_text()
    found = re.search(r"version_info = \((\d+), (\d+)", text)
    series = ".".join(found.groups()) if found else "unknown"
    if series != SERIES:
        raise SetupError(f"{source} is Odoo {series}; this project needs {SERIES}.")


# --- downloads -----------------------------------------------------------------------


def run(command, what, **kwargs):
    """Run a command quietly; a failure says what failed and how to go on."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **kwargs,
    )
    if done.returncode:
        tail = "\n".join("    " + line for line in done.stdout.splitlines()[-8:])
        raise SetupError(f"{what} failed:\n{tail}")
    return done.stdout


class Apt:
    """apt with a private list of packages, so that the machine's own is untouched."""

    def __init__(self, folder, suite):
        self.folder = folder
        (folder / "lists/partial").mkdir(parents=True)
        (folder / "cache/archives/partial").mkdir(parents=True)
        options = {
            "Dir::Etc::sourcelist": self._source_list(suite),
            "Dir::Etc::sourceparts": "/nonexistent",
            "Dir::State::Lists": folder / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "APT::Sandbox::User": "",
            "APT::Update::Error-Mode": "any",
        }
        self.options = [
            part
            for name, value in options.items()
            for part in ("-o", f"{name}={value}")
        ]

    def _source_list(self, suite):
        """Write the private source list: the machine's own mirror, another suite."""
        targets = run(
            [
                "apt-get",
                "indextargets",
                "--format",
                "$(REPO_URI)|$(COMPONENT)|$(LABEL)|$(CODENAME)",
                "Created-By: Packages",
            ],
            "asking apt for this machine's Debian mirror",
        )
        mirror = next(
            (
                uri
                for uri, component, label, codename in (
                    line.split("|") for line in targets.splitlines()
                )
                if component == "main"
                and label == "Debian"
                and not codename.endswith(("-updates", "-backports"))
            ),
            None,
        )
        if not mirror:
            raise SetupError("this machine's apt knows no Debian mirror.")
        keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        signed = f"[signed-by={keyring}] " if keyring.exists() else ""
        path = self.folder / "sources.list"
        path.write_text(f"deb {signed}{mirror} {suite} main\n")
        return path

    def update(self):
        run(["apt-get", *self.options, "update"], "fetching Debian's list of packages")

    def show(self, package, field):
        """Return one field of a package's newest version."""
        text = run(
            ["apt-cache", *self.options, "show", "--no-all-versions", package],
            f"looking for the package {package}",
        )
        return re.search(rf"^{field}: (.*)$", text, re.M).group(1)

    def download(self, *packages):
        """Download packages into the private folder and return their paths."""
        before = set(self.folder.glob("*.deb"))
        run(
            ["apt-get", *self.options, "download", *packages],
            f"downloading {' '.join(packages)}",
            cwd=self.folder,
        )
        return sorted(set(self.folder.glob("*.deb")) - before)


def download_own(packages, folder):
    """Download those of the packages that the machine's own suite has."""
    found = []
    for package in packages:
        before = set(folder.glob("*.deb"))
        done = subprocess.run(
            ["apt-get", "-o", "APT::Sandbox::User=", "download", package],
            cwd=folder,
            capture_output=True,
        )
        if done.returncode == 0:
            found += set(folder.glob("*.deb")) - before
    return found


def unpack_deb(archive, target):
    run(["dpkg-deb", "-x", archive, target], f"unpacking {archive.name}")


# --- Debian's package ----------------------------------------------------------------


def debian_odoo():
    """Return the folder of Debian's Odoo, downloaded unless the cache has it."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as temporary:
        folder = Path(temporary)
        try:
            apt = Apt(folder, "sid")
            apt.update()
            version = apt.show(PACKAGE, "Version")
            checksum = apt.show(PACKAGE, "SHA256")
        except (SetupError, OSError) as error:
            return cached_debian_odoo(cache, error)
        target = cache / f"{PACKAGE}_{version}_{checksum[:12]}"
        if not target.exists():
            say(f"Odoo: Debian's {PACKAGE} {version}")
            (archive,) = apt.download(PACKAGE)
            unpacked = folder / "tree"
            unpack_deb(archive, unpacked)
            mend_links(apt, folder, unpacked)
            add_segmentation(unpacked, folder)
            unpacked.rename(target)
    return target


def cached_debian_odoo(cache, error):
    """Return the newest unpacked package when Debian's lists cannot be had."""
    unpacked = sorted(cache.glob(f"{PACKAGE}_*"), key=lambda path: path.stat().st_mtime)
    if not unpacked:
        raise SetupError(f"{error}\n{OTHER_WAYS}") from None
    say(f"Debian's lists cannot be had; using {unpacked[-1].name} from the cache")
    return unpacked[-1]


def dangling_links(tree):
    return [path for path in tree.rglob("*") if path.is_symlink() and not path.exists()]


def mend_links(apt, folder, tree):
    """Unpack what Debian's Odoo links to beside it.

    The machine's own suite comes first, because newer font packages have other file
    names; what it lacks is taken from the suite Odoo came from.
    """
    for archive in download_own(LINKED_PACKAGES, folder):
        unpack_deb(archive, tree)
    if dangling_links(tree):
        for archive in apt.download(*LINKED_PACKAGES):
            unpack_deb(archive, folder / "newer")
        for path in sorted((folder / "newer").rglob("*")):
            wanted = tree / path.relative_to(folder / "newer")
            if path.is_file() and not wanted.exists():
                wanted.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, wanted)
    if left := dangling_links(tree):
        names = "\n".join(f"    {path.relative_to(tree)}" for path in left[:10])
        raise SetupError(f"Debian's Odoo still has links to nowhere:\n{names}")


def add_segmentation(tree, folder):
    """Add the library behind the background blur of video calls.

    Without npm an empty file takes its place: the bundle that names it must be
    complete, and nothing here makes video calls.
    """
    target = find_odoo(tree) / "odoo/addons" / SEGMENTATION
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("/* Background blur is not installed. */\n")
    npm = shutil.which("npm")
    if not npm:
        return
    try:
        run([npm, "pack", "--silent", SEGMENTATION_NPM], "npm pack", cwd=folder)
    except SetupError as error:
        say(f"left out the background blur of video calls: {error}")
        return
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        target.write_bytes(package.extractfile(f"package/{target.name}").read())


# --- ODOO_ARCHIVE --------------------------------------------------------------------


def archived_odoo(archive):
    """Return the folder of the Odoo in an archive (a path or an address)."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="archive-") as temporary:
        folder = Path(temporary)
        path = local_archive(archive, folder)
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        target = cache / f"archive_{checksum[:24]}"
        if not target.exists():
            say(f"Odoo: unpacking {path.name}")
            unpack_archive(path, folder / "tree")
            if not find_odoo(folder / "tree"):
                raise SetupError(f"ODOO_ARCHIVE={archive} holds no Odoo.")
            if dangling_links(folder / "tree"):
                apt = Apt(folder, "sid")
                apt.update()
                mend_links(apt, folder, folder / "tree")
            add_segmentation(folder / "tree", folder)
            (folder / "tree").rename(target)
    return target


def local_archive(archive, folder):
    """Return the path of the archive, downloaded first when it is an address."""
    if "://" not in archive:
        path = Path(archive).expanduser()
        if not path.is_file():
            raise SetupError(f"ODOO_ARCHIVE={archive}: there is no such file.")
        return path
    path = folder / archive.rsplit("/", 1)[-1].split("?")[0]
    say(f"Odoo: downloading {path.name}")
    try:
        with urllib.request.urlopen(archive, timeout=60) as source:
            with path.open("wb") as target:
                shutil.copyfileobj(source, target)
    except OSError as error:
        raise SetupError(f"downloading {archive} failed: {error}") from None
    return path


def unpack_archive(path, target):
    """Unpack a .deb, .tar.* or .zip."""
    try:
        if path.suffix == ".deb":
            unpack_deb(path, target)
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(target)
        else:
            target.mkdir()
            run(["tar", "-xf", path, "-C", target], f"unpacking {path.name}")
    except zipfile.BadZipFile as error:
        raise SetupError(f"{path} is no archive that can be read: {error}") from None


# --- the virtual environment ---------------------------------------------------------


def put_on_path(source):
    """Put Odoo's packages, and nothing that lies beside them, on the path.

    A folder of links is used because an installation's folder may hold libraries of
    another Python, and pip must never write OCA's addons into Odoo's own folder. The
    stub distribution tells pip that `odoo` is there.
    """
    links = Path(sys.prefix) / "odoo"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir()
    (links / "odoo").symlink_to(source / "odoo")
    if not (source / "odoo/addons/web").exists():
        (links / "addons").symlink_to(source / "addons")
    packages = Path(sysconfig.get_path("purelib"))
    (packages / "amr_suite_odoo.pth").write_text(f"{links}\n")
    stub = packages / f"odoo-{SERIES}.dist-info"
    stub.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: odoo\nVersion: {SERIES}\n"
    (stub / "METADATA").write_text(metadata)
    (stub / "INSTALLER").write_text("setup/install\n")
    (stub / "RECORD").write_text("")


def main():
    home = os.environ.get("ODOO_HOME")
    archive = os.environ.get("ODOO_ARCHIVE")
    try:
        tree = home or (archived_odoo(archive) if archive else debian_odoo())
        source = find_odoo(tree)
        if not source:
            raise SetupError(f"there is no Odoo in {tree}.")
        check_series(source)
        put_on_path(source)
    except SetupError as error:
        sys.exit(f"setup/install: {error}")
    say(f"Odoo: {source}")


if __name__ == "__main__":
    main()
