"""Upkeep of the index: drop what is gone, drop what is not wanted, check and repair.

A room on the floor of index and search: it reads the disk through `walk`, the rows through
`store`, and knows neither how they came to be nor how they are ranked.
"""
