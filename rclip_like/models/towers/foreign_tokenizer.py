"""A tokenizer of the package transformers, loaded from a model's folder as data alone."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rclip_like.errors import ModelError
from rclip_like.models.foreign import TOKENIZER_BYTES, require_bounded
from rclip_like.models.regular import read_json_object
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.faults import first_lines
from rclip_like.models.towers.torchvision_cure import import_open_clip

_stderr_is_aside = threading.Lock()


def load_tokenizer(specification: ModelSpecification) -> Any:
    """Return open_clip's tokenizer, or the one in the model's folder; raises ModelError."""
    folder, text = specification.folder, specification.config["text_cfg"]
    context_length, open_clip = specification.context_length, import_open_clip()
    options = text.get("tokenizer_kwargs", {})
    if not text.get("hf_tokenizer_name"):
        return open_clip.SimpleTokenizer(context_length=context_length, **options)
    if importlib.util.find_spec("transformers") is None:
        raise ModelError(
            f"the tokenizer in {folder} needs the package transformers; install it with: pip "
            "install transformers"
        )
    with suppress(FileNotFoundError):  # older tokenizers have other files
        path = folder / "tokenizer.json"
        require_bounded(path, read_json_object(path, TOKENIZER_BYTES))
    with raising_model_errors(folder, "loaded"):
        return open_clip.tokenizer.HFTokenizer(
            str(folder),
            context_length=context_length,
            tokenizer_mode=text.get("tokenizer_mode"),
            trust_remote_code=False,  # where it is not said, the package asks on stdin
            local_files_only=True,
            **options,
        )


@contextmanager
def raising_model_errors(folder: Path, action: str) -> Iterator[None]:
    """Raise ModelError, `the tokenizer in FOLDER cannot be ACTION`, for whatever is raised within.

    Three packages take part, and raise anything. A panic of Rust is not an Exception and prints
    to stderr before Python hears of it, so stderr is closed meanwhile. Signals, a lack of memory
    and our own errors pass.
    """
    try:
        with _stderr_aside():
            yield
    except (ModelError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise ModelError(
            f"the tokenizer in {folder} cannot be {action}: {first_lines(error)}"
        ) from error


@contextmanager
def _stderr_aside() -> Iterator[None]:
    """Let nothing be written to file descriptor 2, in one thread at a time."""
    with _stderr_is_aside:
        try:
            kept = os.dup(2)
        except OSError:
            kept = None
        if kept is None:  # it was closed from the start
            yield
            return
        try:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 2)
            os.close(nothing)
            yield
        finally:
            with suppress(OSError):
                os.dup2(kept, 2)
            os.close(kept)
