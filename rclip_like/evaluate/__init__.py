"""Figures of merit on embeddings: retrieval, zero-shot labels and word queries, in NumPy."""
