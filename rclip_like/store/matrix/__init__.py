"""The matrix beside the index: a model's embeddings and the order of files, as arrays to be mapped.

`stamp` says how far it may be trusted, `mapped` reads it, `extending` writes it, `blocks` notices
when the disk has damaged it.
"""
