"""Compiled inner loops of the layers for the CPU. This needs numba; the layers do without it too."""

from dwsfusion.kernels.convolution import convolve
from dwsfusion.kernels.gradients import adaptive_convolution
from dwsfusion.kernels.inference import attend, conv_norm_relu_pool, conv_relu, conv_relu_mean, fadc, summary, up

__all__ = [
    "adaptive_convolution",
    "attend",
    "conv_norm_relu_pool",
    "conv_relu",
    "conv_relu_mean",
    "convolve",
    "fadc",
    "summary",
    "up",
]
