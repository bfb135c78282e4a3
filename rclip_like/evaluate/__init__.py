"""Figures of merit on embeddings: retrieval and zero-shot labels, in NumPy."""
