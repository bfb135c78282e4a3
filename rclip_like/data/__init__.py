"""Captioned sets on disk, for training and measuring: folders with texts beside, and tar shards."""
