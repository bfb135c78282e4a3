"""Figures as JSON lines, each with the reference it was measured against (`make bench`)."""
