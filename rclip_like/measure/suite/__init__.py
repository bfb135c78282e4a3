"""The CLIP paper's behaviours, measured on a labelled set and a model of one's own."""
