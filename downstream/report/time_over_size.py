"""How the time of fusion methods grows with the size of the pictures, as a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from dwsfusion.cost import Timing


def plot_sizes(timings: Mapping[tuple[int, int], Sequence[Timing]], path: Path) -> None:
    """Draws the time over the number of pixels, both logarithmic, a line a method; a PNG.

    Args:
        timings: height and width in pixels to the timings of all methods, in the same order for every size.
        path: where to; its folder is made.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    megapixels = [h * w / 1e6 for h, w in timings]
    for index, method in enumerate(next(iter(timings.values()))):
        if method.ms is not None:
            axes.plot(megapixels, [rows[index].ms for rows in timings.values()], "o-", label=method.name)
    axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="ms a pair")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
