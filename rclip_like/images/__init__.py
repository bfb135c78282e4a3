"""Bytes to upright sRGB pixels and what is made of them, in processes that may be killed."""
