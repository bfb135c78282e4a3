"""A model loaded into torch: pictures and texts to embeddings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch

from rclip_like.errors import ModelError, Remedy
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.faults import unusable
from rclip_like.models.towers.foreign_tokenizer import load_tokenizer, raising_model_errors
from rclip_like.models.towers.tokenizer import is_cut, tamed, tokenize
from rclip_like.models.towers.torch_model import fold_batch_norms, load_model
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

# Shape suffixes: N pictures or texts, H and W pixels, C colours, L tokens, D embedding.

BATCH_SIZES = {"cuda": 256, "mps": 64, "cpu": 32}
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchTower:
    """Both towers of a model with its preprocessing and tokenizer; embeddings are unit rows."""

    def __init__(
        self,
        specification: ModelSpecification,
        model: Any,
        device: torch.device,
        precision: str,
        batch_size: int,
    ) -> None:
        self.specification = specification
        self.device = device
        self.precision = precision
        self.batch_size = batch_size
        self.logit_scale = float(model.logit_scale.detach().exp())
        self._dtype = PRECISIONS[precision]
        self._model: Any = model.to(device=device, dtype=self._dtype)
        if device.type != "mps":
            # Pixels come with their colours last; convolutions that expect them so are a third
            # faster (EfficientNet-Lite0 on the CPU: 28 -> 37 pictures a second, bf16 37 -> 47).
            self._model.to(memory_format=torch.channels_last)
        mean, std = specification.preprocessing.mean, specification.preprocessing.std
        self._mean_C = torch.tensor(mean, device=device).view(3, 1, 1)
        self._std_C = torch.tensor(std, device=device).view(3, 1, 1)
        self._tokenizer: Any = None
        self._tokenizer_lock = threading.Lock()

    def pictures(self, pixels_NHWC: npt.NDArray[np.uint8]) -> Embeddings:
        """Return unit float32 rows (N, D) for uint8 pictures (N, S, S, 3) before normalisation.

        A batch that does not fit into memory is halved, and so are all after it.
        """
        rows_ND = self._run(
            torch.from_numpy(np.ascontiguousarray(pixels_NHWC)),
            lambda pixels: self._model.encode_image(self._images(pixels)),
        )
        return self._unit_rows(rows_ND)

    def features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features float32 (N, F) of pictures before their linear projection."""
        features_NF: npt.NDArray[np.float32] = self._run(
            torch.from_numpy(np.ascontiguousarray(pixels_NHWC)),
            lambda pixels: unprojected(self._model.visual, self._images(pixels)),
        ).numpy()
        return features_NF

    def texts(self, texts: Sequence[str]) -> Embeddings:
        """Return unit float32 rows (N, D) for texts, cut to what the model's context holds."""
        tokenizer = self._tokenizer_of_model()
        with raising_model_errors(self.specification.folder, "used"):
            tokens_NL = tokenizer([tamed(text) for text in texts])
        rows_ND = self._run(
            tokens_NL, lambda tokens: self._model.encode_text(tokens.to(self.device))
        )
        return self._unit_rows(rows_ND)

    def is_cut(self, text: str) -> bool:
        """Return whether a text is longer than the model's context, so that its end is lost."""
        length, tokenizer = self.specification.context_length, self._tokenizer_of_model()
        with raising_model_errors(self.specification.folder, "used"):
            return is_cut(text, length, tokenizer)

    def _tokenizer_of_model(self) -> Any:
        with self._tokenizer_lock:
            if self._tokenizer is None:
                text = self.specification.config["text_cfg"]
                is_foreign = text.get("hf_tokenizer_name") or text.get("tokenizer_kwargs")
                self._tokenizer = (
                    load_tokenizer(self.specification) if is_foreign else self._tokenize
                )
            return self._tokenizer

    def _tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        # open_clip's own tokenizer takes hours for a long word.
        length = self.specification.context_length
        rows = [tokenize(text, length) for text in texts]
        return torch.tensor([row + [0] * (length - len(row)) for row in rows], dtype=torch.long)

    def _run(
        self, items: torch.Tensor, encode: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """Return what all items are encoded to, in order, float32 on the CPU."""
        try:
            rows, self.batch_size = run_in_batches(
                lambda part: encode(part).float().cpu(), items, self.batch_size
            )
        except ModelError:
            raise
        except Exception as error:  # what open_clip or timm do not look at when they build it
            raise unusable(self.specification, error) from error
        return rows

    def _unit_rows(self, rows_ND: torch.Tensor) -> Embeddings:
        if not len(rows_ND):
            return np.zeros((0, self.specification.dimension), dtype=np.float32)
        if rows_ND.shape[1:] != (self.specification.dimension,):
            raise ModelError(
                f"{self.specification.described_in}: model_cfg.embed_dim is "
                f"{self.specification.dimension}, and the embeddings are of another length"
            )
        embeddings_ND = torch.nn.functional.normalize(rows_ND, dim=-1).numpy()
        if not np.isfinite(embeddings_ND).all():
            raise ModelError(
                f"the model {self.specification.name} gives values that are not numbers in "
                f"{self.precision}",
                Remedy.USE_FULL_PRECISION,
            )
        return embeddings_ND

    def _images(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        """Return the images float (N, C, H, W) that the tower reads, on its device."""
        if self.device.type == "cuda":  # from pinned memory the copy goes on beside other work
            pixels_NHWC = pixels_NHWC.pin_memory().to(self.device, non_blocking=True)
        pixels_NHWC = pixels_NHWC.to(self.device)
        pixels_NCHW = pixels_NHWC.permute(0, 3, 1, 2).float().div_(255)
        return pixels_NCHW.sub_(self._mean_C).div_(self._std_C).to(self._dtype)


def unprojected(tower: Any, images_NCHW: torch.Tensor) -> torch.Tensor:
    """Return the features (N, F) that an image tower of open_clip projects.

    A pooling that projects by itself stays: that of a ResNet, and the attention of some of timm's.
    """
    if hasattr(tower, "trunk"):  # of timm, whose classifier is the projection where it has no other
        features_NF = tower.trunk.forward_features(images_NCHW)
        features_NF = tower.trunk.forward_head(features_NF, pre_logits=True)
        return cast(torch.Tensor, getattr(tower.head, "pool", torch.nn.Identity())(features_NF))
    bare = copy(tower)  # on the same weights
    if isinstance(getattr(tower, "proj", None), torch.nn.Parameter):
        bare._parameters = {**tower._parameters, "proj": None}
    features = bare(images_NCHW)
    return cast(torch.Tensor, features[0] if isinstance(features, tuple) else features)  # CoCa's


def load_torch_tower(specification: ModelSpecification, settings: EncoderSettings) -> TorchTower:
    """Return the model, loaded onto the device and in the precision that the settings ask for.

    Sets torch's number of threads where one is asked for. Raises ModelError when the weights do
    not fit the configuration, or the device or precision is not to be had here.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    batch_size = settings.batch_size or BATCH_SIZES[device.type]
    model: Any = load_model(specification)
    try:
        model.visual = fold_batch_norms(model.visual, specification.preprocessing.size)
    except Exception as error:  # as in `TorchTower._run`: it encodes a picture
        raise unusable(specification, error) from error
    return TorchTower(specification, model, device, precision, batch_size)


def choose_device(wanted: str) -> torch.device:
    """Return the device asked for, for `auto` the fastest; raises ModelError if it is missing."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    present["cpu"] = True
    if wanted == "auto":
        return torch.device(next(name for name, is_there in present.items() if is_there))
    if not present.get(wanted.partition(":")[0], False):
        raise ModelError(f"this machine has no device {wanted}", Remedy.USE_ANY_DEVICE)
    return torch.device(wanted)


def choose_precision(wanted: str, device: torch.device) -> str:
    """Return the precision asked for, or raise ModelError; for `auto` what keeps the ranking."""
    if wanted != "auto":
        if wanted not in PRECISIONS:
            raise ModelError(f"there is no precision {wanted}; name auto, fp32, bf16 or fp16")
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if device.type == "cpu" and _processor_is_faster_in_bf16():
        return "bf16"
    return "fp32"


def run_in_batches(
    run: Callable[[torch.Tensor], torch.Tensor], items: torch.Tensor, batch_size: int
) -> tuple[torch.Tensor, int]:
    """Return the results for all items in order, and the batch size that fitted into memory.

    Each time memory runs out the batch is halved and tried again, down to one item; then the
    error is raised as ModelError.
    """
    results: list[torch.Tensor] = []
    start = 0
    while start < len(items):
        try:
            with torch.inference_mode():
                results.append(run(items[start : start + batch_size]))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if batch_size == 1:
                raise ModelError("not enough memory for a single picture or text") from error
            batch_size = max(1, min(batch_size, len(items) - start) // 2)
            continue
        start += batch_size
    return torch.cat(results) if results else torch.empty(0), batch_size


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory does not suffice, on whatever device."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, torch.cuda.OutOfMemoryError):
        torch.cuda.empty_cache()
        return True
    # The allocators of the CPU and of MPS raise a bare RuntimeError.
    return any(words in str(error) for words in ("out of memory", "can't allocate memory"))


def _processor_is_faster_in_bf16() -> bool:
    """Return whether bfloat16 weights pay on this processor.

    Linear layers measured: AMD Zen 4 by AVX-512 215 GFLOP/s against 95 in float32; Intel (model
    207) by AVX-512 80 against 153, so that there it takes AMX.
    """
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    processor = torch.cpu.get_capabilities()
    by_avx512 = processor.get("avx512_bf16") and "Intel" not in str(processor.get("cpu_name"))
    return bool(processor.get("amx_bf16") or by_avx512)
