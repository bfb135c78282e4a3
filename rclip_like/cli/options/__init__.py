"""The options of every command, each declared once; the manual and the settings read them too."""

from rclip_like.cli.options.everywhere import Everywhere
from rclip_like.cli.options.formats import FormatsOptions
from rclip_like.cli.options.index import IndexOptions
from rclip_like.cli.options.models import ModelNameOptions, ModelsListOptions, ModelsShowOptions
from rclip_like.cli.options.pictures import Reading, Sources, Walking
from rclip_like.cli.options.search import SearchOptions
from rclip_like.cli.options.status import StatusOptions
from rclip_like.cli.options.train import TrainOptions
from rclip_like.cli.options.upkeep import DoctorOptions, Dropping, ForgetOptions, PruneOptions

__all__ = [
    "DoctorOptions",
    "Dropping",
    "Everywhere",
    "ForgetOptions",
    "FormatsOptions",
    "IndexOptions",
    "ModelNameOptions",
    "ModelsListOptions",
    "ModelsShowOptions",
    "PruneOptions",
    "Reading",
    "SearchOptions",
    "Sources",
    "StatusOptions",
    "TrainOptions",
    "Walking",
]
