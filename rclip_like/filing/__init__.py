"""Copy, link or move pictures into a folder, or into one for each label; a log undoes the run."""

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
