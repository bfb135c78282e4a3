"""Filing: names, what is never overwritten or lost, the log, and taking it back."""

from __future__ import annotations

import errno
import json
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from rclip_like.errors import FilingError
from rclip_like.filing import (
    Filed,
    How,
    ToFile,
    file_into,
    folder_name,
    folder_names,
    moving,
    undo,
)
from rclip_like.filing.locations import Identity, Location, OpenFolder, Refused, opened
from rclip_like.filing.names import numbered
from rclip_like.values import FileVersion, Trouble

SHM = Path("/dev/shm")
HOWS: tuple[How, ...] = ("copy", "link", "move")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder with two pictures of one name, in folders of their own."""
    folder = tmp_path / "album"
    for name in ("a", "b"):
        write(folder / name / "x.jpg", name.encode() * 100_000)
    return folder


@pytest.fixture(params=["same disk", "another disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is not there yet, on the album's disk and on another one."""
    if request.param == "same disk":
        yield tmp_path / "filed"
        return
    if not SHM.is_dir() or SHM.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk to write to")
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(dir=SHM) as place:
        yield Path(place) / "filed"


@pytest.fixture(params=["renaming", "linking", "replacing"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let file systems lack the calls that others have."""

    link = os.link

    def refuse(source: bytes, target: bytes, **folders: int) -> None:
        if folders:
            raise OSError(errno.EPERM, "no hard links here")
        link(source, target)

    if request.param != "renaming":
        monkeypatch.setattr(moving, "_exclusive_rename", lambda: None)
    if request.param == "replacing":
        monkeypatch.setattr(os, "link", refuse)
    return str(request.param)


def write(path: Path, content: bytes, mtime_ns: int = 1_234_567_890_123_456_789) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def file_all(folder: Path, how: How, *paths: Path, **options: object) -> list[Filed | Trouble]:
    """File pictures under the label `cat`."""
    return list(file_into([(os.fsencode(path), "cat") for path in paths], folder, how, **options))  # type: ignore[arg-type]


def log_of(folder: Path) -> Path:
    [log] = folder.glob("clipfind-moves-*.jsonl")
    return log


def state_of(*folders: Path) -> dict[str, object]:
    """Return all that lies below folders, but for logs: content, time and mode, links as such."""
    found: dict[str, object] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            status = path.lstat()
            if path.is_symlink():
                found[str(path)] = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                if not path.name.startswith("clipfind-moves-"):
                    found[str(path)] = path.read_bytes(), status.st_mtime_ns, status.st_mode
            else:
                found[str(path)] = stat.S_IFMT(status.st_mode)
    return found


# Names


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("red car", "red car"),
        ("猫", "猫"),
        ("cafe\u0301", "caf\xe9"),
        ("a/b\\c:d", "a_b_c_d"),
        ("..", "_"),
        ("../../etc", "_._.._etc"),
        (".hidden", "_hidden"),
        ("end. . ", "end"),
        ("new\nline\x00\u202e", "new_line__"),
        ("\udcff", "_"),
        ("", "_"),
        ("con", "_con"),
        ("LPT1.txt", "_LPT1.txt"),
        ("console", "console"),
    ],
)
def test_a_label_becomes_one_safe_name(label: str, name: str) -> None:
    assert folder_name(label) == name


def test_a_long_label_keeps_apart_from_another_one() -> None:
    labels = ["猫" * 200 + end for end in "ab"]
    names = folder_names(labels)
    assert len(set(names.values())) == 2
    assert all(len(name.encode()) <= 255 for name in names.values())


@pytest.mark.parametrize("other", ["Cat", "cat.", "cat ", "c\xe1t"])
def test_labels_that_would_share_a_folder_are_refused(other: str) -> None:
    first = "cat" if other != "c\xe1t" else unicodedata.normalize("NFD", "C\xc1T")
    with pytest.raises(FilingError, match="share the folder"):
        folder_names(["dog", first, other])


@pytest.mark.parametrize(
    "name", [b"x.jpg", b"x", b".x", "é".encode() * 125 + b".jpg", b"\xff" * 255]
)
def test_a_numbered_name_fits_and_keeps_its_ending(name: bytes) -> None:
    assert numbered(name, 1) == name
    assert len(numbered(name, 1000)) <= 255
    assert os.path.splitext(numbered(name, 1000))[1] == os.path.splitext(name)[1]
    with_number = numbered(name, 1000)
    assert with_number.decode(errors="replace").count("�") == name[:250].decode(
        errors="replace"
    ).count("�")


# Filing and taking back


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.usefixtures("way")
def test_pictures_are_filed_and_taken_back(album: Path, folder: Path, how: How) -> None:
    (album / "a" / "x.jpg").chmod(0o640)
    before = state_of(album)
    sources = [album / "a" / "x.jpg", album / "b" / "x.jpg"]
    filed = file_all(folder, how, *sources)
    targets = [folder / "cat" / "x.jpg", folder / "cat" / "x-2.jpg"]
    assert [(each.source, each.target) for each in filed if isinstance(each, Filed)] == [
        (os.fsencode(source), os.fsencode(target))
        for source, target in zip(sources, targets, strict=True)
    ]
    assert [source.exists() for source in sources] == [how != "move"] * 2
    for source, target in zip(sources, targets, strict=True):
        assert target.is_symlink() == (how == "link")
        if how == "link":
            assert os.readlink(target) == str(source)
        else:
            assert state_of(folder)[str(target)] == before[str(source)]
    back = list(undo(log_of(folder)))
    assert [type(each) for each in back] == [Filed, Filed], back
    assert state_of(album) == before
    assert [path.name for path in folder.iterdir()] == [log_of(folder).name]
    assert list(undo(log_of(folder))) == []


@pytest.mark.parametrize("how", HOWS)
def test_a_dry_run_says_what_a_run_does_and_does_nothing(
    album: Path, folder: Path, how: How
) -> None:
    write(album / "c" / "x.jpg", b"a" * 100_000)
    write(album / "a" / "x.jpg.xmp", b"<x:xmpmeta/>")
    before = state_of(album)
    sources = [album / name / "x.jpg" for name in ("a", "b", "c", "none")]
    planned = file_all(folder, how, *sources, is_dry_run=True)
    assert not folder.exists()
    assert file_all(folder, how, *sources) == planned
    after = state_of(album, folder)
    assert [
        each for each in undo(log_of(folder), is_dry_run=True) if isinstance(each, Trouble)
    ] == []
    assert state_of(album, folder) == after
    list(undo(log_of(folder)))
    assert state_of(album) == before


@pytest.mark.parametrize("how", HOWS)
def test_what_is_there_already_is_left_in_both_places(album: Path, folder: Path, how: How) -> None:
    file_all(folder, "link" if how == "link" else "copy", album / "a" / "x.jpg")
    before = state_of(album, folder)
    [again] = file_all(folder, how, album / "a" / "x.jpg")
    assert isinstance(again, Filed)
    assert (again.did, again.target) == ("there already", os.fsencode(folder / "cat" / "x.jpg"))
    assert state_of(album, folder) == before
    assert len(list(folder.glob("*.jsonl"))) == 1


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.usefixtures("way")
def test_a_picture_that_lies_at_its_target_stays(tmp_path: Path, how: How) -> None:
    path = write(tmp_path / "filed" / "cat" / "x.jpg", b"picture")
    os.link(path, tmp_path / "x.jpg")
    before = state_of(tmp_path)
    for source in (path, tmp_path / "x.jpg"):
        [filed] = file_all(tmp_path / "filed", how, source)
        assert isinstance(filed, Filed)
        assert (filed.did, filed.target) == ("there already", os.fsencode(path))
    assert state_of(tmp_path) == before


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.usefixtures("way")
def test_names_that_anything_has_are_not_taken(album: Path, tmp_path: Path, how: How) -> None:
    cat = tmp_path / "filed" / "cat"
    (cat / "x.jpg").mkdir(parents=True)
    os.mkfifo(cat / "x-2.jpg")
    victim = write(tmp_path / "victim", b"mine")
    (cat / "x-3.jpg").symlink_to(victim)
    (cat / "x-4.jpg").symlink_to(tmp_path / "nowhere")
    write(cat / "x-5.jpg", b"another picture")
    write(cat / "x-6.jpg.xmp", b"of a picture that was removed")
    before = state_of(tmp_path / "filed") | state_of(victim)
    [filed] = file_all(tmp_path / "filed", how, album / "a" / "x.jpg")
    assert isinstance(filed, Filed)
    assert filed.target == os.fsencode(cat / "x-7.jpg")
    after = state_of(tmp_path / "filed")
    after.pop(str(cat / "x-7.jpg"))
    assert after | state_of(victim) == before
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("planted", ["link", "file", "pipe"])
def test_nothing_is_filed_through_what_has_the_label_s_name(
    album: Path, tmp_path: Path, how: How, planted: str
) -> None:
    label = tmp_path / "filed" / "cat"
    label.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    if planted == "link":
        label.symlink_to(tmp_path / "elsewhere")
    elif planted == "file":
        label.write_bytes(b"file")
    else:
        os.mkfifo(label)
    before = state_of(tmp_path)
    [trouble] = file_all(tmp_path / "filed", how, album / "a" / "x.jpg")
    assert isinstance(trouble, Trouble)
    assert "not a folder" in trouble.reason
    assert state_of(tmp_path) == before


@pytest.mark.parametrize("how", HOWS)
def test_without_a_label_pictures_go_into_the_folder_itself_and_come_back(
    album: Path, tmp_path: Path, how: How
) -> None:
    before, folder = state_of(album), tmp_path / "filed"
    pictures = [(os.fsencode(album / name / "x.jpg"), None) for name in "ab"]
    assert all(isinstance(each, Filed) for each in file_into(pictures, folder, how))
    assert {path.name for path in folder.iterdir()} >= {"x.jpg", "x-2.jpg"}
    assert not [path for path in folder.iterdir() if path.is_dir()]
    assert not [each for each in undo(log_of(folder)) if isinstance(each, Trouble)]
    assert state_of(album) == before
    assert [path.suffix for path in folder.iterdir()] == [".jsonl"]


@pytest.mark.parametrize("target", ["{folder}/deep/x.jpg", "{above}/x.jpg", "{folder}.jpg"])
def test_without_a_label_a_log_is_believed_in_its_own_folder_alone(
    album: Path, tmp_path: Path, target: str
) -> None:
    folder = tmp_path / "filed"
    list(file_into([(os.fsencode(album / "a" / "x.jpg"), None)], folder, "move"))
    log, named = log_of(folder), target.format(folder=folder, above=folder.parent)
    Path(named).parent.mkdir(exist_ok=True)
    Path(named).write_bytes((folder / "x.jpg").read_bytes())
    log.write_text(log.read_text().replace(f'"{folder}/x.jpg"', f'"{named}"'))
    [trouble] = undo(log)
    assert isinstance(trouble, Trouble)
    assert "is not valid" in trouble.reason
    assert Path(named).exists()


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("has_name", [False, True])
def test_a_second_name_that_a_killed_undo_left_is_removed(
    album: Path, tmp_path: Path, how: How, has_name: bool
) -> None:
    before, folder = state_of(album), tmp_path / "filed"
    source, target = album / "a" / "x.jpg", folder / "cat" / "x.jpg"
    file_all(folder, how, source)
    token = json.loads(log_of(folder).read_text().splitlines()[0])["token"]
    here = source if how == "move" else target
    left = here.with_name(f".clipfind-{token}-1-0.old-")
    os.link(target, left, follow_symlinks=False)
    if has_name and how == "move":
        os.link(target, source)
    elif not has_name and how == "copy":
        target.unlink()
    assert not [each for each in undo(log_of(folder)) if isinstance(each, Trouble)]
    assert state_of(album) == before
    assert [path.suffix for path in folder.rglob("*")] == [".jsonl"]
    assert not os.path.lexists(left)


def test_labels_lead_nowhere_else(album: Path, tmp_path: Path) -> None:
    labels = ("../../up", "/etc", "a\0b", "..")
    pictures = [(os.fsencode(album / "a" / "x.jpg"), label) for label in labels]
    filed = list(file_into(pictures, tmp_path / "filed", "copy"))
    targets = [each.target for each in filed if isinstance(each, Filed)]
    folders = {os.path.dirname(os.path.dirname(target)) for target in targets}
    assert len(targets) == 4
    assert folders == {os.fsencode(tmp_path / "filed")}


def test_a_label_that_would_share_another_s_folder_is_a_trouble(
    album: Path, tmp_path: Path
) -> None:
    pictures = [
        (os.fsencode(album / "a" / "x.jpg"), "Cat"),
        (os.fsencode(album / "b" / "x.jpg"), "cat"),
    ]
    filed = list(file_into(pictures, tmp_path / "filed", "move"))
    assert [type(each) for each in filed] == [Filed, Trouble]
    assert (album / "b" / "x.jpg").exists()


@pytest.mark.parametrize("how", HOWS)
def test_what_is_no_regular_file_stays(tmp_path: Path, how: How) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    sources = [tmp_path / name for name in ("pipe.jpg", "folder.jpg", "none.jpg", "none/x.jpg")]
    filed = file_all(tmp_path / "filed", how, *sources)
    reasons = [each.reason for each in filed if isinstance(each, Trouble)]
    assert reasons == ["is not a regular file"] * 2 + ["is gone"] * 2
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize("how", HOWS)
def test_a_folder_inside_the_album_is_filed_into_once(album: Path, how: How) -> None:
    before = state_of(album)
    folder = album / "sorted"
    file_all(folder, how, *sorted(album.rglob("x*.jpg")))
    after = state_of(album)
    again = file_all(folder, how, *sorted(folder.rglob("x*.jpg")))
    assert [each.did for each in again if isinstance(each, Filed)] == ["there already"] * 2
    assert state_of(album) == after
    list(undo(log_of(folder)))
    log_of(folder).unlink()
    folder.rmdir()
    assert state_of(album) == before


def test_of_a_link_the_content_is_copied_and_the_link_is_not_moved(
    album: Path, tmp_path: Path
) -> None:
    link = album / "link.jpg"
    link.symlink_to("a/x.jpg")
    [moved] = file_all(tmp_path / "filed", "move", link)
    assert isinstance(moved, Trouble)
    assert "link" in moved.reason
    [copied] = file_all(tmp_path / "filed", "copy", link)
    assert isinstance(copied, Filed)
    target = tmp_path / "filed" / "cat" / "link.jpg"
    assert target.read_bytes() == (album / "a" / "x.jpg").read_bytes()
    assert not target.is_symlink()
    list(undo(log_of(tmp_path / "filed")))
    assert not target.exists()


def test_extended_attributes_go_along_to_another_disk(album: Path, folder: Path) -> None:
    source = album / "a" / "x.jpg"
    try:
        os.setxattr(source, "user.xdg.tags", b"cat")
        probe = write(folder.parent / "probe", b"")
        os.setxattr(probe, "user.xdg.tags", b"cat")
    except OSError:
        pytest.skip("a file system here keeps no extended attributes")
    file_all(folder, "move", source)
    assert os.getxattr(folder / "cat" / "x.jpg", "user.xdg.tags") == b"cat"


# Sidecars


@pytest.mark.parametrize("how", ["copy", "move"])
def test_sidecars_go_along_under_the_picture_s_name(album: Path, folder: Path, how: How) -> None:
    for name in ("x.jpg.xmp", "x.xmp"):
        write(album / "b" / name, name.encode())
    before = state_of(album)
    [_, filed] = file_all(folder, how, album / "a" / "x.jpg", album / "b" / "x.jpg")
    assert isinstance(filed, Filed)
    assert sorted(map(os.path.basename, filed.sidecars)) == [b"x-2.jpg.xmp", b"x-2.xmp"]
    assert (folder / "cat" / "x-2.jpg.xmp").read_bytes() == b"x.jpg.xmp"
    assert (album / "b" / "x.xmp").exists() == (how == "copy")
    list(undo(log_of(folder)))
    assert state_of(album) == before


@pytest.mark.parametrize("how", ["copy", "move"])
def test_few_calls_look_for_sidecars_that_are_not_there(
    album: Path, tmp_path: Path, how: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths: list[object] = []
    lstat = os.lstat

    def count(path: bytes, **options: int) -> os.stat_result:
        paths.append(path)
        return lstat(path, **options)

    monkeypatch.setattr(os, "lstat", count)
    file_all(tmp_path / "filed", how, album / "a" / "x.jpg", is_dry_run=True)
    assert 0 < len(paths) < 30


@pytest.mark.parametrize("how", ["copy", "move"])
def test_a_sidecar_that_is_a_link_stays_and_is_named(album: Path, tmp_path: Path, how: How) -> None:
    sidecar = album / "a" / "x.jpg.xmp"
    sidecar.symlink_to(write(tmp_path / "elsewhere.xmp", b"tags"))
    filed, trouble = file_all(tmp_path / "filed", how, album / "a" / "x.jpg")
    assert isinstance(filed, Filed)
    assert isinstance(trouble, Trouble)
    assert (trouble.path, sidecar.is_symlink()) == (os.fsencode(sidecar), True)
    assert "is a link" in trouble.reason


def test_a_sidecar_of_several_pictures_stays(album: Path, tmp_path: Path) -> None:
    write(album / "a" / "x.png", b"another")
    shared = write(album / "a" / "x.xmp", b"of both")
    [filed] = file_all(tmp_path / "filed", "move", album / "a" / "x.jpg")
    assert isinstance(filed, Filed)
    assert filed.sidecars == ()
    assert shared.exists()


def test_a_sidecar_with_new_tags_goes_back_with_its_picture(album: Path, folder: Path) -> None:
    write(album / "a" / "x.jpg.xmp", b"old")
    file_all(folder, "move", album / "a" / "x.jpg")
    sidecar = folder / "cat" / "x.jpg.xmp"
    sidecar.unlink()
    write(sidecar, b"new tags")
    list(undo(log_of(folder)))
    assert (album / "a" / "x.jpg.xmp").read_bytes() == b"new tags"
    assert not sidecar.exists()


# Files that change meanwhile


@pytest.mark.parametrize("how", ["copy", "move"])
def test_a_picture_that_changes_while_it_is_copied_stays(
    album: Path, folder: Path, how: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = album / "a" / "x.jpg"
    monkeypatch.setattr(moving, "_forget_pages", lambda _: source.write_bytes(b"new"))
    filed = file_all(folder, how, source)
    if folder.parent.stat().st_dev == album.stat().st_dev and how == "move":
        assert isinstance(filed[0], Filed)  # it is not copied
        return
    [trouble] = filed
    assert isinstance(trouble, Trouble)
    assert "changed while it was copied" in trouble.reason
    assert source.read_bytes() == b"new"
    assert list((folder / "cat").iterdir()) == []


def test_a_copy_that_differs_from_the_picture_is_not_kept(
    album: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_forget_pages", lambda descriptor: os.pwrite(descriptor, b"!", 9))
    [trouble] = file_all(folder, "copy", album / "a" / "x.jpg")
    assert isinstance(trouble, Trouble)
    assert "may be failing" in trouble.reason
    assert list((folder / "cat").iterdir()) == []


@pytest.mark.usefixtures("way")
def test_a_file_that_takes_the_name_in_the_last_instant_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "x.jpg", b"old")
    rename = os.rename

    def replace_first(source: bytes, target: bytes, **folders: int) -> None:
        monkeypatch.undo()
        write(tmp_path / "new", b"new")
        os.replace(tmp_path / "new", path)
        rename(source, target, **folders)

    with opened(os.fsencode(tmp_path)) as folder:
        location = Location(folder, b"x.jpg")
        identity = Identity.of(path.stat())
        monkeypatch.setattr(os, "rename", replace_first)
        with pytest.raises(Refused, match="changed"):
            moving.remove_only(location, identity, b".hidden")
    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["x.jpg"]


@pytest.mark.usefixtures("way")
def test_a_name_that_is_taken_in_the_last_instant_is_not_overwritten(tmp_path: Path) -> None:
    source, target = write(tmp_path / "a", b"a"), write(tmp_path / "b", b"b")
    with opened(os.fsencode(tmp_path)) as folder, pytest.raises(FileExistsError):
        moving.rename_anew(Location(folder, b"a"), Location(folder, b"b"), b".hidden")
    assert (source.read_bytes(), target.read_bytes()) == (b"a", b"b")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_is_moved_away_meanwhile_stops_the_run(album: Path, tmp_path: Path) -> None:
    pictures = [(os.fsencode(album / each / "x.jpg"), "cat") for each in "ab"]
    run = file_into(pictures, tmp_path / "filed", "move")
    next(run)
    (tmp_path / "filed").rename(tmp_path / "moved")
    with pytest.raises(FilingError, match="moved, replaced or unmounted"):
        next(run)
    assert (album / "b" / "x.jpg").exists()
    assert not (tmp_path / "filed").exists()


def test_a_picture_whose_second_part_cannot_be_filed_stays_whole(
    album: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(album / "a" / "x.jpg.xmp", b"tags")
    before = state_of(album)
    rename = moving.rename_anew

    def refuse_sidecars(source: Location, target: Location, hidden: bytes) -> None:
        if target.name == b"x.jpg.xmp":
            raise PermissionError(errno.EACCES, "Permission denied")
        rename(source, target, hidden)

    for module in ("run", "taking_back"):
        monkeypatch.setattr(f"rclip_like.filing.{module}.rename_anew", refuse_sidecars)
    [trouble] = file_all(folder, "move", album / "a" / "x.jpg")
    assert isinstance(trouble, Trouble)
    assert trouble.reason == "Permission denied"
    assert state_of(album) == before
    monkeypatch.undo()
    assert list(undo(log_of(folder))) == []
    assert state_of(album) == before


# Pictures that were replaced since they were labelled


def version_of(path: Path) -> FileVersion:
    status = path.stat()
    digest = blake3(path.read_bytes()).digest()
    return FileVersion(
        digest, status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns
    )


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("is_dry_run", [True, False])
def test_a_picture_that_was_replaced_since_it_was_labelled_stays(
    album: Path, folder: Path, how: How, is_dry_run: bool
) -> None:
    source = album / "a" / "x.jpg"
    picture = ToFile(os.fsencode(source), "cat", version_of(source))
    write(source, b"b" * 100_000)  # the same size and mtime
    before = state_of(album)
    [trouble] = file_into([picture], folder, how, is_dry_run=is_dry_run)
    assert isinstance(trouble, Trouble)
    assert trouble.reason == "has changed since it was read"
    assert state_of(album) == before


def test_a_picture_that_is_replaced_while_it_is_filed_stays(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = album / "a" / "x.jpg"
    picture = ToFile(os.fsencode(source), "cat", version_of(source))
    head = Location.digest_of_head

    def replace(location: Location) -> str:
        write(source, b"b" * 100_001)
        return head(location)

    monkeypatch.setattr(Location, "digest_of_head", replace)
    [trouble] = file_into([picture], tmp_path / "filed", "move")
    assert isinstance(trouble, Trouble)
    assert source.read_bytes() == b"b" * 100_001


@pytest.mark.parametrize("version", ["all", "content alone"])
def test_a_picture_that_is_copied_back_since_it_was_labelled_is_filed(
    album: Path, folder: Path, version: str
) -> None:
    source = album / "a" / "x.jpg"
    seen = version_of(source) if version == "all" else FileVersion(*version_of(source)[:2])
    content = source.read_bytes()
    source.unlink()
    write(source, content)
    [filed] = file_into([ToFile(os.fsencode(source), "cat", seen)], folder, "move")
    assert isinstance(filed, Filed)


# The log


def test_the_log_is_for_its_owner_and_keeps_the_bytes_of_names(album: Path, tmp_path: Path) -> None:
    odd = os.fsencode(album) + b"/\xff\n.jpg"
    os.rename(album / "a" / "x.jpg", odd)
    logs: list[Path] = []
    list(file_into([(odd, "cat")], tmp_path / "filed", "move", on_log=logs.append))
    [log] = logs
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[0]["clipfind_moves"] == 1
    assert lines[0]["how"] == "move"
    assert [next(iter(line)) for line in lines[1:]] == ["made", "made", "intent", "done"]
    assert "path_base64" in lines[3]["files"][0]["source"]
    assert len(list(undo(log))) == 1
    assert os.path.exists(odd)


def test_an_existing_log_is_not_overwritten(album: Path, tmp_path: Path) -> None:
    log = write(tmp_path / "log", b"mine")
    before = state_of(album)
    with pytest.raises(FilingError, match="not overwritten"):
        file_all(tmp_path / "filed", "move", album / "a" / "x.jpg", log=log)
    assert (log.read_bytes(), state_of(album)) == (b"mine", before)


def test_runs_of_one_second_have_logs_of_their_own(album: Path, tmp_path: Path) -> None:
    for name in "ab":
        file_all(tmp_path / "filed", "move", album / name / "x.jpg")
    assert len(list((tmp_path / "filed").glob("*.jsonl"))) == 2


def test_a_log_that_is_being_written_is_not_undone(album: Path, tmp_path: Path) -> None:
    pictures = [(os.fsencode(album / each / "x.jpg"), "cat") for each in "ab"]
    run = file_into(pictures, tmp_path / "filed", "move")
    next(run)
    with pytest.raises(FilingError, match="another run"):
        next(undo(log_of(tmp_path / "filed")))
    list(run)
    assert len(list(undo(log_of(tmp_path / "filed")))) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n", "not a log"),
        (b'{"clipfind_index": 1', "not a log"),
        (b"[]\n", "not a log"),
        (b"[" * 100_000, "not a log"),
        (b'{"clipfind_moves": 2}\n', "another version"),
        (b'{"clipfind_moves": 1, "how": "burn", "token": "0123456789abcdef"}\n', "not a log"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(FilingError, match=message):
        list(undo(write(tmp_path / "log", content)))


@pytest.mark.parametrize("written", [b"", b'{"clip', b'{"clipfind_moves": 1, "vers'])
def test_a_log_of_a_run_that_was_killed_at_once_has_nothing(tmp_path: Path, written: bytes) -> None:
    assert list(undo(write(tmp_path / "log", written))) == []


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir])
def test_a_log_that_is_no_file_is_refused(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    plant(tmp_path / "log")
    with pytest.raises(FilingError, match="log: "):
        list(undo(tmp_path / "log"))


def test_lines_that_make_no_sense_cost_themselves(album: Path, tmp_path: Path) -> None:
    file_all(tmp_path / "filed", "move", album / "a" / "x.jpg")
    log = log_of(tmp_path / "filed")
    lines = log.read_bytes().splitlines(keepends=True)
    odd = [b"\n", b"{}\n", b"\xff\n", b'{"intent": "1"}\n', b'{"intent": 7}\n', b"[[[\n"]
    log.write_bytes(b"".join([*lines[:2], *odd, *lines[2:], b'{"intent": 8, "la']))
    back = list(undo(log))
    assert [type(each) for each in back].count(Trouble) == len(odd)
    assert (album / "a" / "x.jpg").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"target": {"path": "/etc/passwd"}},
        {"target": {"path": "{folder}/cat/../../victim.jpg"}},
        {"target": {"path": "{folder}/cat/deep/x.jpg"}},
        {"target": {"path": "{folder}/x.jpg"}},
        {"source": {"path": "relative/x.jpg"}},
        {"source": {"path": "/tmp/a/../x.jpg"}},
        {"source": {"path": "/tmp/x.jpg\0"}},
        {"source": {"path": "/tmp/x.sh"}},
        {"source": {"path": "/tmp/.bashrc"}, "target": {"path": "{folder}/cat/.bashrc"}},
        {"source": {"path": "/tmp/x.txt"}, "target": {"path": "{folder}/cat/x.txt"}},
        {"source": {"path": "/tmp/x.jpg", "path_base64": "!"}},
        {"source": {}},
        {"source": "x"},
        {"source": {"path": 5}},
        {"size": "1"},
        {"size": True},
        {"head": None},
        {"head": "00"},
    ],
)
def test_a_log_that_names_other_files_is_not_believed(
    album: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    folder = tmp_path / "filed"
    file_all(folder, "move", album / "a" / "x.jpg")
    log = log_of(folder)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    text = json.dumps(change).replace("{folder}", str(folder))
    [intent] = [line for line in lines if "intent" in line]
    intent["files"][0].update(json.loads(text))
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    before = state_of(album, folder)
    [trouble] = undo(log)
    assert isinstance(trouble, Trouble)
    assert "is not valid" in trouble.reason
    assert state_of(album, folder) == before


@pytest.mark.parametrize("way", ["copied", "linked"])
def test_a_log_that_lies_elsewhere_than_its_pictures_is_refused(
    album: Path, tmp_path: Path, way: str
) -> None:
    folder, elsewhere = tmp_path / "filed", tmp_path / "elsewhere"
    file_all(folder, "move", album / "a" / "x.jpg")
    elsewhere.mkdir()
    log = log_of(folder).rename(elsewhere / "clipfind-moves-1.jsonl")
    if way == "linked":
        (folder / "log").symlink_to(log)
        log = folder / "log"
    before = state_of(album, folder)
    with pytest.raises(FilingError, match="does not lie in the folder that it names"):
        list(undo(log))
    with pytest.raises(FilingError, match="does not lie in the folder that it names"):
        list(undo(log, folder=elsewhere))
    assert state_of(album, folder) == before


def test_a_log_removes_no_folders_but_its_own(album: Path, tmp_path: Path) -> None:
    folder = tmp_path / "filed"
    file_all(folder, "move", album / "a" / "x.jpg")
    (tmp_path / "empty").mkdir()
    with log_of(folder).open("a") as log:
        log.write(json.dumps({"made": {"path": str(tmp_path / "empty")}}) + "\n")
    assert [type(each) for each in undo(log_of(folder))] == [Trouble, Filed]
    assert (tmp_path / "empty").is_dir()


@pytest.mark.parametrize("how", ["copy", "move"])
def test_a_picture_that_is_its_own_source_is_not_removed(
    album: Path, folder: Path, how: How
) -> None:
    source = album / "a" / "x.jpg"
    file_all(folder, how, source)
    source.unlink(missing_ok=True)
    source.parent.rmdir()
    source.parent.symlink_to(folder / "cat")
    [trouble] = undo(log_of(folder))
    assert isinstance(trouble, Trouble)
    assert "the same file" in trouble.reason
    assert (folder / "cat" / "x.jpg").exists()


def test_what_is_not_called_like_a_picture_is_not_filed(tmp_path: Path) -> None:
    source = write(tmp_path / "thesis.txt", b"text")
    [trouble] = file_all(tmp_path / "filed", "move", source)
    assert isinstance(trouble, Trouble)
    assert "name" in trouble.reason
    assert source.exists()


def test_a_label_that_could_not_be_printed_is_passed_over(album: Path, tmp_path: Path) -> None:
    folder = tmp_path / "filed"
    file_all(folder, "move", album / "a" / "x.jpg")
    log = log_of(folder)
    log.write_text(log.read_text().replace('"label": "cat"', '"label": "\\ud800"'))
    before = state_of(album, folder)
    [trouble] = undo(log)
    assert isinstance(trouble, Trouble)
    assert state_of(album, folder) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_log_of_another_user_is_refused(album: Path, tmp_path: Path) -> None:
    folder = tmp_path / "filed"
    file_all(folder, "move", album / "a" / "x.jpg")
    os.chown(log_of(folder), 12345, 12345)
    with pytest.raises(FilingError, match="belongs to another user"):
        list(undo(log_of(folder)))


def test_a_name_as_long_as_the_disk_takes_is_filed(tmp_path: Path) -> None:
    source = write(tmp_path / "album" / f"{'a' * 251}.jpg", b"long")
    [filed] = file_all(tmp_path / "filed", "copy", source)
    assert isinstance(filed, Filed)
    assert Path(os.fsdecode(filed.target)).read_bytes() == b"long"


@pytest.mark.parametrize("order", [1, -1])
def test_no_sidecar_becomes_that_of_two_pictures(tmp_path: Path, order: int) -> None:
    plain = write(tmp_path / "a" / "IMG_1.jpg", b"plain")
    rated = write(tmp_path / "b" / "IMG_1.png", b"rated")
    write(tmp_path / "b" / "IMG_1.xmp", b"five stars")
    filed = file_all(tmp_path / "filed", "move", *[plain, rated][::order])
    assert all(isinstance(each, Filed) for each in filed)
    names = sorted(path.name for path in (tmp_path / "filed" / "cat").iterdir())
    assert names in (
        ["IMG_1-2.png", "IMG_1-2.xmp", "IMG_1.jpg"],
        ["IMG_1-2.jpg", "IMG_1.png", "IMG_1.xmp"],
    )


def test_a_copy_whose_sidecar_is_not_there_yet_is_not_there_already(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name / "x.jpg", b"same") for name in "ab")
    write(tmp_path / "b" / "x.jpg.xmp", b"five stars")
    file_all(tmp_path / "filed", "copy", first)
    for did in ("copied", "there already"):
        [filed] = file_all(tmp_path / "filed", "copy", second)
        assert isinstance(filed, Filed)
        assert filed.did == did
    assert (tmp_path / "filed" / "cat" / "x-2.jpg.xmp").read_bytes() == b"five stars"


# What is not taken back


def test_a_moved_picture_stays_where_another_has_its_name(album: Path, folder: Path) -> None:
    source = album / "a" / "x.jpg"
    file_all(folder, "move", source)
    write(source, b"another")
    before = state_of(album, folder)
    [trouble] = undo(log_of(folder))
    assert isinstance(trouble, Trouble)
    assert "another file" in trouble.reason
    assert state_of(album, folder) == before


def test_a_picture_that_took_the_moved_one_s_name_stays(album: Path, folder: Path) -> None:
    file_all(folder, "move", album / "a" / "x.jpg")
    target = folder / "cat" / "x.jpg"
    status = target.stat()
    other = write(folder / "cat" / "other", b"b" * status.st_size, status.st_mtime_ns)
    os.replace(other, target)
    [trouble] = undo(log_of(folder))
    assert isinstance(trouble, Trouble)
    assert "is another file" in trouble.reason
    assert not (album / "a" / "x.jpg").exists()
    assert target.read_bytes() == b"b" * status.st_size


@pytest.mark.parametrize("content", [b"another picture", b"b" * 100_000])
def test_an_inode_alone_does_not_make_a_picture_the_moved_one(
    album: Path, tmp_path: Path, content: bytes
) -> None:
    file_all(tmp_path / "filed", "move", album / "a" / "x.jpg")
    target = tmp_path / "filed" / "cat" / "x.jpg"
    inode = target.stat().st_ino
    target.write_bytes(content)  # ext4 also gives a deleted picture's inode to the next one
    assert target.stat().st_ino == inode
    [trouble] = undo(log_of(tmp_path / "filed"))
    assert isinstance(trouble, Trouble)
    assert trouble.path == os.fsencode(target)
    assert "has changed" in trouble.reason
    assert target.read_bytes() == content
    assert not (album / "a" / "x.jpg").exists()


def test_a_moved_picture_whose_time_was_set_goes_back(album: Path, folder: Path) -> None:
    file_all(folder, "move", album / "a" / "x.jpg")
    os.utime(folder / "cat" / "x.jpg")
    [back] = undo(log_of(folder))
    assert isinstance(back, Filed)
    assert (album / "a" / "x.jpg").exists()


@pytest.mark.parametrize("changed", ["copy", "source", "source gone", "source replaced by a link"])
def test_a_copy_that_may_be_the_last_one_stays(album: Path, folder: Path, changed: str) -> None:
    source, target = album / "a" / "x.jpg", folder / "cat" / "x.jpg"
    file_all(folder, "copy", source)
    path = target if changed == "copy" else source
    content = path.read_bytes()
    path.unlink()
    if changed.endswith("link"):
        source.symlink_to(target)
    elif "gone" not in changed:
        write(path, content[:-1] + b"!")
    [trouble] = undo(log_of(folder))
    assert isinstance(trouble, Trouble)
    assert "stays" in trouble.reason
    assert target.exists()


def test_a_link_that_leads_elsewhere_stays(album: Path, tmp_path: Path) -> None:
    file_all(tmp_path / "filed", "link", album / "a" / "x.jpg")
    target = tmp_path / "filed" / "cat" / "x.jpg"
    target.unlink()
    target.symlink_to(album / "b" / "x.jpg")
    [trouble] = undo(log_of(tmp_path / "filed"))
    assert isinstance(trouble, Trouble)
    assert target.is_symlink()


def test_what_is_gone_is_named(album: Path, folder: Path) -> None:
    file_all(folder, "move", album / "a" / "x.jpg")
    (folder / "cat" / "x.jpg").unlink()
    [trouble] = undo(log_of(folder))
    assert isinstance(trouble, Trouble)
    assert "is gone" in trouble.reason


@pytest.mark.parametrize("cut", [b"", b'{"intent": 8, "la'])
def test_folders_that_were_deleted_since_a_move_are_made_again_and_logged(
    album: Path, folder: Path, cut: bytes
) -> None:
    source = write(album / "a" / "deep" / "y.jpg", b"y")
    write(album / "a" / "deep" / "y.jpg.xmp", b"tags")
    before = state_of(album)
    file_all(folder, "move", album / "a" / "x.jpg", source)
    (album / "a" / "deep").rmdir()
    (album / "a").rmdir()
    log = log_of(folder)
    log.write_bytes(log.read_bytes() + cut)
    assert [type(each) for each in undo(log, is_dry_run=True)] == [Filed, Filed]
    assert not (album / "a").exists()
    assert [type(each) for each in undo(log)] == [Filed, Filed]
    assert state_of(album) == before
    restored = [json.loads(line) for line in log.read_bytes().splitlines() if b"restored" in line]
    made = [{"path": str(album / name)} for name in ("a", "a/deep")]
    assert [line["restored"] for line in restored] == made
    assert len(list(undo(log))) == (1 if cut else 0)


@pytest.mark.parametrize("blocked", ["broken link", "file", "changed picture", "another disk"])
def test_a_folder_is_not_made_again_where_that_is_not_safe(
    album: Path, tmp_path: Path, blocked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_all(tmp_path / "filed", "move", album / "a" / "x.jpg")
    (album / "a").rmdir()
    if blocked == "broken link":
        (album / "a").symlink_to(tmp_path / "unmounted")
    elif blocked == "file":
        write(album / "a", b"file")
    elif blocked == "changed picture":
        write(tmp_path / "filed" / "cat" / "x.jpg", b"changed")
    else:
        monkeypatch.setattr(OpenFolder, "device", lambda folder: -1)
    before = state_of(album, tmp_path / "filed")
    [trouble] = undo(log_of(tmp_path / "filed"))
    assert isinstance(trouble, Trouble)
    assert "stays" in trouble.reason
    assert state_of(album, tmp_path / "filed") == before
    assert not (tmp_path / "unmounted").exists()


def test_of_a_copy_no_folder_is_made_again(album: Path, folder: Path) -> None:
    file_all(folder, "copy", album / "a" / "x.jpg")
    (album / "a" / "x.jpg").unlink()
    (album / "a").rmdir()
    [trouble] = undo(log_of(folder))
    assert isinstance(trouble, Trouble)
    assert not (album / "a").exists()


def test_a_link_in_the_place_of_the_label_s_folder_is_not_followed(
    album: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "filed"
    file_all(folder, "move", album / "a" / "x.jpg")
    (folder / "cat").rename(tmp_path / "elsewhere")
    (folder / "cat").symlink_to(tmp_path / "elsewhere")
    [trouble] = undo(log_of(folder))
    assert isinstance(trouble, Trouble)
    assert (tmp_path / "elsewhere" / "x.jpg").exists()


def test_folders_with_something_in_them_stay(album: Path, folder: Path) -> None:
    file_all(folder, "move", album / "a" / "x.jpg")
    write(folder / "cat" / "mine.jpg", b"mine")
    list(undo(log_of(folder)))
    assert [path.name for path in (folder / "cat").iterdir()] == ["mine.jpg"]


@pytest.mark.parametrize("deep", [True, False])
def test_a_log_elsewhere_lets_every_folder_that_was_made_go(
    album: Path, tmp_path: Path, deep: bool
) -> None:
    folder = tmp_path / "new" / "filed" if deep else tmp_path / "new"
    file_all(folder, "move", album / "a" / "x.jpg", log=tmp_path / "log")
    with pytest.raises(FilingError, match="this log does not lie in the folder that it names"):
        list(undo(tmp_path / "log"))
    list(undo(tmp_path / "log", folder=folder))
    assert not (tmp_path / "new").exists()


def test_a_link_that_leads_nowhere_is_no_folder_to_file_into(album: Path, tmp_path: Path) -> None:
    (tmp_path / "filed").symlink_to(tmp_path / "unmounted")
    with pytest.raises(FilingError, match="link"):
        file_all(tmp_path / "filed", "move", album / "a" / "x.jpg")
    assert not (tmp_path / "unmounted").exists()
