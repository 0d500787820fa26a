"""Compiled inner loops of the layers for the CPU. This needs numba; the layers do without it too."""

from dwsfusion.kernels.convolution import convolve
from dwsfusion.kernels.gradients import adaptive_convolution
from dwsfusion.kernels.inference import (
    add_matched,
    conv_norm_relu_pool,
    conv_relu_twice_mean,
    cross,
    fa2m,
    fadc,
    mean_and_maximum,
    sigmoid_of_sum,
    stack,
    up,
)

__all__ = [
    "adaptive_convolution",
    "add_matched",
    "conv_norm_relu_pool",
    "conv_relu_twice_mean",
    "convolve",
    "cross",
    "fa2m",
    "fadc",
    "mean_and_maximum",
    "sigmoid_of_sum",
    "stack",
    "up",
]
