"""The groups that `duplicates` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from rclip_like.selected import SelectedPicture
    from rclip_like.values import IndexReport, Trouble

Reason = Literal["reference", "largest", "metadata", "oldest", "shortest path", "first path"]
"""Why a picture is proposed to be kept: the first of these in which it beats all others."""

COMPARING, READING, LOOKING = "comparing", "reading pictures", "looking at pictures"
"""The stages of a run. Pictures are read some thousands at a time, before these are looked at."""

How = Literal["exact", "near", "burst"]


class Member(NamedTuple):
    """A picture of a group: how it relates to the group's first one.

    exact: equal files. near: one was made of the other, with `score` the cosine of both; `cut` is
    how much of a side one of them lacks, and one may be the mirror image. burst: another shot.
    """

    picture: SelectedPicture
    how: How
    score: float = 1.0
    cut: float = 0.0
    mirrored: bool = False


class Group(NamedTuple):
    """A picture proposed to be kept, why, and its copies in order of path bytes; or a burst.

    A burst is several shots within seconds, of which none is a copy: it has no reason.
    """

    first: SelectedPicture
    reason: Reason | None
    members: tuple[Member, ...]

    @property
    def is_burst(self) -> bool:
        """Whether these are shots of a burst, of which none is proposed to be kept."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class DuplicatesReport:
    """The groups in order of their first path, copies before bursts, and what else to know."""

    groups: tuple[Group, ...]
    num_pictures: int = 0
    num_in_reference: int = 0
    """Those of them that are not compared with each other."""
    num_compared: int = 0
    """Pairs whose pixels were compared."""
    stale: int = 0
    damaged: int = 0
    missing: int = 0
    """Pictures that were found but are not indexed yet."""
    notes: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    """Pictures that could not be read again for comparing."""
    index: IndexReport | None = None

    @property
    def copies(self) -> tuple[Group, ...]:
        """The groups of copies alone."""
        return tuple(group for group in self.groups if not group.is_burst)
