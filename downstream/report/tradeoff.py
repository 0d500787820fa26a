"""What methods cost against what they are worth, as a figure.

The published figure shows parameters, mAP and mIoU in one perspective drawing, from which no value can be read.
Here each task has its panel, cost lies on a logarithmic axis, and what costs nothing (the sources, mean, max) is a
line: a method is worth its cost where it stands above the lines by more than its interval.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

AXES = {"parameters": "Parameters", "flops": "FLOPs for one pair", "ms": "Milliseconds for one pair"}
"""What a method costs, and what the axis is called."""
FREE: dict[str, Any] = {
    "infrared": ":",
    "visible": "-.",
    "late": (0, (5, 1, 1, 1, 1, 1)),
    "mean": "--",
    "max": "-",
    "mean+gamma": (0, (8, 2)),
    "max+gamma": (0, (8, 2, 1, 2)),
    "mean+clahe": (0, (3, 3)),
    "max+clahe": (0, (1, 3)),
}
"""What costs nothing, or next to nothing, and the style of its line."""
_PANEL_INCHES = (3.5, 2.6)
# Okabe and Ito's colours differ in brightness too: for colour-blind readers and for grey print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "osD^vPX*<>"


@dataclass(frozen=True)
class Cost:
    """What a method costs; None where it is not known."""

    parameters: float | None = None
    flops: float | None = None
    """Floating-point operations for one pair, two for a multiply-add."""
    ms: float | None = None
    """Time for one pair."""


@dataclass(frozen=True)
class Worth:
    """A task's figure of an input, a fraction, with its interval."""

    value: float
    interval: tuple[float, float] | None = None


def draw_tradeoff(costs: Mapping[str, Cost], worth: Mapping[str, Mapping[str, Worth]], axis: str) -> Figure:
    """Draws one panel a task: cost to the right, the task's figure upwards, with 95 % intervals.

    Args:
        costs: method to its cost; one without the asked cost is left out.
        worth: title of a panel to the figures of its inputs.
        axis: ``parameters``, ``flops`` or ``ms``.
    """
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width * len(worth), height + 0.5), layout="constrained")
    panels = figure.subplots(1, len(worth), squeeze=False)[0]
    for panel, (title, values) in zip(panels, worth.items(), strict=True):
        _draw_panel(panel, costs, values, axis)
        panel.set_ylabel(title, fontsize=8)
    handles: dict[str, Any] = {}
    for panel in panels:
        handles |= {label: handle for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    return figure


def _draw_panel(panel: Axes, costs: Mapping[str, Cost], worth: Mapping[str, Worth], axis: str) -> None:
    for name, style in FREE.items():
        if name in worth:
            panel.axhline(100 * worth[name].value, color="0.45", linestyle=style, linewidth=1, label=name)
    priced = [(name, getattr(cost, axis)) for name, cost in costs.items() if getattr(cost, axis)]
    for number, (name, price) in enumerate(priced):
        if name in worth:
            value, interval = 100 * worth[name].value, worth[name].interval
            error = [[value - 100 * interval[0]], [100 * interval[1] - value]] if interval else None
            colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
            panel.errorbar(
                price, value, error, marker=marker, color=colour, capsize=2, linewidth=1, linestyle="none", label=name
            )
    panel.set_xscale("log")
    panel.set_xlabel(AXES[axis], fontsize=8)
    panel.tick_params(labelsize=7)
    panel.margins(x=0.15)
    panel.grid(color="0.9", linewidth=0.5)
    panel.set_axisbelow(True)
