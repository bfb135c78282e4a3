"""Contrastive training: `train(TrainSettings(...))` writes a model folder to search with.

Import from `rclip_like.train.run` and `rclip_like.train.settings`; only the former loads torch.
"""
