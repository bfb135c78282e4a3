"""The groups of copies on the page: found in the background, kept, and shown in pages."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from rclip_like.duplicates.settings import DuplicatesSettings
from rclip_like.duplicates.values import COMPARING, LOOKING, READING
from rclip_like.errors import Note, counted, full_sentence
from rclip_like.output.duplicates import role_of, summary_of
from rclip_like.page.sheet import shown
from rclip_like.page.state import parse_state
from rclip_like.page.worker import Report, Worker, library_of
from rclip_like.store.contents import file_date

if TYPE_CHECKING:
    from rclip_like.duplicates.values import DuplicatesReport, Group, Reason
    from rclip_like.library.browsing import Browsing
    from rclip_like.library.library import Library
    from rclip_like.page.service import ServiceSettings
    from rclip_like.selected import SelectedPicture

MOST_GROUPS = 50
"""Of one page."""
_MOST_SHOWN = 24
"""Of one group; the others are counted."""
_MOST_HIDDEN = 1000
"""So many pictures of one group can be hidden or shown again at once."""
_MOST_KEPT = 4
_STAGES = {
    COMPARING: "comparing: {:,} of {:,} steps",
    READING: "reading pictures: {:,} of the next {:,}",
    LOOKING: "looking at pictures: {:,} of {:,} pairs",
}
_WHY: dict[Reason, str] = {
    "reference": "it is in a reference folder",
    "largest": "it has the most pixels",
    "metadata": "it says most of itself: date, camera, position",
    "oldest": "its file is the oldest",
    "shortest path": "its path is the shortest",
    "first path": "its path comes first",
}


class CopiesPicture(NamedTuple):
    """A picture of a group. role: what it is to the first one, "" for the first."""

    path: bytes
    digest: bytes
    role: str
    width: int
    height: int
    size_bytes: int
    taken_at: str | None


class CopiesGroup(NamedTuple):
    """The pictures of a group, the one to keep first, and why it is; None for a burst."""

    reason: Reason | None
    pictures: tuple[CopiesPicture, ...]


class FoundCopies(NamedTuple):
    """All groups, copies before bursts, a sentence with their number, and notes for people."""

    groups: tuple[CopiesGroup, ...]
    summary: str
    notes: tuple[str, ...]


class Copies:
    """Finds the groups of copies among the pictures of a page, one run at a time, and keeps them.

    What was found is kept for each folder; the last few are. Any thread may ask.
    """

    def __init__(self, library: Library, browsing: Browsing, settings: ServiceSettings) -> None:
        self._library, self._browsing, self._page = library, browsing, settings
        self._settings = DuplicatesSettings(
            cache_megabytes=settings.cache_bytes // 1_000_000, walk=settings.searching.walk
        )
        self._lock = Lock()
        self._worker: Worker | None = None
        self._running: tuple[bytes | None, bytes] = None, b""
        self._kept: OrderedDict[bytes | None, tuple[bytes, FoundCopies]] = OrderedDict()

    def find(self, query: bytes, *, anew: bool = False) -> None:
        """Look for copies in the query string's folder, unless what is kept is of this state.

        anew: even then, since files may be gone that are still in the index.
        A run for another folder is stopped. Raises RootError for a folder that is not shown here.
        """
        folder = parse_state(query).folder
        paths, state = self._paths(folder), self._browsing.state_of_files(folder)
        with self._lock:
            self._take_over()
            if not anew and folder in self._kept and self._kept[folder][0] == state:
                return
            if self._worker is not None and self._worker.is_running():
                if self._running == (folder, state):
                    return
                self._worker.stop()
            settings = self._settings._replace(everywhere=paths is None)
            task = self._library.settings, self._library.database, paths or (), settings
            self._running, self._worker = (folder, state), Worker(find_for_page, task)

    def stop(self) -> None:
        """Give up what is being looked for."""
        with self._lock:
            if self._worker is not None:
                self._worker.stop()
            self._take_over()
            self._worker = None

    def answer(self, query: bytes) -> dict[str, object]:
        """Return how far the run for the query string's folder is, and what was found last.

        `running`, `done`, `total` and a sentence; `found`, some of the groups, None during a run
        and for nothing; `command`, the command line that writes a script. Raises RootError as
        `find`.
        """
        state = parse_state(query)
        progress = self._progress(state.folder)
        found = None
        if not progress["running"]:
            found = self._found(state.folder, state.start, state.most)
        return {
            **progress,
            "found": found,
            "command": self._page.spell_copies(self._paths(state.folder)),
        }

    def _paths(self, folder: bytes | None) -> tuple[bytes, ...] | None:
        roots = self._browsing.roots if folder is None else self._browsing.within(folder)
        return None if roots is None else tuple(root.path for root in roots)

    def _progress(self, folder: bytes | None) -> dict[str, object]:
        with self._lock:
            # Asked first: a run that ends later has not failed, though its last report is read now.
            is_running = self._worker is not None and self._worker.is_running()
            self._take_over()
            if self._worker is None or self._running[0] != folder:
                return {"running": False, "done": 0, "total": None, "sentence": ""}
            last = self._worker.last()
        done, total = last.get("done", 0), last.get("total")
        sentence = "looking at the index"
        if "error" in last:
            sentence = f"copies could not be looked for: {self._page.say(last['error'])}"
        elif not is_running:
            sentence = "copies could not be looked for: the run ended by itself"
        elif total is not None:
            sentence = _STAGES[last["stage"]].format(done, total)
        return {
            "running": is_running,
            "done": done,
            "total": total,
            "sentence": full_sentence(sentence),
        }

    def _found(self, folder: bytes | None, start: int, most: int) -> dict[str, object] | None:
        """Return some of the groups found in a folder, None where nothing is kept of it.

        Files are looked at just now: one that is gone or has changed is marked. `is_current` tells
        whether the index is still as it was when the copies were looked for.
        """
        with self._lock:
            self._take_over()
            if folder not in self._kept:
                return None
            self._kept.move_to_end(folder)
            state, found = self._kept[folder]
        groups = found.groups[start : start + min(most, MOST_GROUPS)]
        digests = {picture.digest for group in groups for picture in group.pictures}
        files = self._browsing.files(sorted(digests))
        fresh = {file.path: file for some in files.values() for file in some}
        hidden = {digest for digest, some in files.items() if some[0].is_hidden}

        def is_fresh(picture: CopiesPicture) -> bool:
            return picture.path in fresh and fresh[picture.path].digest == picture.digest

        return {
            "summary": found.summary,
            "notes": list(found.notes),
            "total": len(found.groups),
            "start": start,
            "groups": [
                _group(number, group, is_fresh, hidden)
                for number, group in enumerate(groups, start + 1)
            ],
            "is_current": state == self._browsing.state_of_files(folder),
        }

    def _take_over(self) -> None:
        """Keep what the run has found, if it has ended."""
        if self._worker is None or self._worker.is_running():
            return
        found = self._worker.last().get("found")
        if found is None:
            return
        folder, state = self._running
        self._worker = None
        self._kept[folder] = state, found
        self._kept.move_to_end(folder)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


def find_for_page(task: Any, report: Report) -> None:
    """Find the copies as the task says: the work of a run in the background."""
    settings, database, paths, duplicates = task

    def report_stage(stage: str, done: int, total: int) -> None:
        report({"stage": stage, "done": done, "total": total}, seldom=True)

    found = library_of(settings, database).duplicates(
        paths, duplicates, update=False, on_stage=report_stage
    )
    groups = tuple(_as_found(group) for group in found.groups)
    report({"found": FoundCopies(groups, summary_of(found.groups), tuple(_notes(found)))})


def _as_found(group: Group) -> CopiesGroup:
    pictures = [(group.first, "")]
    pictures += [(member.picture, role_of(member)) for member in group.members]
    return CopiesGroup(group.reason, tuple(_picture(*each) for each in pictures))


def _picture(picture: SelectedPicture, role: str) -> CopiesPicture:
    facts, version = picture.facts, picture.version
    assert version is not None
    taken_at = facts.taken_at or file_date(version.mtime_ns or 0)
    size = facts.width, facts.height, version.size_bytes
    return CopiesPicture(picture.absolute_bytes, version.digest, role, *size, taken_at)


def _notes(report: DuplicatesReport) -> Iterator[str]:
    """Yield notes for people, without the commands that a terminal shows."""
    for note in report.notes:
        yield full_sentence(note.reason if isinstance(note, Note) else note)
    if report.stale:
        gone = counted(report.stale, "picture")
        yield f"{gone} left out: gone, changed or out of reach since indexing."
    if report.damaged:
        yield f"{counted(report.damaged, 'picture')} left out: damaged in the index."
    if report.troubles:
        yield f"{counted(len(report.troubles), 'picture')} not compared: no longer readable."


def _group(
    number: int,
    group: CopiesGroup,
    is_fresh: Callable[[CopiesPicture], bool],
    hidden: Collection[bytes],
) -> dict[str, object]:
    """Return a group as the page gets it.

    `hide`: which pictures can be hidden, those made of the first one; equal files are one to a
    search. There are none if the first one is hidden itself, gone or changed. `show`: which of
    those made of it are hidden.
    """
    first, *others = group.pictures
    made: dict[bytes, None] = {}
    if group.reason is not None:
        made = {each.digest: None for each in others if is_fresh(each)}
        made.pop(first.digest, None)
    is_kept = is_fresh(first) and first.digest not in hidden
    to_hide = [each.hex() for each in made if is_kept and each not in hidden]
    to_show = [each.hex() for each in made if each in hidden]
    return {
        "number": number,
        "why": group.reason and _WHY[group.reason],
        "size": len(group.pictures),
        "are_equal": all(each.digest == first.digest for each in others),
        "hide": to_hide[:_MOST_HIDDEN],
        "show": to_show[:_MOST_HIDDEN],
        "pictures": [
            {
                "id": each.digest.hex(),
                "name": shown(os.path.basename(each.path)),
                "folder": shown(os.path.dirname(each.path)),
                "path": shown(each.path),
                "role": each.role,
                "width": each.width,
                "height": each.height,
                "size_bytes": each.size_bytes,
                "taken_at": each.taken_at,
                "hidden": each.digest in hidden,
                "gone": not is_fresh(each),
            }
            for each in group.pictures[:_MOST_SHOWN]
        ],
    }
