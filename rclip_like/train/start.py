"""What a run starts from: what there is to learn from, the plan for it, and the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from rclip_like.errors import TrainingError
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers.tokenizer import tokenize
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torch_tower import choose_device
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.examples import example_batches, example_learner, usual_tokens
from rclip_like.train.memory import StepMemory, choose_piece_size, measure_step
from rclip_like.train.plan import Plan, make_plan
from rclip_like.train.presets import choose_trained
from rclip_like.train.retention import OwnPictures, measures_pictures
from rclip_like.train.retention_sets import check_general_set
from rclip_like.train.settings import TrainSettings
from rclip_like.train.survey import Survey, Tokenize, survey
from rclip_like.train.towers import Towers
from rclip_like.train.work import count_work, machine_of


@dataclass(frozen=True)
class Start:
    """What is there before the first picture is decoded. memory: what a step takes."""

    settings: TrainSettings
    specification: ModelSpecification
    tokenize: Tokenize
    surveyed: Survey
    plan: Plan
    towers: Towers
    memory: StepMemory


def load_start(settings: TrainSettings, own_pictures: OwnPictures | None) -> Start:
    """Survey the data, plan the run, and load the model that it starts from.

    The seed of the settings decides what the plan adds to the model by chance. Raises ModelError,
    TrainingError for a model that cannot be trained and for a step that memory does not hold, and
    as `survey`, `check_general_set` and `make_plan`.
    """
    specification = resolve(settings.model, weights=settings.weights)
    tokens_of = _tokenizer(specification)
    surveyed = survey(settings, tokens_of)
    note = check_general_set(settings.retain, surveyed.names) if settings.retain else None
    torch.manual_seed(settings.loop.seed % 2**63)
    device, preprocessing = choose_device(settings.device), specification.preprocessing
    model: Any = load_model(specification).to(device)
    if getattr(model, "logit_bias", None) is not None:
        raise TrainingError(
            f"{specification.name} was trained with a sigmoid loss, which train does not have yet"
        )
    plan = make_plan(
        settings,
        len(surveyed.names),
        model,
        count_work(model, preprocessing.size, usual_tokens(surveyed)),
        machine_of(device),
        measures_pictures=measures_pictures(settings, own_pictures),
    )
    choose_trained(model, plan.preset, locks_image_tower=plan.locks_image_tower)
    if plan.locks_image_tower:
        # Pictures come with their colours last; see the encoder for what this saves.
        model.visual.to(memory_format=torch.channels_last)
    locks = plan.locks_image_tower, plan.locks_text_tower
    towers = Towers(model, preprocessing, device, *locks, specification.fingerprint)
    learner = example_learner(towers, plan, settings)
    memory = measure_step(learner, example_batches(towers, surveyed))
    piece_size = choose_piece_size(memory, plan.loop, is_locked=plan.locks_image_tower)
    plan = plan.with_piece_size(piece_size)
    if note is not None:
        plan = plan._replace(notes=(*plan.notes, note))
    return Start(settings, specification, tokens_of, surveyed, plan, towers, memory)


def _tokenizer(specification: ModelSpecification) -> Tokenize:
    text = specification.config["text_cfg"]
    if text.get("hf_tokenizer_name"):
        raise TrainingError(f"the tokenizer of {specification.name} cannot be trained with yet")
    length = text.get("context_length", 77)
    if options := text.get("tokenizer_kwargs"):
        tokenizer: Tokenize = import_open_clip().SimpleTokenizer(context_length=length, **options)
        return tokenizer

    def to_tokens(texts: Sequence[str], context_length: int = length) -> torch.Tensor:
        # open_clip's own tokenizer takes hours for a long word.
        rows = [tokenize(each, context_length) for each in texts]
        return torch.tensor([row + [0] * (context_length - len(row)) for row in rows])

    return to_tokens
