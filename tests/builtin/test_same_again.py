"""The recipe draws the same again in another process, whose sets have another order."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
from recipe.corpus import frequent_words
from recipe.pairs import photo_subject
from recipe.photos import Photo
text = "a dog and a ball on sand by water near grass under trees"
print(frequent_words([text, text]))
photo = Photo("a", b"", "s", "open", captions=(text,) * 3)
print(photo_subject(photo, {}, frozenset(text.split())).names)
"""


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_words_come_in_the_same_order_in_every_process(seed: str) -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": each, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for each in ("0", seed)
    }
    assert len(outputs) == 1
