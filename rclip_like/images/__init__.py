"""Bytes to upright, colour-true RGB pixels for the image tower, or the reason why not."""

from __future__ import annotations

from rclip_like.images.picture import read_picture
from rclip_like.images.support import describe_attempt, hopeless_attempts, reader_versions

__all__ = ["describe_attempt", "hopeless_attempts", "read_picture", "reader_versions"]
