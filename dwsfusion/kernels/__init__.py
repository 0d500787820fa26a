"""Compiled inner loops of the layers for the CPU. This needs numba; the layers do without it too."""

from dwsfusion.kernels.buffers import release_memory
from dwsfusion.kernels.colours import coloured, luma
from dwsfusion.kernels.convolution import convolve
from dwsfusion.kernels.gradients import adaptive_convolution
from dwsfusion.kernels.inference import (
    add_matched,
    are_compiled,
    channel_scale,
    clamp,
    conv_relu_twice_mean,
    cross,
    down,
    fa2m,
    fadc,
    sigmoid_of_sum,
    stack,
    up,
)
from dwsfusion.kernels.threads import allowing, side_by_side

__all__ = [
    "adaptive_convolution",
    "add_matched",
    "allowing",
    "are_compiled",
    "channel_scale",
    "clamp",
    "coloured",
    "conv_relu_twice_mean",
    "convolve",
    "cross",
    "down",
    "fa2m",
    "fadc",
    "luma",
    "release_memory",
    "side_by_side",
    "sigmoid_of_sum",
    "stack",
    "up",
]
