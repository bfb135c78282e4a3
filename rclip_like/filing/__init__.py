"""Copy, link or move pictures into folders by label, with a log to undo the run."""

from rclip_like.filing.filed import Did, Filed, How, ToFile
from rclip_like.filing.names import folder_name, folder_names
from rclip_like.filing.run import file_into
from rclip_like.filing.undoing import undo

__all__ = [
    "Did",
    "Filed",
    "How",
    "ToFile",
    "file_into",
    "folder_name",
    "folder_names",
    "undo",
]
