"""`builtin` and models trained from it, on image features computed once.

A model whose image tower differs up to the projection is refused. Shape suffixes: N pictures or
texts, F features, D embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from recipe.figures import caption_recall, label_accuracy
from recipe.photos import Photo, read_squares, read_validation_photos
from safetensors.torch import load_file
from torch.nn import functional as F

from bench.domain_sets import Item, NotHere
from rclip_like.data.arrays import in_batches
from rclip_like.errors import ClipfindError
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings
from rclip_like.train.folder import WEIGHTS
from rclip_like.train.text_tower import text_features

Rows = npt.NDArray[np.float32]
ALPHAS = (0.25, 0.5, 0.75, 1.0)
_CHUNK = 64
_HEADS = ("visual.head.", "text_projection", "logit_scale")


class Heads:
    """The model that is measured: the start, or one between it and a trained one."""

    def __init__(self) -> None:
        self.specification = resolve(None)
        self.model: Any = load_model(self.specification)
        text = self.specification.config["text_cfg"]
        tokenizer = import_open_clip().SimpleTokenizer(context_length=text["context_length"])
        self._tokenize = tokenizer
        self._start = {name: value.clone() for name, value in self.model.state_dict().items()}
        self._features: dict[str, torch.Tensor] = {}
        self._has_own_text = True

    def features(self, items: Sequence[Item]) -> torch.Tensor:
        """Return the features (N, F) of pictures, read as a search reads them."""
        photos = [Photo(item.key, item.content, "", "") for item in items]
        return torch.from_numpy(image_features(photos))

    def start(self) -> None:
        """Be the starting model."""
        self.model.load_state_dict(self._start)
        self._has_own_text = True

    def load(self, folder: Path, *, saved: float, alpha: float) -> None:
        """Be the model at alpha on the line from the start through a folder saved at `saved`."""
        state = load_file(folder / WEIGHTS)
        differs = {
            name
            for name, value in state.items()
            if not name.startswith(_HEADS) and not torch.equal(value, self._start[name])
        }
        assert not any(name.startswith("visual.") for name in differs), (
            "its image tower was trained"
        )
        self._has_own_text = not differs
        share = alpha / saved
        self.model.load_state_dict(
            {
                name: torch.lerp(value, state[name].to(value.dtype), share)
                if value.is_floating_point() and name in differs | set(self._head_names())
                else value
                for name, value in self._start.items()
            }
        )

    @torch.no_grad()
    def images(self, features_NF: torch.Tensor) -> Rows:
        """Return unit embeddings (N, D) of pictures."""
        rows: Rows = F.normalize(self.model.visual.head.proj(features_NF), dim=-1).numpy()
        return rows

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> Rows:
        """Return unit embeddings (N, D) of texts."""
        if self._has_own_text:
            new = [text for text in dict.fromkeys(texts) if text not in self._features]
            self._features |= dict(zip(new, self._text_features(new), strict=True))
            features = torch.stack([self._features[text] for text in texts])
        else:
            features = self._text_features(texts)
        rows: Rows = F.normalize(features @ self.model.text_projection, dim=-1).numpy()
        return rows

    def _head_names(self) -> list[str]:
        return [name for name in self._start if name.startswith(_HEADS)]

    def _text_features(self, texts: Sequence[str]) -> torch.Tensor:
        """Return (N, F); texts of like length run together."""
        if not texts:
            return torch.empty(0, self.model.text_projection.shape[0])
        tokens = self._tokenize(list(texts))
        order = tokens.argmax(dim=1).argsort(stable=True)
        parts = [text_features(self.model, tokens[rows]) for rows in order.split(_CHUNK)]
        return torch.cat(parts)[order.argsort()]


class GeneralPhotos:
    """The validation photos of the starter set, on which no setting was chosen.

    path: where their features are kept between runs.
    """

    def __init__(self, starter: Path, path: Path) -> None:
        try:
            self.photos = read_validation_photos(starter)
        except ClipfindError as error:
            raise NotHere(f"{error}; name the starter set's folder by --starter") from error
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, features=image_features(self.photos))
        self._features = torch.from_numpy(np.load(path)["features"])

    def figures(self, heads: Heads) -> tuple[float, float]:
        """Return labels top-1 of tiers open and research, and captions recall@10, in points."""
        images = heads.images(self._features)
        labels = label_accuracy(self.photos, images, heads.texts)["open and research"]
        recall = caption_recall(self.photos, images, heads.texts)
        return 100 * labels.accuracy[1], 100 * recall[10]


def image_features(photos: Sequence[Photo]) -> Rows:
    """Return what `builtin`'s image tower projects, (N, F)."""
    model = Model(resolve(None), EncoderSettings(precision="fp32", threads=1))
    squares = read_squares(photos, model.specification.preprocessing)
    return np.concatenate([model.features(pixels) for pixels in in_batches(squares, _CHUNK)])
