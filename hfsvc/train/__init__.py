"""What lies between trajectories and a trainer: synchronous iterators, datasets of PyTorch and of ``datasets``."""
