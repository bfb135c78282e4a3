"""The table of mounts: which folders lie on network drives."""

from __future__ import annotations

from pathlib import Path

from rclip_like.walk.mounts import Mount, mount_of, read_mounts, remote_mounts

TABLE = r"""
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
40 22 0:45 / /mnt/nas\040photos rw shared:2 master:1 - nfs4 nas:/photos rw,vers=4.2
41 22 0:46 / /home/anna/phone rw - fuse.sshfs phone: rw
42 22 8:17 / /mnt/usb rw - fuseblk /dev/sdb1 rw
""".lstrip()


def _mounts(tmp_path: Path) -> list[Mount]:
    (tmp_path / "mountinfo").write_text(TABLE)
    return read_mounts(str(tmp_path / "mountinfo"))


def test_a_folder_lies_on_what_is_mounted_nearest_above_it(tmp_path: Path) -> None:
    mounts = _mounts(tmp_path)
    assert mount_of(b"/mnt/nas photos/2024", mounts) == Mount(b"/mnt/nas photos", "nfs4")
    assert mount_of(b"/mnt/nas photos 2", mounts) == Mount(b"/", "ext4")


def test_remote_mounts_count_above_a_folder_and_below_it(tmp_path: Path) -> None:
    mounts = _mounts(tmp_path)
    assert [each.kind for each in remote_mounts([b"/mnt/nas photos/a"], mounts)] == ["nfs4"]
    assert [each.kind for each in remote_mounts([b"/home/anna"], mounts)] == ["fuse.sshfs"]
    assert remote_mounts([b"/mnt/usb", b"/home/anna/photos"], mounts) == []


def test_a_system_without_the_table_has_no_remote_mounts(tmp_path: Path) -> None:
    assert read_mounts(str(tmp_path / "none")) == []


def test_this_systems_own_table_says_where_the_root_lies() -> None:
    mounts = read_mounts()
    assert mounts == [] or mount_of(b"/", mounts) is not None
