"""What a training run would do, as text and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rclip_like.errors import counted
from rclip_like.output.matches import json_text
from rclip_like.output.report import wrapped
from rclip_like.output.reports import sized, trouble_sentence
from rclip_like.output.terminal import escaped
from rclip_like.output.trained import span
from rclip_like.train.values import NUM_NAMED

if TYPE_CHECKING:
    from rclip_like.train.dry_run import DryRun
    from rclip_like.train.plan import Plan

_LONG_SECONDS = 1800
"""From here on, it is said what would be quicker."""
_JOINTS = (
    "the last step of both towers, where pictures and words become comparable (the projections), "
    "and how sharply the model tells them apart (the logit scale)"
)
_TRAINED = {
    "head": _JOINTS,
    "last": f"the last layers of {{}}, and {_JOINTS}",
    "all": f"all layers of {{}}, and {_JOINTS}",
    "lora": "small additions to {}, merged into its weights at the end (low-rank additions)",
}
_RETENTION = {
    "set": "on the set that you named",
    "package": "on general photos that come with clipfind",
    "index": "on pictures of your index",
    None: "not at all: there are no pictures to measure it on",
}


def dry_run_lines(found: DryRun, notes: Sequence[str], *, verbose: bool = False) -> Iterator[str]:
    """Yield what there is to learn from and what a run would do; notes: the plan's, in words.

    verbose: name every pair that cannot be used, and every caption that is cut.
    """
    yield from _data_lines(found, verbose=verbose)
    plan = found.plan
    towers = "the text tower" if plan.locks_image_tower else "both towers"
    yield f"Model:      {escaped(found.model)}"
    share = f"{found.num_trained:,} of {found.num_parameters:,} parameters"
    yield from _field("Trained", f"{_TRAINED[plan.preset].format(towers)}: {share}")
    yield from _field("Steps", _steps(found))
    yield from _field("Gain", _gain(found))
    yield from _field("Forgetting", f"measured {_RETENTION[found.retention]}")
    need = found.estimate
    disk = f", {sized(need.disk_bytes)} of disk while it runs" if need.disk_bytes else ""
    memory = f"{sized(need.peak_bytes)} of {sized(need.free_bytes)} of memory{disk}"
    yield from _field("Needs", f"about {memory}")
    yield from _field("Time", f"about {span(need.seconds)} at most; less if it ends early")
    if need.seconds > _LONG_SECONDS and (quicker := _quicker(plan)):
        yield from _field("Quicker", quicker)
    for note in notes:
        yield from _field("Note", note)


def _data_lines(found: DryRun, *, verbose: bool) -> Iterator[str]:
    """Yield what there is to learn from, and what is left out."""
    lead = f"{escaped(found.format)}: {counted(found.num_pairs, 'pair')}"
    yield f"{lead}, {counted(found.num_captions, 'caption')}"
    for name, caption in found.examples:
        yield f"  {escaped(name)}: {escaped(caption)}"
    if found.num_labels:
        yield f"Labels:     {found.num_labels:,}"
    if found.cut:
        yield f"Cut:        {counted(len(found.cut), 'caption')}, longer than the model reads"
        if verbose:
            yield from (f"  {escaped(name)}: {escaped(caption)}" for name, caption in found.cut)
    if found.skipped:
        named = found.skipped if verbose else found.skipped[:NUM_NAMED]
        yield f"Skipped:    {counted(len(found.skipped), 'pair')}"
        yield from (f"  {trouble_sentence(each)}" for each in named)
        if len(found.skipped) > len(named):
            yield f"  and {len(found.skipped) - len(named):,} more; -v names all"


def _steps(found: DryRun) -> str:
    loop = found.plan.loop
    pieces = f", in pieces of {loop.piece_size}" if loop.piece_size else ""
    steps = f"{counted(found.num_steps, 'step')} at most, of {counted(loop.batch_size, 'pair')}"
    slower = ""
    if 0 < loop.towers_lr_share < 1:
        inside = "the image tower's projection"
        if found.plan.preset != "head":
            inside = f"layers inside the towers and {inside}"
        slower = f", and {_rate(loop.lr * loop.towers_lr_share)} for {inside}"
    return f"{steps}{pieces}, at a learning rate of {_rate(loop.lr)}{slower}"


def _rate(rate: float) -> str:
    """Return a learning rate as the manual writes it: `1e-4`."""
    mantissa, exponent = f"{rate:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _quicker(plan: Plan) -> str:
    """Return the options that train less than the plan does, "" if there are none."""
    locking = "--lock-image-tower" if not plan.locks_image_tower else ""
    return " or ".join(filter(None, ("--preset head" * (plan.preset != "head"), locking)))


def _gain(found: DryRun) -> str:
    if found.plan.folds:
        return (
            f"measured on all pairs, held out in turn in {found.plan.folds} folds; the model that "
            "is saved learns from all"
        )
    if found.measures_gain:
        return "measured on a share of the pairs that is held out"
    return "measured not at all: there are too few pairs to hold some out"


def dry_run_object(found: DryRun, notes: Sequence[str]) -> str:
    """Return what there is to learn from and what a run would do as one JSON object."""
    plan, loop, need = found.plan, found.plan.loop, found.estimate
    described: dict[str, Any] = {
        "model": found.model,
        "format": found.format,
        "num_pairs": found.num_pairs,
        "num_captions": found.num_captions,
        "num_labels": found.num_labels,
        "num_cut": len(found.cut),
        "examples": [{"name": name, "caption": caption} for name, caption in found.examples],
        "skipped": [trouble_sentence(each) for each in found.skipped],
        "preset": plan.preset,
        "locks_image_tower": plan.locks_image_tower,
        "num_trained": found.num_trained,
        "num_parameters": found.num_parameters,
        "num_steps": found.num_steps,
        "num_phases": found.num_phases,
        "folds": plan.folds,
        "measures_gain": found.measures_gain,
        "batch_size": loop.batch_size,
        "piece_size": loop.piece_size,
        "lr": loop.lr,
        "augments": plan.augments,
        "retention": found.retention,
        "peak_bytes": need.peak_bytes,
        "free_bytes": need.free_bytes,
        "disk_bytes": need.disk_bytes,
        "seconds": round(need.seconds, 1),
        "notes": [*notes],
    }
    return json_text(described)


def _field(name: str, text: str) -> Iterator[str]:
    yield from wrapped(text, f"{name}:".ljust(12), is_indented=True)
