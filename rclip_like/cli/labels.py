"""The labels that `classify` is given, by a list, a file or a probe, and those it is to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclip_like.errors import UsageError
from rclip_like.settings import path_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rclip_like.cli.classify import ClassifyOptions
    from rclip_like.evaluate.probe_file import Probe


def probe_of(options: ClassifyOptions) -> Probe | None:
    """Return the probe named by --probe, if any. Raises ModelError."""
    if options.probe is None:
        return None
    from rclip_like.evaluate.probe_file import read_probe

    return read_probe(path_of(str(options.probe)))


def labels_of(options: ClassifyOptions) -> Mapping[str, tuple[str, ...]]:
    """Return the wordings of each label of the list. Raises UsageError."""
    from rclip_like.evaluate.labels import parse_labels, read_labels  # not needed for --help

    if options.labels_file is not None:
        return read_labels(options.labels_file)
    if not options.labels:
        needed = "--labels, --labels-file or --probe"
        raise UsageError(f"classify needs {needed}; for instance: --labels cat,dog")
    return parse_labels(",".join(options.labels))


def added_to(
    labels: Mapping[str, tuple[str, ...]], options: ClassifyOptions
) -> Mapping[str, tuple[str, ...]]:
    """Return the labels of --compare-labels, {} without it. Raises UsageError."""
    if not options.compare_labels:
        return {}
    from rclip_like.evaluate.labels import normalised, parse_labels  # not needed for --help

    added = parse_labels(",".join(options.compare_labels))
    names = set(map(normalised, labels))
    if common := [label for label in added if normalised(label) in names]:
        raise UsageError(f"--compare-labels: {common[0]!r} is already in the list")
    return added


def only_of(options: ClassifyOptions, labels: Collection[str]) -> frozenset[str | None]:
    """Return the labels of --only, empty for all pictures; None stands for "none of these"."""
    from rclip_like.classify.values import NONE_OF_THESE

    names = {label.casefold(): label for label in labels}
    only: set[str | None] = set()
    for typed in options.only:
        if typed.casefold() == NONE_OF_THESE:
            only.add(None)
        elif typed.casefold() in names:
            only.add(names[typed.casefold()])
        else:
            raise UsageError(f"--only {typed!r}: this label is not in the list")
    return frozenset(only)
