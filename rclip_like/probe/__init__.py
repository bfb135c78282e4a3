"""Linear probes: learn labels from a labelled folder, and report how well."""
