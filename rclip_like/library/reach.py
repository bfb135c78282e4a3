"""The paths a user names, as roots: which of them are there, and what to say of the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import Note, Remedy, RootError, counted
from rclip_like.spelling import as_on_disk
from rclip_like.values import AnyPath, IndexReport, Root
from rclip_like.walk import resolve_roots

if TYPE_CHECKING:
    from rclip_like.places import Place
    from rclip_like.settings import Filters
    from rclip_like.store import Store
    from rclip_like.store.connection import Connection


def expanded(paths: AnyPath | Sequence[AnyPath]) -> list[bytes]:
    """Return one path or several as bytes, ~ replaced, in the letters that the disk has.

    Raises RootError for an empty one, which would be the current folder to the functions of os.
    """
    several = [paths] if isinstance(paths, str | bytes | os.PathLike) else paths
    written = [os.path.expanduser(os.fsencode(path)) for path in several]
    if b"" in written:
        raise RootError("the path is empty; to search the current folder, write .")
    return as_on_disk(written)[0]


def named_roots(paths: AnyPath | Sequence[AnyPath]) -> list[Root]:
    """Return the roots of the paths, of none the current folder; raises RootError."""
    named = expanded(paths)
    if not named:
        return [root._replace(typed=b"") for root in resolve_roots([b"."])]
    return resolve_roots(named)


def reachable_roots(
    store: Store | None, paths: AnyPath | Sequence[AnyPath]
) -> tuple[list[Root], tuple[str, ...]]:
    """Return the roots that are there; one that is indexed but not there becomes a note.

    Raises RootError for one that is neither, and when none is left.
    """
    typed = dict.fromkeys(expanded(paths))
    gone = set()
    for path in typed:
        if store is not None and not os.path.exists(path) and b"\0" not in path:
            real = os.path.realpath(path)
            if store.count_files([Root(path, real, is_file=True), Root(path, real)]):
                gone.add(path)
    there = [path for path in typed if path not in gone]
    roots = resolve_roots(there) if there else [] if typed else named_roots(())
    unmounted = {root.path: root.typed or b"." for root in roots if _is_unmounted(store, root)}
    reachable = [root for root in roots if root.path not in unmounted]
    missing = [path for path in typed if path in gone] + list(unmounted.values())
    notes = (_absence_note(missing),) if missing else ()
    if not reachable:
        raise RootError(_absence_error(missing))
    return reachable, notes


def missing_note(store: Store | None, roots: Sequence[Root] | None) -> str:
    """Say that no root (None: no folder that was indexed) is there now; "" if one of them is."""
    if store is None:
        return ""
    asked = [*(store.walked_roots() if roots is None else roots)]
    missing = [
        root.path for root in asked if not os.path.exists(root.path) or _is_unmounted(store, root)
    ]
    return _absence_error(missing) if missing and len(missing) == len(asked) else ""


def refuse_unreadable(roots: Sequence[Root], report: IndexReport | None) -> None:
    """Raise RootError if not one of the roots could be read."""
    reasons = {trouble.path: trouble.reason for trouble in report.troubles} if report else {}
    if all(root.path in reasons for root in roots):
        first = roots[0]
        raise RootError(f"{os.fsdecode(first.typed or first.path)}: {reasons[first.path]}")


def unwalked_note(report: IndexReport | None) -> tuple[str, ...]:
    """Say that there may be more than `missing` counts, when not even one was found missing."""
    if report is None or report.finished or report.remaining:
        return ()
    return ("the time limit ended the walk before it reached all folders",)


def unindexed_note(
    roots: Sequence[Root] | None,
    report: IndexReport | None,
    globs: Sequence[str],
    has_rows: Callable[[Sequence[Root] | None], bool],
    *,
    has_candidates: bool = False,
) -> tuple[str, ...]:
    """Return notes on why nothing was found; () if a threshold left out all candidates."""
    unmatched = f"no pictures here match {' or '.join(map(repr, globs))}" if globs else ""
    if report is not None:
        is_empty = report.finished and not report.seen and not report.out_of_reach
        return (unmatched or "no pictures were found here",) if is_empty else ()
    if has_rows(roots):
        return (unmatched,) if unmatched and not has_candidates else ()
    if roots is None:
        return (Note("nothing is indexed for this model yet", Remedy.INDEX),)
    return (Note("nothing is indexed here yet", Remedy.UPDATE_FIRST, Remedy.INDEX),)


def place_notes(
    store: Store | None, roots: Sequence[Root] | None, filters: Filters
) -> tuple[str, ...]:
    """Say why a place may find nothing: it is not a country's name, or pictures are not placed."""
    if filters.place is None or store is None:
        return ()
    from rclip_like.store.places import has_places, places_called, town_called

    connection = store.connection
    notes = _unplaced_note(connection, roots)
    if not has_places(connection) or places_called(connection, filters.place):
        return notes
    town = town_called(connection, filters.place)
    return (_about_place(filters.place, town), *notes)


def _about_place(name: str, town: Place | None) -> str:
    """Say that nothing searched has the name, and where the town lies that has it, if one does."""
    if town is None:
        return f"no picture in this index was taken in a country, state or county called {name!r}"
    parents = ", ".join(dict.fromkeys(filter(None, (town.state, town.country))))
    return (
        f"{town.town} is a town in {parents}; towns are shown, and only countries, states and "
        "counties are searched"
    )


def _unplaced_note(connection: Connection, roots: Sequence[Root] | None) -> tuple[str, ...]:
    """Say how many pictures a place cannot find, as nobody has looked up where they were taken."""
    from rclip_like.facts.places import INSTALL, is_installed
    from rclip_like.store.places import count_unplaced

    number = count_unplaced(connection, roots)
    if not number:
        return ()
    reason = f"the coordinates of {counted(number, 'picture')} are not looked up yet"
    if is_installed():
        return (Note(reason, Remedy.INDEX),)
    advice = f"that takes the package reverse-geocode: {INSTALL}, then index again"
    return (Note(reason, advice),)


def _is_unmounted(store: Store | None, root: Root) -> bool:
    """Return whether a root is only the empty folder on which a disk was mounted when walked."""
    if root.is_file or store is None:
        return False
    before = store.walked_root(root.path)
    try:
        if before is None or before.device == os.stat(root.path).st_dev:
            return False
        from rclip_like.walk.missing import is_unmounted

        return is_unmounted(root.path, before.device)
    except OSError:
        return False  # the walk reports what cannot be read


def _absence_error(paths: Sequence[bytes]) -> str:
    return f"{_absence_note(paths)}; is the disk mounted?"


def _absence_note(paths: Sequence[bytes]) -> str:
    """Name the first of the paths that are indexed but not there, and how many more there are."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return (
        f"{os.fsdecode(paths[0])}{more}: not there now; its pictures stay indexed but are not shown"
    )
