"""Colours that colour-blind readers can tell apart."""

import colorsys

OKABE_ITO = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")
"""Okabe and Ito's, and a grey; black stands for the background."""


def class_colours(count: int) -> list[str]:
    """A colour for each of some classes, the first being the background; further hues where there are many."""
    further = [colorsys.hsv_to_rgb(k * 0.381966 % 1, 0.55, 0.85) for k in range(max(0, count - len(OKABE_ITO)))]
    return [*OKABE_ITO[:count], *("#" + "".join(f"{round(255 * part):02X}" for part in rgb) for rgb in further)]
