"""Labelled and captioned sets on disk, to train with and to measure on."""
