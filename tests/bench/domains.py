"""Print what `clipfind train` gains and forgets on pictures that `builtin` never saw.

PYTHONPATH=tests:rclip_like/builtin python -m bench.domains [--domain NAME] [--preset NAME]
    [--part N] [--starter FOLDER]

The domains are drawings of Debian's tuxpaint-stamps-default with their captions, and ten label
folders of the starter set's tier web, which `builtin` was not trained on. Both were drawn by a seed
before anything was trained; the other categories and labels were there to choose settings by. Each
domain is in five parts; near copies and equal captions are in one of them. A part is held out of a
whole run of `clipfind train` over the other four, which holds out parts of those once more for
itself. General figures are those of the starter's validation photos, on which nothing was chosen.
Intervals are over the pictures; they say nothing of how runs on other pictures would differ.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from bench.domain_sets import DOMAINS, NUM_PARTS, Item, NotHere, parts_of, write_set
from bench.heads import ALPHAS, GeneralPhotos, Heads
from bench.peer import FOLDER
from rclip_like.evaluate.intervals import paired_difference
from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.retrieval import positives_of_captions, retrieve
from rclip_like.evaluate.zero_shot import build_classifier, top_k_hits

WORK = FOLDER / "domains"
CLIPFIND = Path(sys.executable).parent / "clipfind"
PRESETS = ("auto", "head", "last", "all", "lora")
RECALL_AT = 10
TEMPLATE = "a photo of a {}."
HEADER = (
    "| domain | preset | alpha | before | after | gained | labels top-1 | captions recall@10 |\n"
    "| --- | --- | --: | --: | --: | --: | --: | --: |"
)


class Trained(NamedTuple):
    """A run over the other parts: the alpha of the model in its folder, and what it took."""

    folder: Path
    alpha: float
    chosen: float
    cpu_s: float


class Part(NamedTuple):
    """What a part's pictures find, (Q,) before and after, and the general figures after."""

    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]
    general: tuple[float, float]


def main(arguments: Sequence[str]) -> int:
    """Print the table as it grows; return 1 if a set is missing."""
    options = _parse(arguments)
    torch.set_num_threads(1)
    print(HEADER, flush=True)
    try:
        heads, general = Heads(), GeneralPhotos(options.starter, WORK / "general.npz")
        for domain in options.domain or DOMAINS:
            items = DOMAINS[domain](options.starter)
            for preset in options.preset or ("auto",):
                for line in measure(domain, items, preset, options.part, heads, general):
                    print(line, flush=True)
    except NotHere as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


def measure(
    domain: str,
    items: Sequence[Item],
    preset: str,
    chosen_parts: Sequence[int] | None,
    heads: Heads,
    general: GeneralPhotos,
) -> Iterator[str]:
    """Yield a line for the models that the runs saved, and one for each fixed alpha."""
    parts, found = parts_of(items), dict[str, list[Part]]()
    heads.start()
    start = general.figures(heads)
    for part in chosen_parts or range(NUM_PARTS):
        held_out = [item for item, own in zip(items, parts, strict=True) if own == part]
        learnt = [item for item, own in zip(items, parts, strict=True) if own != part]
        run = _train(learnt, WORK / f"{domain}-{preset}-{part}", preset)
        print(f"{domain}, {preset}, part {part}: {run}", file=sys.stderr, flush=True)
        features = heads.features(held_out)
        heads.start()
        before = hits(heads, held_out, features)
        for name, alpha in [("saved", run.chosen), *((f"{each:g}", each) for each in ALPHAS)]:
            heads.load(run.folder, saved=run.alpha, alpha=alpha)
            after = Part(before, hits(heads, held_out, features), general.figures(heads))
            found.setdefault(name, []).append(after)
    for name, each in found.items():
        yield _line(domain, preset, name, each, start)


def hits(heads: Heads, items: Sequence[Item], features: torch.Tensor) -> npt.NDArray[np.float64]:
    """Return (N,): whether the picture's label is the nearest, or its caption finds it in time.

    A caption ranks the pictures of this part alone, and those with an equal caption are right, too.
    """
    images = heads.images(features)
    if items[0].label is None:
        captions = [item.caption for item in items]
        right, _ = positives_of_captions(captions, range(len(items)), len(items))
        return retrieve(heads.texts(captions), images, right, (RECALL_AT,)).hits[RECALL_AT]
    names = sorted({item.label or "" for item in items})
    truth = np.array([names.index(item.label or "") for item in items])
    classifier = build_classifier(dict.fromkeys(names, ()), [TEMPLATE], heads.texts)
    return top_k_hits(classifier.scores(images), truth, (1,))[1]


def _train(items: Sequence[Item], work: Path, preset: str) -> Trained:
    """Run `clipfind train` as a user would; if it saved the starting model, once more."""
    shutil.rmtree(work, ignore_errors=True)
    write_set(items, work / "pictures")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    options = () if preset == "auto" else ("--preset", preset)
    said = _run(work / "pictures", work / "model", work, *options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    chosen = float(said["alpha"])
    if chosen:
        return Trained(work / "model", chosen, chosen, round(cpu_s, 1))
    _run(work / "pictures", work / "end", work, *options, "--alpha", "1")
    return Trained(work / "end", 1.0, chosen, round(cpu_s, 1))


def _run(pictures: Path, output: Path, work: Path, *options: str) -> dict[str, float]:
    command = [CLIPFIND, "train", pictures, "--output", output, "--json", "--threads", "1"]
    homes = {f"CLIPFIND_{each}_DIR": str(work / each) for each in ("DATA", "CACHE")}
    done = subprocess.run(
        [*command, *options], env=os.environ | homes, check=True, stdout=subprocess.PIPE
    )
    said: dict[str, float] = json.loads(done.stdout)
    return said


def _line(
    domain: str, preset: str, alpha: str, parts: Sequence[Part], start: tuple[float, float]
) -> str:
    before = np.concatenate([part.before for part in parts])
    after = np.concatenate([part.after for part in parts])
    gained = Interval(*(100 * each for each in paired_difference(before, after)))
    general = np.array([part.general for part in parts])
    changes = [
        f"{first:.1f} -> {values.mean():.1f} ({_signed(values.mean() - first)}; "
        f"worst {_signed(values.min() - first)})"
        for first, values in zip(start, general.T, strict=True)
    ]
    cells = (
        f"{domain}, {len(before)}",
        preset,
        alpha,
        f"{100 * before.mean():.1f}",
        f"{100 * after.mean():.1f}",
        f"{gained.value:+.1f} ({gained.low:+.1f} to {gained.high:+.1f})",
        *changes,
    )
    return "| " + " | ".join(cells) + " |"


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"  # no change is +0.0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.domains", description=__doc__)
    starter = Path(os.environ.get("CLIPFIND_STARTER", "../shared/starter"))
    parser.add_argument("--domain", action="append", choices=DOMAINS, help="this one; repeatable")
    parser.add_argument("--preset", action="append", choices=PRESETS, help="repeatable; auto")
    parser.add_argument("--part", action="append", type=int, help="hold out this one; repeatable")
    parser.add_argument("--starter", type=Path, default=starter, help=f"its folder; {starter}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
