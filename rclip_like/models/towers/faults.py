"""What other libraries say about a model that they cannot use, as errors in our own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rclip_like.errors import ModelError
from rclip_like.models.regular import shown_key
from rclip_like.models.specification import ModelSpecification

_BEGINNINGS = (b"PK\x03\x04", b"\x80")
"""Of what torch saves: an archive, in old versions a pickle."""

_ADVICE = re.compile("arbitrary code|weights_only|trust_remote_code|custom code")
"""In errors that go on to propose how to run what is not trusted."""

_NAMES = 3


def first_lines(error: BaseException) -> str:
    """Return the first lines of a library's error, without advice to run what is not trusted."""
    if _ADVICE.search(str(error)):
        return "it is more than data, and nothing that a model brings along is run"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2])[:300] or type(error).__name__
    return text.replace("unexpected", "unknown").replace("Unexpected", "Unknown")


def unusable(specification: ModelSpecification, error: Exception) -> ModelError:
    """Return the error for a well-formed configuration that describes no model that works."""
    path, reason = specification.described_in, first_lines(error)
    return ModelError(f"{path}: the model that it describes cannot be used: {reason}")


def not_loaded(weights: Path, error: Exception, described_in: Path | None = None) -> ModelError:
    """Return the error for a weight file that cannot be loaded, with what to do about it.

    described_in: the configuration of the model that it was to be loaded into, if there is one.
    """
    reason = first_lines(error)
    resized = re.findall(r"size mismatch for ([^\s:]+)", str(error))
    if resized:
        reason = f"the sizes of {_some(resized)} are not those of the model of {described_in}"
    elif isinstance(error, StopIteration):  # from the first name in an empty checkpoint
        reason = "it holds no tensors; fetch or save it again"
    elif isinstance(error, AttributeError) and described_in:
        reason = f"its tensors are not those of the model of {described_in}"
    elif weights.suffix != ".safetensors" and not isinstance(error, OSError):
        with weights.open("rb") as file:
            beginning = file.read(4)
        if not beginning.startswith(_BEGINNINGS):
            reason = "it is not a checkpoint of torch; fetch or save it again"
        elif _ADVICE.search(str(error)):
            reason = (
                "it is damaged, or holds more than tensors, which could run code; save the "
                "model's state_dict() alone, best as safetensors"
            )
    return ModelError(f"{weights} cannot be loaded: {reason}")


def misfit(
    specification: ModelSpecification, missing: Sequence[str], needless: Sequence[str]
) -> ModelError:
    """Return the error for weights that lack tensors of the model, or have some that it has not."""
    listed = {"lacks": missing, "has, beside the model's own,": needless}
    parts = [f"{verb} {_some(names)}" for verb, names in listed.items() if names]
    return ModelError(
        f"{specification.weights} cannot be loaded as the model of {specification.described_in}: "
        f"it {' and '.join(parts)}"
    )


def _some(names: Sequence[str]) -> str:
    named = ", ".join(shown_key(name) for name in names[:_NAMES])
    return named if len(names) <= _NAMES else f"{named} and {len(names) - _NAMES:,} more"
