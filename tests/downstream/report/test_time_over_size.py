from pathlib import Path

import matplotlib.pyplot as plt

from downstream.report.time_over_size import plot_sizes
from dwsfusion.cost import Timing


def test_the_plot_is_a_picture_with_a_line_for_what_was_measured(tmp_path: Path) -> None:
    sizes = [(16, 16), (32, 32)]
    for name, slow in (("one", Timing("slow")), ("two", Timing("slow", 9))):
        plot_sizes({size: [Timing("fast", 1 + size[0]), slow] for size in sizes}, tmp_path / f"new/{name}.png")
    one, two = (plt.imread(tmp_path / f"new/{name}.png") for name in ("one", "two"))
    assert one.shape == two.shape == (600, 900, 4)
    assert (one != two).any()
