"""Groups of copies as bytes for stdout, and as a shell script that moves the copies away."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import counted
from rclip_like.output.matches import Form, Layout, json_text, shown_path
from rclip_like.output.reports import sized
from rclip_like.output.terminal import escaped_path, linked
from rclip_like.values import path_fields

if TYPE_CHECKING:
    from rclip_like.duplicates.values import Group, Member
    from rclip_like.selected import SelectedPicture

_WIDTH = 22
_SCRIPT = b"""\
#!/bin/sh
# Made by clipfind duplicates. Moves the proposed copies into a new folder: sh SCRIPT FOLDER
# Look through it first, and take out the lines of what is to stay. Nothing is deleted, and nothing
# is overwritten; what has changed in size since, or whose picture to keep is gone, stays.
LC_ALL=C
export LC_ALL
if [ $# -ne 1 ]; then
    echo "name a folder that is not there yet, for the copies: sh $0 FOLDER" >&2
    exit 2
fi
case $1 in
    /*) to=$1 ;;
    *) to=./$1 ;;
esac
mkdir "$to" || exit 2
failed=0
is_sized() {
    [ -f "$1" ] && [ "$(($(wc -c < "$1")))" -eq "$2" ]
}
# move COPY BYTES KEPT BYTES NAME
move() {
    if ! is_sized "$3" "$4"; then
        printf 'not moved, as the picture to keep is gone or changed: %s\\n' "$1" >&2
    elif ! is_sized "$1" "$2"; then
        printf 'not moved, as it is gone or changed: %s\\n' "$1" >&2
    elif [ "$1" -ef "$3" ]; then
        printf 'not moved, as it is the picture to keep: %s\\n' "$1" >&2
    elif [ -e "$to/$5" ] || [ -L "$to/$5" ]; then
        printf 'not moved, as its name is taken: %s\\n' "$1" >&2
    elif mv -- "$1" "$to/$5"; then
        return
    fi
    failed=1
}
# same COPY BYTES KEPT BYTES NAME: equal files, which are compared once more
same() {
    if ! is_sized "$1" "$2" || ! is_sized "$3" "$4" || cmp -s -- "$1" "$3"; then
        move "$@"
    else
        printf 'not moved, as the files are not equal any more: %s\\n' "$1" >&2
        failed=1
    fi
}
"""
_END = b"""\
if [ $failed -ne 0 ]; then
    rmdir "$to" 2> /dev/null # only if nothing was moved
fi
exit $failed
"""


def render_duplicates(groups: Sequence[Group], layout: Layout) -> Iterator[bytes]:
    """Yield the bytes of each group: a line a picture, or an object; with paths, the copies alone.

    A line has the group's number, what the picture is to it, and the path; on a terminal, empty
    lines stand between groups, and control characters in names are escaped.
    """
    for number, group in enumerate(groups, 1):
        if layout.form is Form.JSON:
            yield json_text(as_object(group, number)).encode(errors="replace") + layout.end
        elif layout.form is Form.PATHS:
            if not group.is_burst:
                yield b"".join(_path(each.picture, layout) + layout.end for each in group.members)
        else:
            first = "burst" if group.is_burst else f"keep, {group.reason}"
            lines = [(first, group.first)]
            lines += [(role_of(member), member.picture) for member in group.members]
            if layout.is_table and number > 1:
                yield b"\n"
            for role, picture in lines:
                column = f"{number:>4}  {role:<{_WIDTH}}  " if layout.is_table else ""
                column = column or f"{number}\t{role}\t"
                yield column.encode() + _path(picture, layout) + layout.end


def as_object(group: Group, number: int) -> dict[str, object]:
    """Return a group as the object that --json prints: its number, kind, and pictures.

    The first picture of copies is the one to keep, with the reason; each other one tells how it
    compares with that one.
    """
    if group.is_burst:
        pictures = [group.first, *(member.picture for member in group.members)]
        return {"group": number, "kind": "burst", "pictures": [_picture(each) for each in pictures]}
    return {
        "group": number,
        "kind": "copies",
        "keep": {**_picture(group.first), "reason": group.reason},
        "copies": [
            {
                **_picture(member.picture),
                "how": member.how,
                "score": round(member.score, 6),
                "cut": round(member.cut, 3),
                "mirrored": member.mirrored,
            }
            for member in group.members
        ],
    }


def role_of(member: Member) -> str:
    """Return what a picture is to the one that is kept, in words."""
    if member.how == "burst":
        return "burst"
    if member.how == "exact":
        return "copy, equal"
    return f"copy {member.score:.3f}{', mirrored' if member.mirrored else ''}"


def summary_of(groups: Sequence[Group]) -> str:
    """Return a sentence with the numbers of groups, copies and bursts."""
    copies = [group for group in groups if not group.is_burst]
    number = sum(len(group.members) for group in copies)
    size_bytes = sum(
        member.picture.version.size_bytes
        for group in copies
        for member in group.members
        if member.picture.version
    )
    sentence = (
        f"{number:,} {'copy' if number == 1 else 'copies'} of {counted(len(copies), 'picture')}"
    )
    if number:
        sentence += f", {sized(size_bytes)}"
    bursts = len(groups) - len(copies)
    return sentence + (f"; {counted(bursts, 'burst')}, of which nothing is proposed" * bool(bursts))


def script_of(groups: Sequence[Group]) -> Iterator[bytes]:
    """Yield a POSIX shell script that moves the copies into a new folder; names keep their bytes.

    Each keeps its name in that folder, with a number before the ending where several have it.
    """
    yield _SCRIPT
    taken: set[str] = set()
    for group in groups:
        if group.is_burst:
            continue
        yield f"\n# the picture to keep: {group.reason}\n".encode()
        for member in group.members:
            command = "same" if member.how == "exact" else "move"
            words = [_quoted(member.picture.absolute_bytes), _size(member.picture)]
            words += [_quoted(group.first.absolute_bytes), _size(group.first)]
            name = _free_name(os.path.basename(member.picture.absolute_bytes), taken)
            yield b" ".join([command.encode(), *words, _quoted(name)]) + b"\n"
    yield b"\n" + _END


def _path(picture: SelectedPicture, layout: Layout) -> bytes:
    path = shown_path(picture.path_bytes)
    if not layout.screen.is_terminal:
        return path
    text = escaped_path(path)
    if layout.is_table and layout.screen.has_links:
        text = linked(text, picture.absolute_bytes)
    return text.encode()


def _picture(picture: SelectedPicture) -> dict[str, object]:
    facts = picture.facts
    row: dict[str, object] = {
        **path_fields(shown_path(picture.path_bytes)),
        "width": facts.width,
        "height": facts.height,
    }
    if picture.version is not None:
        row["size_bytes"] = picture.version.size_bytes
    if facts.taken_at is not None:
        row["date"] = facts.taken_at
    return row


def _quoted(name: bytes) -> bytes:
    """Return a name as one word of any POSIX shell."""
    return b"'" + name.replace(b"'", b"'\\''") + b"'"


def _size(picture: SelectedPicture) -> bytes:
    return str(picture.version.size_bytes if picture.version else -1).encode()


def _free_name(name: bytes, taken: set[str]) -> bytes:
    """Return the name, with a number if a file system may take it for one that is taken."""
    stem, ending = os.path.splitext(name)
    number, free = 1, name
    while (key := unicodedata.normalize("NFKC", os.fsdecode(free)).casefold()) in taken:
        number += 1
        free = b"%s~%d%s" % (stem, number, ending)
    taken.add(key)
    return free
