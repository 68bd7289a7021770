"""Kernels task after task: the tangent kernel of networks against their training, and ridge regression on frozen features."""
