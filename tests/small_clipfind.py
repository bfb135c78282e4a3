"""The command line as it is, but in batches of two, and unless told without torch.

SMALL_ENCODER=torch takes the model's own encoder, SMALL_BATCH another size of batches,
SMALL_MATRIX the number of rows from which on there is a matrix. SMALL_READY names a file that is
made when Python is up and the command line's own code begins.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from small_index import PlainEncoder

from rclip_like import cli, library
from rclip_like.store.matrix import stamp

COMMAND = (sys.executable, str(Path(__file__)))
BATCH_SIZE = int(os.environ.get("SMALL_BATCH", "2"))


def load(self: library.Library) -> object:
    if os.environ.get("SMALL_ENCODER") != "torch":
        return PlainEncoder(BATCH_SIZE, self.specification.dimension)
    from rclip_like.models.towers.torch_tower import load_encoder

    return load_encoder(self.specification, self._encoder_settings._replace(batch_size=BATCH_SIZE))


if __name__ == "__main__":
    library.Library._load_encoder = load
    stamp.FEWEST_ROWS = int(os.environ.get("SMALL_MATRIX", stamp.FEWEST_ROWS))
    if ready := os.environ.get("SMALL_READY"):
        Path(ready).touch()
    sys.exit(cli.main())
