"""Train a model as a whole program: python -m bench.program clipfind|open_clip MODEL TABLE OUTPUT.

Then follow the batch size and the number of epochs. Both learn from the same photos in batches of
one size, with the same model, optimiser and schedule, in fp32 and on one thread. Processes of their
own read the photos: theirs is one, and reads in each epoch; ours are as many as there are
processors, and read once. Neither augments: a photo is squeezed into a square. The model has no
batch norms. Neither holds pairs out or measures. Each writes its checkpoints as it does by default:
theirs after each epoch; ours before the first step, every minute and after the last, and then the
model folder.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.data import photos
from bench.measure import Program, details, in_turn
from bench.peer import PeerMissing, trainer
from bench.pieces import save_model
from bench.report import Result
from bench.scale import Scale
from bench.tools import Clipfind

SIZE = (800, 600)
_CHECKED_SIZE = (240, 180)
"""Small enough that ours, too, decodes it in full; larger ones it decodes at a reduced scale."""
LR, WEIGHT_DECAY, LARGEST_GRADIENT = 1e-4, 0.1, 1.0
_WARM_UP = 0.05
_NAMES = ("clipfind", "open_clip")
_CHECKED_PAIRS, _CHECKED_EPOCHS = 32, 4
_SAME = 1e-4
"""How far losses are apart at most; theirs are printed to 1e-4."""
_WORDS = "red blue old small wooden bright quiet tall round wet stone paper glass river boat hill"


def measure_program(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Compare pairs a second of both programs, by the clock and by processor time."""
    try:
        packages = trainer()
    except PeerMissing as error:
        print(f"open_clip's training program is left out: {error}", file=sys.stderr)
        return
    num_pairs, batch_size, epochs = scale.trained
    with tempfile.TemporaryDirectory() as home:
        save_model("small-vit", Path(home, "model"), resize_mode="squash")
        checked = write_table(photos(_CHECKED_PAIRS, _CHECKED_SIZE))
        far = _difference(_programs(checked, Path(home), packages, _CHECKED_PAIRS, _CHECKED_EPOCHS))
        table = write_table(photos(num_pairs, SIZE))
        programs = _programs(table, Path(home), packages, batch_size, epochs)
        summaries = in_turn(programs, scale.repeats)
    conditions = {"pairs": num_pairs, "batch_size": batch_size, "epochs": epochs}
    told = details(summaries, scale.repeats, **conditions, size=SIZE, difference=far)
    done = num_pairs * epochs
    ours, theirs = summaries
    yield Result("program", done / ours.wall_s, done / theirs.wall_s, told)
    yield Result("program-cpu", done / ours.cpu_s, done / theirs.cpu_s, told)


def _programs(
    table: Path, home: Path, packages: Path, batch_size: int, epochs: int
) -> list[Program]:
    """Return both programs; each writes below the folder `home`, anew in every run."""
    model = home / "model"
    paths = os.pathsep.join((str(Path(__file__).parents[1]), str(packages)))
    environment = Clipfind(home, model).environment
    environment |= {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    found = []
    for name in _NAMES:
        output, sizes = home / name, (str(batch_size), str(epochs))
        command = (sys.executable, "-m", "bench.program", name, model, table, output, *sizes)
        found.append(
            Program(
                lambda _, command=command: command,
                table.parent,
                environment,
                lambda output=output: shutil.rmtree(output, ignore_errors=True),
            )
        )
    return found


def write_table(folder: Path) -> Path:
    """Write a table beside a folder of photos, with a caption of its own for each; return it.

    A caption has nine words, drawn by the number of the photo, and that number.
    """
    table = folder.with_name(f"{folder.name}.csv")
    words = _WORDS.split()
    with open(table, "w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("image", "caption"))
        for number, path in enumerate(sorted(folder.iterdir())):
            drawn = np.random.default_rng(number).choice(words, 9)
            rows.writerow((f"{folder.name}/{path.name}", f"{' '.join(drawn)} {number}"))
    return table


def _difference(programs: list[Program]) -> float:
    """Return how far apart the losses of both are; all pairs are in each batch, in any order."""
    found = []
    for name, each in zip(_NAMES, programs, strict=True):
        each.prepare()
        command = each.command(0)
        subprocess.run(
            command, cwd=each.folder, env=each.environment, check=True, capture_output=True
        )
        output = Path(str(command[6]))
        found.append(_our_losses(output) if name == "clipfind" else _their_losses(output))
    ours, theirs = map(np.array, found)
    assert ours.shape == theirs.shape == (_CHECKED_EPOCHS,), (ours, theirs)
    far = float(np.abs(ours - theirs).max())
    assert far < _SAME, (ours, theirs)
    return far


def _our_losses(output: Path) -> list[float]:
    steps = map(json.loads, (output / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [step["loss"] for step in steps if "loss" in step]


def _their_losses(output: Path) -> list[float]:
    text = (output / "run" / "out.log").read_text(encoding="utf-8")
    return [float(loss) for loss in re.findall(r"Contrastive_loss: ([\d.]+)", text)]


def main(name: str, model: str, table: str, output: str, batch_size: str, epochs: str) -> None:
    """Be one of the two programs."""
    import torch

    torch.set_num_threads(1)
    if name == "clipfind":
        _train(model, Path(table), Path(output), int(batch_size), int(epochs))
    else:
        _train_with_open_clip(model, table, output, int(batch_size), int(epochs))


def _train(model: str, table: Path, output: Path, batch_size: int, epochs: int) -> None:
    """Run `clipfind train`, with what only Python can ask for: no augmentation, no held-out."""
    from rclip_like.cli.train import TrainOptions, run
    from rclip_like.settings import LibraryChoice
    from rclip_like.train.settings import LoopOptions, TrainSettings

    settings = TrainSettings(
        table,
        output,
        preset="all",
        unlock_image_tower=True,
        loop=LoopOptions(epochs=epochs, batch_size=batch_size, lr=LR, weight_decay=WEIGHT_DECAY),
        folds=0,
        held_out=0.0,
        augments=False,
        alpha=1.0,
        threads=1,
    )
    run(TrainOptions(settings, library=LibraryChoice(model), given={"--output": str(output)}))


def _train_with_open_clip(
    model: str, table: str, output: str, batch_size: int, epochs: int
) -> None:
    from rclip_like.models.towers.torchvision_cure import import_open_clip

    import_open_clip()
    from open_clip_train.main import main as train

    with open(table, encoding="utf-8") as lines:
        num_steps = epochs * ((sum(1 for _ in lines) - 1) // batch_size)
    options = {
        "--model": f"local-dir:{model}",
        "--train-data": table,
        "--dataset-type": "csv",
        "--csv-separator": ",",
        "--csv-img-key": "image",
        "--csv-caption-key": "caption",
        "--batch-size": batch_size,
        "--epochs": epochs,
        "--lr": LR,
        "--wd": WEIGHT_DECAY,
        "--beta1": 0.9,
        "--beta2": 0.98,
        "--eps": 1e-6,
        "--warmup": min(round(_WARM_UP * num_steps), num_steps - 1),
        "--grad-clip-norm": LARGEST_GRADIENT,
        "--precision": "fp32",
        "--device": "cpu",
        "--workers": 1,
        "--logs": output,
        "--name": "run",
    }
    # All of a photo of four to three, squeezed into a square: no augmentation.
    squeezed = ["--aug-cfg", "scale=(1.0,1.0)"]
    train([*(str(word) for option in options.items() for word in option), *squeezed])


if __name__ == "__main__":
    main(*sys.argv[1:])
