"""How `setup/install` recognises an Odoo, and what it says when it is none."""

import io
import tarfile
import zipfile

import odoo_source
import pytest

RELEASE = "version_info = (%s, %s, 0, 'final', 0, '')\n"


def make_odoo(folder, major=19):
    """Make the least that is taken for an Odoo below `folder`; return its place."""
    (folder / "odoo").mkdir(parents=True)
    (folder / "odoo/release.py").write_text(RELEASE % (major, 0))
    return folder


@pytest.mark.parametrize(
    "place",
    [".", "odoo-19.0", "usr/lib/python3/dist-packages", "lib/python3.12/site-packages"],
)
def test_odoo_is_found_in_every_layout(tmp_path, place):
    source = make_odoo(tmp_path / place)
    assert odoo_source.find_odoo(tmp_path) == source.resolve()


def test_a_folder_without_odoo_is_none(tmp_path):
    assert odoo_source.find_odoo(tmp_path) is None


def test_another_series_is_refused(tmp_path):
    with pytest.raises(odoo_source.SetupError, match=r"is Odoo 18\.0.*needs 19\.0"):
        odoo_source.check_series(make_odoo(tmp_path, major=18))


def test_a_tarball_and_a_zip_are_unpacked(tmp_path):
    text = (RELEASE % (19, 0)).encode()
    with tarfile.open(tmp_path / "o.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("odoo-19.0/odoo/release.py")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    with zipfile.ZipFile(tmp_path / "o.zip", "w") as archive:
        archive.writestr("odoo-19.0/odoo/release.py", text)
    for name in ("o.tar.gz", "o.zip"):
        target = tmp_path / f"{name}.tree"
        odoo_source.unpack_archive(tmp_path / name, target)
        odoo_source.check_series(odoo_source.find_odoo(target))


@pytest.mark.parametrize("name", ["o.tar.gz", "o.zip", "o.deb"])
def test_a_broken_archive_is_a_sentence(tmp_path, name):
    (tmp_path / name).write_text("not an archive")
    with pytest.raises(odoo_source.SetupError, match=name):
        odoo_source.unpack_archive(tmp_path / name, tmp_path / "tree")


def test_a_missing_archive_is_a_sentence(tmp_path):
    with pytest.raises(odoo_source.SetupError, match="there is no such file"):
        odoo_source.local_archive(str(tmp_path / "nothing.deb"), tmp_path)


def test_links_to_nowhere_are_seen(tmp_path):
    (tmp_path / "there").write_text("")
    (tmp_path / "good").symlink_to(tmp_path / "there")
    (tmp_path / "bad").symlink_to(tmp_path / "gone")
    assert odoo_source.dangling_links(tmp_path) == [tmp_path / "bad"]
