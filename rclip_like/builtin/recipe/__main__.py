"""Make the built-in model: `python -m rclip_like.builtin.recipe --data STARTER --work FOLDER ...`.

Stages, each restartable: strings, teacher, features, joint space, distillation, contrast, folder.
`--start EDITION` takes an earlier edition's model folder in place of the teacher, the joint space
and the distillation: contrast continues from there, and the earlier text tower is what is kept in
mind, the tokens of plurals drawn to their singulars'. With `--unlock` the last blocks of the image
trunk learn, too, on maps before them that are another stage.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file

from rclip_like.models.towers.torch_classifier import build_trunk
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.folder import WEIGHTS, save_model_folder
from rclip_like.train.learner import load_trained, trained_state
from rclip_like.train.loop import count_steps, run_loop
from rclip_like.train.presets import choose_trained
from rclip_like.train.settings import LoopSettings
from rclip_like.train.values import StepFigures

from . import corpus, features, stages
from .contrast import (
    TAUGHT_TEMPLATES,
    Blend,
    Drawable,
    Floats,
    RemindedLearner,
    Reminder,
    SubjectBatches,
    image_encoder,
)
from .development import Development
from .distil import (
    DistilSettings,
    Pupil,
    distil,
    principal_axes,
    start_as_bag_of_words,
    write_checkpoint,
)
from .joint import fit
from .unlocked import Maps, last_parameters, unlocked_encoder

CONFIG = {
    "embed_dim": 256,
    "vision_cfg": {
        "timm_model_name": "tf_efficientnet_lite0",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
        "timm_proj_bias": True,
        "image_size": features.SIZE,
    },
    "text_cfg": {
        "context_length": stages.CONTEXT_LENGTH,
        "vocab_size": 49408,
        "width": 256,
        "heads": 4,
        "layers": 4,
    },
}
JOINT = LoopSettings(epochs=40, batch_size=512, lr=2e-3, weight_decay=0.05)
CONTRAST = LoopSettings(epochs=14, batch_size=640, lr=5e-4, weight_decay=0.05)
CONTINUED = LoopSettings(epochs=6, batch_size=512, lr=5e-4, weight_decay=0.05)
"""Contrast that begins with an earlier edition, of whose text tower the last layer alone learns."""
JOINT_TEMPLATES = ("{}", "a photo of a {}.")
CLASS_VISITS = 5
UNLOCKED_CLASS_VISITS = 1
"""Classes are made of the trunk's old features, so photos should be most of what it learns from."""
DISTIL_STEPS = 1500
IMAGE_DROPOUT = 0.5
REMINDER_WEIGHT, REMINDER_SIZE = 2.0, 256
MEASURE_EVERY = 20
BLEND = 0.97
"""How much of the blend of all states so far stays at each step; the blend is what is kept."""


def main() -> int:
    """Run all stages and write the model folder."""
    options = _parse()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    sources = stages.Sources(options.data, options.wordnet, options.work)
    model = build_model()
    if options.start:
        load_edition(model, options.start)
        require_imagenet_trunk(model, last_blocks_may_differ=options.unlock)
        pairs = stages.plural_tokens(sources.tokenizer, sources.singulars)
        stages.draw_plural_tokens(model, pairs)
        lesson = stages.own_lesson(sources, model)
        to_teacher = torch.eye(lesson.targets_NT.shape[1])
    else:
        joint = find_joint_space(sources)
        to_teacher = teach_english(sources, model, joint, options.distil_steps or DISTIL_STEPS)
        enter_joint_space(model, joint, to_teacher)
        lesson = stages.build_lesson(sources, stages.collect_strings(sources))
    settings = CONTINUED if options.start else CONTRAST
    choose_trained(model, "last" if options.start else "all", locks_image_tower=True)
    reminder = Reminder(lesson, to_teacher, REMINDER_WEIGHT, REMINDER_SIZE)
    settings = replace(settings, epochs=options.epochs or settings.epochs)
    run = RunSettings(settings, options.runs, unlocks_trunk=options.unlock)
    contrast(sources, model, reminder, run)
    save_model_folder(options.output, model, CONFIG, features.PREPROCESSING, dtype=torch.float16)
    return 0


def build_model() -> Any:
    """Return the model with ImageNet's image trunk and everything else at random."""
    torch.manual_seed(0)
    model = import_open_clip().CLIP(**CONFIG)
    trunk = build_trunk().state_dict()
    model.visual.trunk.load_state_dict({k: trunk[k] for k in model.visual.trunk.state_dict()})
    return model


def find_joint_space(sources: stages.Sources) -> dict[str, torch.Tensor]:
    """Return the maps of the joint space, from its file or fitted."""
    place = sources.work / "joint.pt"
    if not place.exists():
        strings = stages.collect_strings(sources)
        rows = stages.teach(sources, "teacher", strings)
        pictures = stages.build_pictures(sources)
        batches = SubjectBatches(
            pictures,
            sources.subjects,
            stages.list_visits(sources, CLASS_VISITS),
            JOINT_TEMPLATES,
            stages.TeacherRows(strings, rows),
            JOINT.seed,
        )
        axes = principal_axes(rows, CONFIG["embed_dim"])  # type: ignore[arg-type]
        mean = stages.mean_features(sources, pictures)
        write_checkpoint(place, fit(axes, mean, batches, JOINT))
    state: dict[str, torch.Tensor] = torch.load(place)
    return state


def teach_english(
    sources: stages.Sources, model: Any, joint: dict[str, torch.Tensor], num_steps: int
) -> torch.Tensor:
    """Teach the model's text tower to follow the teacher; return its map to the teacher (D, T)."""
    strings = stages.collect_strings(sources)
    lesson = stages.build_lesson(sources, strings)
    axes = principal_axes(lesson.targets_NT, CONFIG["text_cfg"]["width"])  # type: ignore[index]
    words = stages.teach(sources, "teacher-tokens", corpus.token_words(sources.tokenizer))
    start_as_bag_of_words(model, torch.from_numpy(words.astype(np.float32)), axes)
    pupil = Pupil(model, axes, DistilSettings(num_steps))
    say = _Clock("distillation: step {}, loss {:.4f}, cosine on held-out strings {:.4f}")
    distil(pupil, lesson, sources.work / "distil.pt", joint["text_TE"], say)
    model.token_embedding.sparse = False
    return pupil.to_teacher_DT.detach()


@torch.no_grad()
def enter_joint_space(model: Any, joint: dict[str, torch.Tensor], to_teacher: torch.Tensor) -> None:
    """Set both projections so that the model begins in the joint space."""
    model.text_projection.copy_(to_teacher @ joint["text_TE"])
    model.visual.head.proj.weight.copy_(joint["image_FE"].T)
    model.visual.head.proj.bias.copy_(joint["image_bias_E"])
    model.logit_scale.copy_(joint["logit_scale"])


def load_edition(model: Any, folder: Path) -> None:
    """Give the model the weights of an earlier edition's folder."""
    weights = load_file(folder / WEIGHTS)
    model.load_state_dict(
        {
            name: value.to(torch.float32) if value.is_floating_point() else value
            for name, value in weights.items()
        }
    )


def require_imagenet_trunk(model: Any, *, last_blocks_may_differ: bool) -> None:
    """Raise SystemExit unless the model's trunk is ImageNet's, of which all features are made.

    Those of made-up classes stay ImageNet's where the last blocks, which learn on maps, differ.
    """
    trunk, imagenet = model.visual.trunk, build_trunk()
    names = {id(value): name for name, value in imagenet.named_parameters()}
    last = {names[id(value)] for value in last_parameters(imagenet)}
    expected = imagenet.state_dict()
    values = [*trunk.named_parameters(), *trunk.named_buffers()]
    for name, value in values:
        may_differ = last_blocks_may_differ and name in last
        if not may_differ and not torch.allclose(
            value.float(), expected[name].float(), rtol=1e-3, atol=1e-4
        ):
            raise SystemExit(f"--start: {name} of the image trunk is not ImageNet's")


class _Seen(NamedTuple):
    """What contrast learns from, the centres of all photos, how a batch is encoded, and how often a
    class is visited in an epoch."""

    pictures: Drawable
    centres_NX: Floats | Maps
    encode: Callable[[Any], torch.Tensor]
    class_visits: int


def _locked(sources: stages.Sources, model: Any) -> _Seen:
    pictures = stages.build_pictures(sources)
    encode = image_encoder(model, stages.mean_features(sources, pictures), IMAGE_DROPOUT)
    return _Seen(pictures, pictures.views[0], encode, CLASS_VISITS)


def _unlocked(sources: stages.Sources, model: Any) -> _Seen:
    """Return maps before the trunk's last blocks to learn from; let those blocks learn."""
    for parameter in last_parameters(model.visual.trunk):
        parameter.requires_grad_(True)
    centres = stages.build_pictures(sources, stages.VIEWS[:1])
    pictures = stages.build_map_pictures(sources, centres)
    encode = unlocked_encoder(model, stages.mean_features(sources, centres), IMAGE_DROPOUT)
    return _Seen(pictures, pictures.maps[0], encode, UNLOCKED_CLASS_VISITS)


class RunSettings(NamedTuple):
    """How contrast learns, how often it runs with other seeds, and whether the trunk learns."""

    loop: LoopSettings
    num_runs: int = 1
    unlocks_trunk: bool = False


def contrast(
    sources: stages.Sources, model: Any, reminder: Reminder, settings: RunSettings
) -> None:
    """Train the model's chosen parameters on pictures; leave it at the mean of its runs' best.

    A run is kept in its best measured state. The runs differ in their seeds, 0 and up: from one
    start they end so close to each other that the mean of their weights is better than each.
    Unlocked, the image trunk's last blocks learn, too.
    """
    say = _Clock("mean of {} runs: development {}")
    seen = _unlocked(sources, model) if settings.unlocks_trunk else _locked(sources, model)
    development = Development(sources, seen.centres_NX)
    visits = stages.list_visits(sources, seen.class_visits)
    start, best = trained_state(model), []
    for seed in range(settings.num_runs):
        load_trained(model, start)
        run = replace(settings.loop, seed=seed)
        batches = SubjectBatches(
            seen.pictures, sources.subjects, visits, TAUGHT_TEMPLATES, sources.tokenizer, seed
        )
        torch.manual_seed(seed)
        learner = RemindedLearner(model, seen.encode, run, reminder)
        keeper = _BestKeeper(sources, learner, development, count_steps(len(visits), run))
        run_loop(learner, batches, start=keeper.resume(), after_step=keeper.after_step)
        best.append(keeper.best["parameters"])
    load_trained(model, {name: sum(each[name] for each in best) / len(best) for name in start})
    say(len(best), development.score(model)[1])


class _BestKeeper:
    """Measures on the development photos from time to time and keeps the best state.

    The checkpoint's name tells the weights, the settings and what learns: others start anew. Other
    photos and strings need another work folder.
    """

    def __init__(
        self,
        sources: stages.Sources,
        learner: RemindedLearner,
        development: Development,
        num_steps: int,
    ) -> None:
        made_with = f"{learner.settings}{sorted(trained_state(learner.model))}"
        digest = hashlib.blake2b(made_with.encode(), digest_size=4).hexdigest()
        weights = stages.digest_of(learner.model)
        self.path = sources.work / f"contrast-{weights}-{digest}.pt"
        self.learner, self.num_steps = learner, num_steps
        self.development = development
        self.blend = Blend(learner.model, BLEND)
        self.best: dict[str, Any] = {"score": 0.0, "parameters": {}, "step": 0}
        self.say = _Clock("contrast: step {}, loss {:.4f}, development {}")

    def resume(self) -> int:
        """Take up the checkpoint where there is one; return its step."""
        if not self.path.exists():
            return 0
        state = torch.load(self.path)
        self.learner.restore(state["learner"])
        self.blend.values = state["blend"]
        self.best = state["best"]
        return int(state["step"])

    def after_step(self, figures: StepFigures) -> None:
        """Blend; measure the blend and keep a checkpoint every so many steps and at the end."""
        step = figures.step
        self.blend.take(step)
        if step % MEASURE_EVERY and step != self.num_steps:
            return
        with self.blend.in_place():
            score, told = self.development.score(self.learner.model)
        self.say(step, figures.loss, told)
        if score >= self.best["score"]:
            kept = {name: value.clone() for name, value in self.blend.values.items()}
            self.best = {"score": score, "parameters": kept, "step": step}
        write_checkpoint(
            self.path,
            {
                "learner": self.learner.state(),
                "blend": self.blend.values,
                "best": self.best,
                "step": step,
            },
        )


class _Clock:
    """Writes lines on stderr with the seconds since it was made."""

    def __init__(self, line: str) -> None:
        self.line, self.began = line, time.monotonic()

    def __call__(self, *values: object) -> None:
        seconds = time.monotonic() - self.began
        sys.stderr.write(f"{seconds:7.0f} s  {self.line.format(*values)}\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rclip_like.builtin.recipe", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the starter folder")
    parser.add_argument("--wordnet", type=Path, required=True, help="WordNet's file data.noun")
    parser.add_argument("--work", type=Path, required=True, help="folder for what stages make")
    parser.add_argument("--output", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--distil-steps", type=int, help="of the text tower; not with --start")
    parser.add_argument("--epochs", type=int, help="of contrast")
    runs = "of contrast, with other seeds; the mean of their weights is kept"
    parser.add_argument("--runs", type=int, default=1, help=runs)
    parser.add_argument("--start", type=Path, help="an earlier edition's folder to begin with")
    unlock = "train the image trunk's last blocks, too; needs --start"
    parser.add_argument("--unlock", action="store_true", help=unlock)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.start and options.distil_steps:
        parser.error("--distil-steps: with --start nothing is distilled")
    if options.runs < 1:
        parser.error("--runs: at least one")
    if options.unlock and not options.start:
        parser.error("--unlock needs --start")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
