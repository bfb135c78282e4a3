"""The recipe of the built-in model, from a folder of photo shards to a model folder."""
