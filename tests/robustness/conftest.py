"""The tiny model and an index of its own for the tests of this folder."""

from indexed_pictures import tiny  # noqa: F401
