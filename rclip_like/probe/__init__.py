"""Linear probes: a labelled folder becomes a file that labels pictures, and a report on it."""
