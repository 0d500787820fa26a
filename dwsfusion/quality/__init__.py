"""Quality of fused pictures, without a task: the metrics of the field, each defined once.

measure(Picture(grey_levels(fused)), Picture(grey_levels(ir)), Picture(grey_levels(vis)))
"""

from dwsfusion.quality.picture import Picture, grey_levels
from dwsfusion.quality.presets import DEFAULT, PRESETS, Metric, Preset, measure

__all__ = ["DEFAULT", "PRESETS", "Metric", "Picture", "Preset", "grey_levels", "measure"]
