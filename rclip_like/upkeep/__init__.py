"""Upkeep of the index: drop what is gone, drop what is not wanted, check and repair.

A room on the floor of index and search: it reads the disk through `walk`, the rows through
`store`, and knows neither how they came to be nor how they are ranked.
"""

from rclip_like.upkeep.models import unused_models
from rclip_like.upkeep.pruning import (
    Listeners,
    as_roots,
    count_raw_pairs,
    forget,
    prune,
    unknown_paths,
)

__all__ = [
    "Listeners",
    "as_roots",
    "count_raw_pairs",
    "forget",
    "prune",
    "unknown_paths",
    "unused_models",
]
