"""The kernel view of continual learning on networks: empirical tangent kernels, and frozen features under a linear head."""
