"""Compiled inner loops of the layers for the CPU. This needs numba; the layers do without it too."""

from dwsfusion.kernels.convolution import convolve
from dwsfusion.kernels.gradients import adaptive_convolution
from dwsfusion.kernels.inference import (
    add_matched,
    clamp,
    conv_relu_twice_mean,
    cross,
    down,
    fa2m,
    fadc,
    mean_and_maximum,
    sigmoid_of_sum,
    stack,
    up,
)
from dwsfusion.kernels.threads import side_by_side

__all__ = [
    "adaptive_convolution",
    "add_matched",
    "clamp",
    "conv_relu_twice_mean",
    "convolve",
    "cross",
    "down",
    "fa2m",
    "fadc",
    "mean_and_maximum",
    "side_by_side",
    "sigmoid_of_sum",
    "stack",
    "up",
]
