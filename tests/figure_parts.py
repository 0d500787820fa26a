"""What tests look for in a figure."""

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def captions(figure: Figure) -> list[str]:
    return [axes.texts[0].get_text() for axes in figure.axes if axes.get_label() != "legend"]


def rectangles(axes: Axes, colour: str) -> list[tuple[float, ...]]:
    patches = [p for p in axes.patches if isinstance(p, Rectangle) and not p.get_fill()]
    return [(*p.get_xy(), p.get_width(), p.get_height()) for p in patches if p.get_edgecolor()[:3] == to_rgb(colour)]
