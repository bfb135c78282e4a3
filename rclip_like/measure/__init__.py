"""Measure models side by side on captioned and labelled sets, and report the figures."""
