"""Models measured on captioned and labelled sets, several side by side, as one report."""
