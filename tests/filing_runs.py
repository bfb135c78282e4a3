"""Filing as a process: an album with clashing names, and what must hold of it whatever happens.

As a program: filing_runs.py file ALBUM FOLDER HOW files every picture of the album, filing_runs.py
undo FOLDER takes back every log there, the newest first. What needs disks of its own is played in a
mount namespace: filing_runs.py SCENE HOW PLACE, where the scene is one of the functions below.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import get_args

from private_mounts import NO_RIGHTS

from rclip_like.errors import FilingError
from rclip_like.filing import How, file_into, moving, undo
from rclip_like.values import Trouble

LABELS = ("cat", "dog", "red car", "猫", None)
State = dict[bytes, tuple[str, int, int]]
"""Of each file its content's digest, its time and its mode."""


def make_album(album: Path, number: int, most_bytes: int = 60_000) -> None:
    """Write pictures with the same names in ten folders; some twice, some with sidecars."""
    draw = random.Random(number)
    content = b"first"
    for index in range(number):
        folder = album / f"{index % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        if index % 7:
            content = draw.randbytes(draw.randrange(1, most_bytes))
        name = (b"IMG_%03d.jpg", b"img_%03d.JPG", b"\xff%03d.png")[index % 3] % (index // 40)
        path = os.fsencode(folder) + b"/" + name
        path = path if not os.path.exists(path) else path[:-4] + b"-2" + path[-4:]
        _write(path, content, draw)
        if not index % 5:
            _write(path + b".xmp", b"<x:xmpmeta/>%d" % index, draw)


def _write(path: bytes, content: bytes, draw: random.Random) -> None:
    with open(path, "xb") as file:
        file.write(content)
    os.chmod(path, draw.choice((0o644, 0o600, 0o664)))
    os.utime(path, ns=(0, draw.randrange(1 << 60)))


def pictures_in(album: Path) -> Iterator[tuple[bytes, str | None]]:
    """Yield the pictures below a folder with labels that follow from their paths."""
    for folder, _, names in sorted(os.walk(os.fsencode(album))):
        for name in sorted(names):
            if not name.endswith((b".xmp", b".jsonl")) and not name.startswith(b"."):
                path = os.path.join(folder, name)
                yield path, LABELS[hashlib.blake2b(path).digest()[0] % len(LABELS)]


def state_of(folder: Path, *, hidden: bool = False) -> State:
    """Return the files below a folder, but for logs; with `hidden`, drafts and such as well."""
    found: State = {}
    for inner, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            path, is_hidden = os.path.join(inner, name), name.startswith(b".clipfind-")
            status = os.lstat(path)
            if name.endswith(b".jsonl") or (is_hidden and not hidden):
                continue
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = file.read()
                if content.startswith(b".clipfind-") or (not content and not hidden):
                    continue  # a name that was taken where there are no hard links
                digest = hashlib.sha256(content).hexdigest()
                found[path] = digest, status.st_mtime_ns, stat.S_IMODE(status.st_mode)
    return found


def assert_nothing_lost(before: State, *folders: Path) -> None:
    """Fail unless every content is whole under a name, with its time, and nothing is half there."""
    now = [file for folder in folders for file in state_of(folder).values()]
    assert set(before.values()) == set(now)


def assert_restored(before: State, album: Path, folder: Path) -> None:
    """Fail unless the album is as it was, and nothing is left in the folder but logs."""
    assert state_of(album, hidden=True) == before
    left = [path for path in folder.rglob("*") if path.suffix != ".jsonl" or path.is_dir()]
    assert not left, left


def file_all(album: Path, folder: Path, how: str) -> int:
    """File all pictures, with a log of the next number, and return how many troubles there were."""
    assert how in get_args(How)
    log = folder / f"{len(list(folder.glob('*.jsonl'))):04}.jsonl"
    filed = file_into(list(pictures_in(album)), folder, how, log=log)  # type: ignore[arg-type]
    return sum(isinstance(each, Trouble) for each in filed)


def undo_all(folder: Path) -> list[Trouble]:
    """Take back every log, the newest first, and return the troubles."""
    logs = sorted(folder.glob("*.jsonl"), reverse=True)
    return [each for log in logs for each in undo(log) if isinstance(each, Trouble)]


# Kills


def killed_at_line(work: Callable[[], object], number: int) -> bool:
    """Do the work in a process of its own that kills itself at this line of filing.

    Tell whether it was killed before it was done.
    """
    pid = os.fork()
    if pid:
        status = os.waitpid(pid, 0)[1]
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
        return os.WIFSIGNALED(status)
    left = number

    def count(frame: FrameType, event: str, _: object) -> object:
        nonlocal left
        if f"{os.sep}filing{os.sep}" not in frame.f_code.co_filename:
            return None
        left -= event == "line"
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    status = 1
    try:
        sys.settrace(count)
        work()
        status = 0
    finally:
        os._exit(status)


def kill_at_lines(how: str, way: str, step: str, place: Path) -> None:
    """Kill filing at each of its lines, or at every so many of them, and so taking back.

    Print how many kills there were. `way` is what the file system lacks, see `lack`.
    """
    lack(way)
    disks = [place / "one", place / ("two" if how.endswith("across") else "one")]
    for disk in set(disks):
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)]).returncode:
            sys.exit(NO_RIGHTS)
    how, num_kills = how.removesuffix(" across"), 0
    for is_undo in (False, True):
        for number in range(0, 1_000_000, int(step)):
            album, folder = disks[0] / "album", disks[1] / "filed"
            make_album(album, 4, most_bytes=300)
            before = state_of(album)
            work: Callable[[], object] = lambda: file_all(album, folder, how)  # noqa: B023, E731
            if is_undo:
                assert work() == 0
                work = lambda: undo_all(folder)  # noqa: B023, E731
            was_killed = killed_at_line(work, number)
            assert_nothing_lost(before, album, folder)
            num_kills += was_killed
            if number % 5 == 0:  # and kill what puts it right
                num_kills += killed_at_line(lambda: undo_all(folder), number * 7 % 1000)  # noqa: B023
                assert_nothing_lost(before, album, folder)
            troubles = undo_all(folder)
            if troubles and way == "replacing":  # a name taken with a file that is empty yet
                for path in (path for path in album.glob("*/*") if not path.stat().st_size):
                    path.unlink()
                troubles = undo_all(folder)
            assert not troubles, (number, troubles)
            assert_restored(before, album, folder)
            shutil.rmtree(album)
            shutil.rmtree(folder, ignore_errors=True)
            if not was_killed:
                break
    print(num_kills)


def lack(way: str) -> None:
    """Let file systems lack the exclusive rename ("linking"), and hard links too ("replacing")."""
    link = os.link

    def refuse(source: bytes, target: bytes, **folders: int) -> None:
        if folders:
            raise OSError(errno.EPERM, "no hard links here")
        link(source, target)

    if way != "renaming":
        moving._exclusive_rename = lambda: None  # type: ignore[assignment]
    if way == "replacing":
        os.link = refuse  # type: ignore[assignment]


def kill_again_and_again(album: Path, folder: Path, how: str, num_kills: int) -> int:
    """Start runs and kill them at random moments; return how many of the kills met a run alive.

    Every third kill meets one that takes back what the runs before it filed.
    """
    before, draw, struck = state_of(album), random.Random(0), 0
    for number in range(num_kills):
        words = ["undo", str(folder)] if number % 3 == 2 else ["file", str(album), str(folder), how]
        process = start(*words)
        assert process.stdout is not None
        process.stdout.readline()  # it begins
        time.sleep(draw.uniform(0, 0.25) if number % 2 else draw.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
        struck += process.returncode != 0
        assert_nothing_lost(before, album, folder)
    last = start("file", str(album), str(folder), how)
    last.communicate()
    assert last.returncode == 0
    assert_nothing_lost(before, album, folder)
    if how == "move":  # a kill may have left a picture on two disks, and the next run both
        assert set(state_of(album).values()) <= set(state_of(folder).values())
    assert undo_all(folder) == []
    assert_restored(before, album, folder)
    return struck


def start(*words: str) -> subprocess.Popen[bytes]:
    """Start this program."""
    return subprocess.Popen(
        [sys.executable, __file__, *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
    )


# Disks


def full(how: str, place: Path) -> None:
    """Let the disk of the folder run full at many moments; print how many runs that stopped."""
    num_stopped = 0
    with TemporaryDirectory() as other:
        album = Path(other, "album")
        make_album(album, 60)
        before = state_of(album)
        for room in range(8_192, 2_200_000, 120_000):
            folder = place / "filed"
            folder.mkdir()
            leave(place, room)
            message = said_by(lambda: file_all(album, folder, how))  # noqa: B023
            if message:
                num_stopped += 1
                assert "No space left" in message, message
                assert message.startswith(str(place)), message
            assert_nothing_lost(before, album, folder)
            assert not [path for path in folder.rglob("*") if path.name.startswith(".")]
            assert undo_all(folder) == []
            assert_restored(before, album, folder)
            shutil.rmtree(folder)
            (place / "filler").unlink()
    print(num_stopped)


def said_by(work: Callable[[], object]) -> str:
    """Return the sentence by which a run stopped, "" where it came to its end."""
    try:
        work()
    except FilingError as error:
        sentence = str(error)
        assert "\n" not in sentence
        return sentence
    return ""


def leave(place: Path, room: int) -> None:
    """Fill the disk up to this many bytes."""
    status = os.statvfs(place)
    with open(place / "filler", "wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, status.f_bavail * status.f_frsize - room)


def vanishing(how: str, place: Path) -> None:
    """Take the disk of the folder away amid a run, then bring it back; print what the run said."""
    with TemporaryDirectory() as other:
        album, store = Path(other, "album"), Path(other, "store")
        make_album(album, 60)
        before = state_of(album)
        store.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(store)], check=True)
        subprocess.run(["mount", "--bind", str(store), str(place)], check=True)
        run = file_into(list(pictures_in(album)), place / "filed", how)  # type: ignore[arg-type]
        for _ in range(20):
            next(run)
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        print(said_by(lambda: list(run)))
        assert not (place / "filed").exists()
        assert_nothing_lost(before, album, store)
        subprocess.run(["mount", "--bind", str(store), str(place)], check=True)
        assert undo_all(place / "filed") == []
        assert_restored(before, album, place / "filed")
        subprocess.run(["umount", str(place)], check=True)
        subprocess.run(["umount", "--lazy", str(store)], check=True)


def read_only(how: str, place: Path) -> None:
    """File into, and out of, a disk that takes no writes; print what the run said."""
    with TemporaryDirectory() as other:
        album = place / "album"
        make_album(album, 10)
        before = state_of(album)
        (place / "filed").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        make_album(Path(other, "album"), 10)
        print(said_by(lambda: file_all(Path(other, "album"), place / "filed", how)))
        folder = Path(other, "filed")
        num_troubles = file_all(album, folder, how)
        assert num_troubles == (10 if how == "move" else 0)
        assert_nothing_lost(before, album, folder)
        assert undo_all(folder) == []
        assert_restored(before, album, folder)


if __name__ == "__main__":
    match sys.argv[1:]:
        case "file", album, folder, how:
            print(flush=True)
            assert file_all(Path(album), Path(folder), how) == 0
        case "file-beside-others", album, folder, how:
            list(file_into(list(pictures_in(Path(album))), Path(folder), how))  # type: ignore[arg-type]
        case "undo", folder:
            print(flush=True)
            assert undo_all(Path(folder)) == []
        case scene, *words, place:
            globals()[scene](*words, Path(place))
