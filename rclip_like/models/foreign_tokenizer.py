"""A tokenizer of the package transformers, loaded from a model's folder as data alone."""

from __future__ import annotations

import importlib.util
from typing import Any

from rclip_like.errors import ModelError
from rclip_like.models.faults import told
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.torchvision_cure import import_open_clip


def load_tokenizer(specification: ModelSpecification) -> Any:
    """Return open_clip's tokenizer for a model: its own, or the one in the model's folder.

    Raises ModelError when that cannot be loaded.
    """
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
    try:
        return open_clip.tokenizer.HFTokenizer(
            str(folder),
            context_length=context_length,
            tokenizer_mode=text.get("tokenizer_mode"),
            trust_remote_code=False,  # where it is not said, the package asks on stdin
            local_files_only=True,
            **options,
        )
    except Exception as error:  # three packages read it, and raise anything
        raise ModelError(f"the tokenizer in {folder} cannot be loaded: {told(error)}") from error
