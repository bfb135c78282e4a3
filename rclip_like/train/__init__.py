"""Contrastive training: `train(TrainSettings(...))` writes a model folder to search with.

Import from `rclip_like.train.run`, `rclip_like.train.settings` and `rclip_like.train.values`; only
the first loads torch.
"""
