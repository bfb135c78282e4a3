"""Bring the index in line with the disk: one pass, one read a file, one transaction a batch."""

from rclip_like.index.run import Progress, bring_up_to_date

__all__ = ["Progress", "bring_up_to_date"]
