"""What the packaged networks make of a drawn scene before they fuse it: both weight maps of each.

python docs/draw_maps.py      # writes docs/maps.png
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

from downstream.sample import SampleConfig, render_pair
from dwsfusion import Fuser
from dwsfusion.checkpoints import PACKAGED


def main(path: Path) -> None:
    """Draws a row a network: both pictures, the fused one, and both maps from 0 to 1."""
    scene = render_pair(SampleConfig(), "test", 1)
    figure = Figure(figsize=(10, 1.75 * len(PACKAGED)), layout="constrained")
    rows = figure.subplots(len(PACKAGED), 5, squeeze=False)
    for row, name in zip(rows, PACKAGED, strict=True):
        fuser = Fuser.from_pretrained(name, "cpu")
        maps = fuser.weight_maps(scene.ir, scene.vis)
        pictures = {"infrared": scene.ir, "visible": scene.vis, name: fuser.fuse(scene.ir, scene.vis)}
        for axes, (title, picture) in zip(row, pictures.items(), strict=False):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axes.set_title(title, fontsize=8)
        for axes, title, weights in zip(row[3:], ("infrared's map", "visible's map"), maps, strict=True):
            drawn = axes.imshow(weights, cmap="viridis", vmin=0, vmax=1)
            axes.set_title(f"{title}, {weights.min():.2f} to {weights.max():.2f}", fontsize=8)
        figure.colorbar(drawn, ax=row[4], fraction=0.05)
        for axes in row:
            axes.set_axis_off()
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("maps.png"))
