"""Tiny data sets in the official layouts of the shipped cards: three pictures of 48x64 pixels each."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 64)
VOC = (
    "<annotation><object><name>{name}</name><bndbox><xmin>10</xmin><ymin>12</ymin><xmax>30</xmax><ymax>40</ymax>"
    "</bndbox></object></annotation>"
)


class Layout:
    """Writes the files of a data set below a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.random = root, np.random.default_rng(0)

    def picture(self, path: str, channels: int = 3) -> None:
        shape = SIZE if channels == 1 else (*SIZE, channels)
        self._save(path, self.random.integers(0, 256, shape, np.uint8))

    def mask(self, path: str, classes: int) -> None:
        self._save(path, self.random.integers(0, classes, SIZE, np.uint8))

    def text(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)

    def _save(self, path: str, image: np.ndarray) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(self.root / path)


def msrs(at: Layout) -> None:
    for name in ("00001D", "00002N", "00003N"):
        at.picture(f"test/ir/{name}.png", 1)
        at.picture(f"test/vi/{name}.png")
        at.mask(f"test/Segmentation_labels/{name}.png", 9)
        for folder in ("labels", "labels_infrared", "labels_visible"):
            at.text(f"test/{folder}/{name}.txt", "0 0.3 0.5 0.3 0.5\n")


def mfnet(at: Layout) -> None:
    for name in ("00001D", "00002N", "00003N"):
        at.picture(f"images/{name}.png", 4)
        at.mask(f"labels/{name}.png", 9)
    at.text("test.txt", "00001D\n00002N\n")


def fmb(at: Layout) -> None:
    for name in ("00001", "00002", "00003"):
        at.picture(f"test/Infrared/{name}.png", 1)
        at.picture(f"test/Visible/{name}.png")
        at.mask(f"test/Label/{name}.png", 15)


def pst900(at: Layout) -> None:
    for name in ("31_bag1a_rect_rgb_frame0000000007", "31_bag1a_rect_rgb_frame0000000008"):
        at.picture(f"test/thermal/{name}.png", 1)
        at.picture(f"test/rgb/{name}.png")
        at.mask(f"test/labels/{name}.png", 5)


def m3fd(at: Layout) -> None:
    for name in ("00000", "00001", "00002"):
        at.picture(f"Ir/{name}.png")
        at.picture(f"Vis/{name}.png")
        at.text(f"Annotation/{name}.xml", VOC.format(name="People"))


def llvip(at: Layout) -> None:
    for name in ("190001", "190002"):
        at.picture(f"infrared/test/{name}.jpg")
        at.picture(f"visible/test/{name}.jpg")
        at.text(f"Annotations/{name}.xml", VOC.format(name="person"))


def flir(at: Layout) -> None:
    for name in ("08864", "08865", "08866"):
        at.picture(f"JPEGImages/FLIR_{name}_PreviewData.jpeg", 1)
        at.picture(f"JPEGImages/FLIR_{name}_RGB.jpg")
        kind = "dog" if name == "08865" else "person"
        at.text(f"Annotations/FLIR_{name}_PreviewData.xml", VOC.format(name=kind))
    at.text("align_validation.txt", "FLIR_08864_PreviewData\nFLIR_08865_PreviewData\n")


def kaist(at: Layout) -> None:
    for frame in ("I00019", "I00039"):
        for camera, channels in (("lwir", 1), ("visible", 3)):
            at.picture(f"images/set06/V000/{camera}/{frame}.jpg", channels)
        lines = "% bbGt version=3\nperson 10 12 20 28 0 0 0 0 0 0 0\ncyclist 40 12 10 20 0 0 0 0 0 0 0\n"
        at.text(f"annotations/set06/V000/{frame}.txt", lines)
    at.text("imageSets/test-all-20.txt", "set06/V000/I00019\nset06/V000/I00039\n")


def pairs_alone(at: Layout) -> None:
    for name in ("1", "2"):
        at.picture(f"test/ir/{name}.png", 1)
        at.picture(f"test/vi/{name}.png")


LAYOUTS = {
    "MSRS": msrs,
    "MFNet": mfnet,
    "FMB": fmb,
    "PST900": pst900,
    "M3FD": m3fd,
    "LLVIP": llvip,
    "FLIR": flir,
    "KAIST": kaist,
    "TNO": pairs_alone,
    "RoadScene": pairs_alone,
}


def coco(path: Path, names: tuple[str, ...], category: str = "person") -> None:
    """COCO annotations with one object a picture, the second of them a crowd."""
    images = [{"id": 7 * k, "file_name": f"{n}.jpg", "height": 48, "width": 64} for k, n in enumerate(names, start=1)]
    boxes = [
        {"id": k, "image_id": 7 * k, "category_id": 3, "bbox": [10, 12, 20, 28], "iscrowd": int(k == 2)}
        for k in range(1, len(names) + 1)
    ]
    categories = [{"id": 3, "name": category}, {"id": 17, "name": "never seen"}]
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
