"""The command line as it is, but in batches of two, and unless told without torch.

SMALL_ENCODER=torch takes the model's own encoder, SMALL_BATCH another size of batches,
SMALL_MATRIX the number of rows from which on there is a matrix. SMALL_READY names a file that is
made when Python is up and the command line's own code begins.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from small_index import PlainModel

from rclip_like import cli
from rclip_like.models import model
from rclip_like.models.model import Model
from rclip_like.models.specification import ModelSpecification
from rclip_like.settings import EncoderSettings
from rclip_like.store.matrix import stamp

COMMAND = (sys.executable, str(Path(__file__)))
BATCH_SIZE = int(os.environ.get("SMALL_BATCH", "2"))


def small_model(specification: ModelSpecification, settings: EncoderSettings) -> Model:
    if os.environ.get("SMALL_ENCODER") != "torch":
        return PlainModel(specification, BATCH_SIZE)
    return Model(specification, settings._replace(batch_size=BATCH_SIZE))


if __name__ == "__main__":
    model.Model = small_model
    stamp.FEWEST_ROWS = int(os.environ.get("SMALL_MATRIX", stamp.FEWEST_ROWS))
    if ready := os.environ.get("SMALL_READY"):
        Path(ready).touch()
    sys.exit(cli.main())
