"""The small indexed folder for the tests of this folder."""

from indexed_pictures import database, indexed, pictures, tiny  # noqa: F401
