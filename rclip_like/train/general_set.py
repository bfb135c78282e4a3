"""The general pictures inside the package, as features of the built-in model's image tower.

Shape suffixes: N pictures, F features.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import blake3
import numpy as np
import numpy.typing as npt

from rclip_like.train.retention_figures import General

if TYPE_CHECKING:
    from rclip_like.models.specification import ModelSpecification

GENERAL_SET = Path(__file__).with_name("general_photos.safetensors")
_ARCHITECTURE, _TRUNK = "tf_efficientnet_lite0", "visual.trunk."
LARGEST = 255
"""What the largest feature of a picture is stored as."""


class GeneralSet(NamedTuple):
    """Features (N, F), float32, of general pictures, and what judges their embeddings."""

    features_NF: npt.NDArray[np.float32]
    judge: General


def has_general_set(specification: ModelSpecification) -> bool:
    """Return whether the package has the features that this model's image tower gives.

    It has those of the built-in model, and so those of models made from it whose image tower was
    locked up to its projection.
    """
    if not GENERAL_SET.is_file():
        return False
    return bool(_described()["image_tower"] == image_tower_digest(specification))


def image_tower_digest(specification: ModelSpecification) -> str | None:
    """Return a digest of the preprocessing and of the image tower's weights up to its projection.

    It does not depend on whether these are stored as float16 or float32. None for another kind of
    tower or file than those of the built-in model.
    """
    from safetensors import safe_open

    is_alike = specification.config["vision_cfg"].get("timm_model_name") == _ARCHITECTURE
    if not is_alike or specification.weights.suffix != ".safetensors":
        return None
    everything = blake3.blake3(repr(specification.preprocessing).encode())
    with safe_open(specification.weights, "numpy") as file:
        for name in sorted(name for name in file.keys() if name.startswith(_TRUNK)):  # noqa: SIM118
            if (dtype := file.get_slice(name).get_dtype()) in ("F16", "F32"):
                values = file.get_tensor(name).astype("<f4")
                everything.update(name.encode() + values.tobytes())
            elif not dtype.startswith("I"):
                return None
    return everything.hexdigest()


def load_general_set(queries: tuple[str, ...]) -> GeneralSet:
    """Return the set, to be judged by its labels and by these queries, too.

    Features are rounded to 1/255 of the largest one of their picture.
    """
    from safetensors.numpy import load_file

    described, stored = _described(), load_file(GENERAL_SET)
    labels = stored["labels"].astype(np.int64)
    judge = General(
        tuple(described["labels"]),
        int(labels.max()) + 1,
        tuple(described["templates"]),
        labels,
        queries,
        np.empty(0, np.int64),
    )
    return GeneralSet(stored["features"].astype(np.float32) * stored["scales"][:, None], judge)


def _described() -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(GENERAL_SET, "numpy") as file:
        described: dict[str, Any] = json.loads(file.metadata()["set"])
    return described
