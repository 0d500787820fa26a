"""The qualitative grid of one scene: its inputs side by side, with details enlarged."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from downstream.report.insets import Region, draw_zooms
from downstream.report.panels import make_sheet
from dwsfusion.images import Array

TRUTH = "Ground truth"


def fusion_grid(pictures: Mapping[str, Array], zooms: Sequence[Region] = ()) -> Figure:
    """Shows the inputs of one scene, with the same details enlarged in all of them.

    Args:
        pictures: input name to uint8 RGB ``(H, W, 3)``, all of one size.
        zooms: up to two boxes to enlarge.

    Raises:
        ImageError: the pictures differ in size.
    """
    sheet = make_sheet(pictures)
    for name, picture in pictures.items():
        draw_zooms(sheet.panels[name], picture, zooms)
    return sheet.figure
