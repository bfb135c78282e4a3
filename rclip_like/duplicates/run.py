"""Find the copies among selected pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.duplicates.candidates import near_pairs
from rclip_like.duplicates.comparing import Comparison, compare, small_pixels
from rclip_like.duplicates.grouping import (
    are_shots,
    burst_of,
    is_copy,
    ranked,
    reason_of,
    without_same_files,
)
from rclip_like.duplicates.rough import Rough
from rclip_like.duplicates.values import (
    COMPARING,
    LOOKING,
    READING,
    DuplicatesReport,
    Group,
    Member,
)
from rclip_like.images.thumbnails import SMALL, ThumbnailCache, Wanted, thumbnails
from rclip_like.values import VIDEO_EXTENSIONS, Trouble
from rclip_like.walk.patterns import extension

if TYPE_CHECKING:
    from PIL import Image

    from rclip_like.selected import SelectedPage, SelectedPicture
    from rclip_like.settings import ReadSettings

OnStage = Callable[[str, int, int], None]
_MOST_HELD = 4096
"""So many small pictures are held at a time, of 64 kB at most, and as much for the first look."""


class _Contents(NamedTuple):
    """Different contents: the files of each, the first one the one to keep, and the embeddings."""

    files: list[list[SelectedPicture]]
    rows: npt.NDArray[np.float16]
    report: DuplicatesReport


def find_duplicates(
    pages: Iterable[SelectedPage],
    threshold: float,
    is_reference: Callable[[SelectedPicture], bool],
    cache: ThumbnailCache,
    limits: ReadSettings,
    on_progress: OnStage = lambda stage, done, total: None,
) -> DuplicatesReport:
    """Return the groups of copies among the pictures, and the bursts.

    Each copy was compared with the picture that is proposed in its place. Memory: the facts of all
    pictures, 6 bytes a value of their embeddings, and some thousands of small pictures. Raises
    ReaderError if no process to read with can be started.
    """
    contents = _by_content(pages, is_reference)
    pairs: list[tuple[float, int, int]] = []
    if threshold < 1 and len(contents.files) > 1:
        references = np.array([is_reference(files[0]) for files in contents.files])
        pairs = near_pairs(
            contents.rows,
            threshold,
            references,
            lambda done, total: on_progress(COMPARING, done, total),
        )
    firsts = [files[0] for files in contents.files]
    look = _Pixels(firsts, cache, limits, lambda done, total: on_progress(READING, done, total))
    copies: dict[tuple[int, int], Member] = {}
    bursts = []
    for number, (score, i, j) in enumerate(look.in_order(pairs)):
        on_progress(LOOKING, number, len(pairs))
        found = look.compare(i, j)
        if found is None:
            continue
        if is_copy(firsts[i], firsts[j], found):
            member = Member(firsts[j], "near", score, found.cut, found.mirrored)
            copies[i, j] = member
        elif are_shots(firsts[i], firsts[j]):
            bursts.append((i, j))
    groups = _groups_of_copies(contents.files, copies, is_reference)
    moved = {member.picture.absolute_bytes for group in groups for member in group.members}
    groups += _groups_of_shots(firsts, bursts, moved)
    return replace(
        contents.report,
        groups=tuple(groups),
        num_compared=len(pairs),
        troubles=tuple(look.troubles.values()),
    )


def _by_content(
    pages: Iterable[SelectedPage], is_reference: Callable[[SelectedPicture], bool]
) -> _Contents:
    """Return the pictures by content, in order of path bytes; the rows of videos are zero."""
    numbers: dict[bytes, int] = {}
    files: list[list[SelectedPicture]] = []
    blocks: list[npt.NDArray[np.float16]] = []
    num_pictures = num_in_reference = stale = damaged = 0
    for page in pages:
        kept = []
        stale, damaged = stale + page.stale, damaged + page.damaged
        for row, picture in enumerate(page.pictures):
            num_pictures += 1
            num_in_reference += is_reference(picture)
            digest = picture.version.digest if picture.version else picture.absolute_bytes
            if digest in numbers:
                files[numbers[digest]].append(picture)
            else:
                numbers[digest] = len(files)
                files.append([picture])
                kept.append(row)
        blocks.append(page.embeddings[kept].astype(np.float16))
    rows = np.concatenate(blocks) if blocks else np.empty((0, 1), np.float16)
    for number, same in enumerate(files):
        # One frame does not tell what else two videos show: a row of zeros is near to no other.
        if extension(same[0].absolute_bytes) in VIDEO_EXTENSIONS:
            rows[number] = 0
        if len(same) > 1:
            files[number] = without_same_files(ranked(same, is_reference)) or same[:1]
    report = DuplicatesReport(
        (),
        num_pictures=num_pictures,
        num_in_reference=num_in_reference,
        stale=stale,
        damaged=damaged,
    )
    return _Contents(files, rows, report)


class _Pixels:
    """The small pixels of pictures, read some thousands at a time.

    troubles: why a picture could not be read, by its number.
    """

    def __init__(
        self,
        pictures: Sequence[SelectedPicture],
        cache: ThumbnailCache,
        limits: ReadSettings,
        on_read: Callable[[int, int], None],
    ) -> None:
        """on_read: called with how many pictures of those wanted next were read, and of all."""
        self.troubles: dict[int, Trouble] = {}
        self._pictures, self._cache, self._limits = pictures, cache, limits
        self._on_read = on_read
        self._held: dict[int, tuple[Image.Image, Rough]] = {}

    def in_order(self, pairs: Sequence[tuple[float, int, int]]) -> Iterable[tuple[float, int, int]]:
        """Yield the pairs by row, each when the pixels of both are at hand."""
        waiting: list[tuple[float, int, int]] = []
        wanted: set[int] = set()
        for pair in sorted(pairs, key=lambda each: each[1:]):
            waiting.append(pair)
            wanted.update(pair[1:])
            if len(wanted) >= _MOST_HELD:
                self._read(wanted)
                yield from waiting
                waiting, wanted = [], set()
        self._read(wanted)
        yield from waiting

    def compare(self, i: int, j: int) -> Comparison | None:
        """Return how two pictures lie over each other, None if one cannot be read."""
        one, other = self._held.get(i), self._held.get(j)
        if one is None or other is None:
            return None
        if not one[1].may_be_copy_of(other[1]):
            return Comparison()
        return compare(one[0], other[0])

    def _read(self, numbers: set[int]) -> None:
        self._held = {each: image for each, image in self._held.items() if each in numbers}
        missing = sorted(numbers - self._held.keys() - self.troubles.keys())
        wanted = (
            Wanted(picture.absolute_bytes, picture.version.digest if picture.version else b"")
            for picture in (self._pictures[each] for each in missing)
        )
        with closing(thumbnails(wanted, SMALL, self._cache, self._limits)) as made:
            for done, (number, thumbnail) in enumerate(zip(missing, made, strict=True)):
                self._on_read(done, len(missing))
                if isinstance(thumbnail, Trouble):
                    self.troubles[number] = thumbnail
                else:
                    image = small_pixels(thumbnail)
                    self._held[number] = image, Rough(image)


def _groups_of_copies(
    files: Sequence[Sequence[SelectedPicture]],
    copies: Mapping[tuple[int, int], Member],
    is_reference: Callable[[SelectedPicture], bool],
) -> list[Group]:
    """Return a group for each picture to keep that has copies, in order of its path.

    The best picture takes all that were found to be copies of it; of the rest the best goes on.
    """
    neighbours: dict[int, dict[int, Member]] = defaultdict(dict)
    for (i, j), member in copies.items():
        neighbours[i][j] = neighbours[j][i] = member
    for number, same in enumerate(files):
        if len(same) > 1:
            neighbours[number] |= {}
    best = {files[number][0].absolute_bytes: number for number in neighbours}
    order = ranked([files[number][0] for number in neighbours], is_reference)
    taken: set[int] = set()
    groups = []
    for number in (best[picture.absolute_bytes] for picture in order):
        if number in taken:
            continue
        near = {each: how for each, how in neighbours[number].items() if each not in taken}
        taken |= {number, *near}
        first, *same = files[number]
        members = [Member(picture, "exact") for picture in same] + [
            how._replace(picture=picture) for each, how in near.items() for picture in files[each]
        ]
        members = [each for each in members if not is_reference(each.picture)]
        if members:
            members.sort(key=lambda each: each.picture.absolute_bytes)
            reason = reason_of(first, [each.picture for each in members], is_reference)
            groups.append(Group(first, reason, tuple(members)))
    return sorted(groups, key=lambda group: group.first.absolute_bytes)


def _groups_of_shots(
    pictures: Sequence[SelectedPicture], pairs: Iterable[tuple[int, int]], moved: set[bytes]
) -> list[Group]:
    """Return the bursts of which shots are joined by pairs, but for shots that are copies."""
    bursts: dict[int, set[int]] = {}
    for pair in pairs:
        if any(pictures[each].absolute_bytes in moved for each in pair):
            continue
        joined = {*pair}.union(*(bursts.get(each, ()) for each in pair))
        bursts |= dict.fromkeys(joined, joined)
    different = {id(burst): burst for burst in bursts.values()}
    groups = [burst_of(pictures[each] for each in burst) for burst in different.values()]
    return sorted(groups, key=lambda group: group.first.absolute_bytes)
