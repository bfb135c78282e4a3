"""Features of the photos before the projection, several views of each, computed once.

Shape suffixes: N photos, F features, S pixels a side, C channels.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from rclip_like.data.arrays import in_batches
from rclip_like.files import write_whole
from rclip_like.models.towers.torch_classifier import build_trunk
from rclip_like.values import Preprocessing

from .photos import Photo, read_squares

if TYPE_CHECKING:
    from rclip_like.values import Pixels

SIZE = 224
MEAN = STD = 0.5
PREPROCESSING = Preprocessing(SIZE, (MEAN,) * 3, (STD,) * 3)
SMALL_VIEW = 4
"""The view of photos that were reduced, so that small copies are known like large ones."""
SMALL_SHARES = (0.25, 0.6)
"""To how much of its width and height such a photo is reduced."""
BATCH = 32
Features: TypeAlias = npt.NDArray[np.float16]


def random_view(picture: Image.Image, generator: random.Random) -> Image.Image:
    """Return a random part (35 to 100 % of the area), mirrored half of the time."""
    width, height = picture.size
    area = width * height * generator.uniform(0.35, 1.0)
    ratio = math.exp(generator.uniform(math.log(3 / 4), math.log(4 / 3)))
    crop_width = min(width, math.sqrt(area * ratio))
    crop_height = min(height, math.sqrt(area / ratio))
    left = generator.uniform(0, width - crop_width)
    top = generator.uniform(0, height - crop_height)
    box = (left, top, left + crop_width, top + crop_height)
    view = picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)
    return view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if generator.random() < 0.5 else view


def compute_view(photos: Sequence[Photo], view: int, seed: int) -> Features:
    """Return the features of one view of every photo, float16 (N, F).

    View 0 is what the finished model sees; others are random parts, drawn from seed, view and
    photo, and SMALL_VIEW is of photos reduced before. All but view 0 are computed in bfloat16: 1.8
    times as fast, at a cosine of 0.995 and more.
    """
    trunk, squares = trunk_for(view), view_squares(photos, view, seed)
    return np.concatenate([encode(trunk, pixels) for pixels in in_batches(squares, BATCH)])


def trunk_for(view: int) -> Any:
    """Return the trunk with ImageNet's weights, in the precision in which a view is computed.

    Channels come last: measured, twice as fast on a CPU.
    """
    trunk = build_trunk().to(torch.float32 if view == 0 else torch.bfloat16)
    return trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def as_input(trunk: Any, pixels_NSSC: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return pixels as the trunk takes them, (N, C, S, S) in its precision."""
    images_NCSS = torch.from_numpy(pixels_NSSC).permute(0, 3, 1, 2).float().div_(255)
    return images_NCSS.sub_(MEAN).div_(STD).to(next(trunk.parameters()).dtype)


def view_squares(photos: Sequence[Photo], view: int, seed: int) -> Iterator[Pixels]:
    """Yield the pixels of one view of every photo, uint8 (S, S, C)."""
    if view == 0:
        return read_squares(photos, PREPROCESSING)
    return (_random_pixels(photo, view, seed) for photo in photos)


@torch.inference_mode()
def encode(trunk: Any, pixels_NSSC: npt.NDArray[np.uint8]) -> Features:
    """Return pooled features before the classifier, float16 (N, F), in the trunk's precision."""
    maps = trunk.forward_features(as_input(trunk, pixels_NSSC))
    features_NF: torch.Tensor = trunk.forward_head(maps, pre_logits=True)
    return features_NF.float().numpy().astype(np.float16)


def cached_view(path: Path, photos: Sequence[Photo], view: int, seed: int) -> Features:
    """Return one view's features from the file, computing and writing it if it is not there."""
    if not path.exists():
        write_array(path, compute_view(photos, view, seed))
    loaded: Features = np.load(path)
    assert len(loaded) == len(photos), f"{path} belongs to other photos: delete it"
    return loaded


def write_array(path: Path, values: npt.NDArray[Any]) -> None:
    """Write an array whole or not at all."""
    with write_whole(path) as draft, draft.open("wb") as stream:
        np.save(stream, values)


def _random_pixels(photo: Photo, view: int, seed: int) -> npt.NDArray[np.uint8]:
    generator = random.Random(f"{seed}:{view}:{photo.key}")
    picture = Image.open(io.BytesIO(photo.data)).convert("RGB")
    if view == SMALL_VIEW:
        share = generator.uniform(*SMALL_SHARES)
        width, height = (max(1, round(side * share)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(random_view(picture, generator))
