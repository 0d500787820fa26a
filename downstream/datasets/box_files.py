"""Files of boxes: YOLO text, Pascal VOC XML, COCO JSON and KAIST text, each into `Labels`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from downstream.datasets.card import Boxes, BoxFormat, LabelSet
from downstream.datasets.data_set import DataSet
from downstream.datasets.labels import HAIR, Labels, Row, labels_of, read_text
from dwsfusion.errors import InputError
from dwsfusion.images import image_size

Size = tuple[int, int]
_YOLO = "'class cx cy w h' with fractions of the picture"


def read_objects(data: DataSet, labels: LabelSet, pictures: Mapping[str, Path]) -> dict[str, Labels]:
    """Reads the objects of those pictures that have labels.

    Args:
        data: the data set; its card has boxes.
        labels: the files.
        pictures: picture name to a file of its size.

    Raises:
        InputError: a file or a row is malformed; the message names file and line.
    """
    boxes = data.card.boxes
    if boxes is None:
        return {}
    if labels.format == "coco":
        path = data.path(labels.path)
        rows = _coco_rows(path, data) if pictures and path.is_file() else {}
        return {n: labels_of(rows[n], boxes, image_size(pictures[n])) for n in pictures if n in rows}
    files = data.files(labels.path, pictures)
    read = _READERS[labels.format]
    return {n: read_boxes(path, image_size(pictures[n]), boxes, read) for n, path in files.items()}


def read_boxes(
    path: Path, size: Size, boxes: Boxes, read: "Callable[[Path, Size], Iterator[Row]] | None" = None
) -> Labels:
    """Reads the label file of one picture, YOLO text unless another reader is given.

    Args:
        path: the file; an empty one is a picture without objects.
        size: height and width of the picture in pixels.
        boxes: the classes.
        read: gives the rows of a file.

    Raises:
        InputError: a row is malformed; the message names the file and the line.
    """
    return labels_of(list((read or yolo_rows)(path, size)), boxes, size)


def yolo_rows(path: Path, size: Size) -> Iterator[Row]:
    """The rows of a YOLO label file: ``class cx cy w h``, or ``class x1 y1 x2 y2 …`` of a polygon's corners.

    A sixth column is passed over, and several objects may stand on one line.
    """
    for number, line in enumerate(read_text(path, "a YOLO label file").splitlines(), start=1):
        fields = line.split()
        where = f"{path}, line {number}"
        if fields and _is_polygon(fields):
            yield _polygon(fields, size, where)
            continue
        width = 6 if len(fields) == 6 else 5
        if len(fields) % width:
            raise InputError(f"{where}: expected {_YOLO}, found {len(fields)} fields: {line.strip()[:80]!r}")
        for start in range(0, len(fields), width):
            yield _yolo_box(fields[start : start + width], size, where)


def voc_rows(path: Path, size: Size) -> Iterator[Row]:
    """The objects of a Pascal VOC file; coordinates are taken as they stand. External entities are refused."""
    from defusedxml import DefusedXmlException  # here, for it comes with an extra
    from defusedxml.ElementTree import ParseError, parse

    try:
        objects = [*parse(path).iter("object")]
    except (OSError, ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InputError(f"expected Pascal VOC XML at {path}, found: {error or type(error).__name__}") from error
    for number, entry in enumerate(objects, start=1):
        where = f"{path}, object {number}"
        sides = [entry.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        kind = (entry.findtext("name") or "").strip()
        try:
            left, top, right, bottom = (float(side) for side in sides if side is not None)
        except ValueError as error:
            raise InputError(f"{where}: expected bndbox with xmin, ymin, xmax, ymax, found {sides}") from error
        yield Row(kind, _near((left, top, right, bottom), size, where), where)


def kaist_rows(path: Path, size: Size) -> Iterator[Row]:
    """The objects of a KAIST file (``% bbGt version=3``): ``name left top width height …`` in pixels."""
    for number, line in enumerate(read_text(path, "a KAIST label file").splitlines(), start=1):
        fields, where = line.split(), f"{path}, line {number}"
        if not fields or line.lstrip().startswith("%"):
            continue
        try:
            left, top, width, height = (float(field) for field in fields[1:5])
        except ValueError as error:
            raise InputError(
                f"{where}: expected 'name left top width height' in pixels, found {line.strip()[:80]!r}"
            ) from error
        yield Row(fields[0], _near((left, top, left + width, top + height), size, where), where)


_READERS: Mapping[BoxFormat, Callable[[Path, Size], Iterator[Row]]] = {
    "yolo": yolo_rows,
    "voc": voc_rows,
    "kaist": kaist_rows,
}


def _coco_rows(path: Path, data: DataSet) -> dict[str, list[Row]]:
    """Picture name to its rows, for every picture that a COCO file knows."""
    form = f"expected COCO with images, annotations and categories in {path}"
    try:
        coco = json.loads(read_text(path, "COCO annotations"))
        names = {image["id"]: data.name_of(str(image["file_name"])) for image in coco["images"]}
        classes = {category["id"]: str(category["name"]) for category in coco["categories"]}
        sizes = {image["id"]: (int(image["height"]), int(image["width"])) for image in coco["images"]}
        annotations = list(coco["annotations"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{form}, found: {error!r}") from error
    rows: dict[str, list[Row]] = {name: [] for name in names.values()}
    for number, annotation in enumerate(annotations, start=1):
        where = f"{path}, annotation {number}"
        try:
            image, kind = annotation["image_id"], classes[annotation["category_id"]]
            box, size = _coco_box(annotation), sizes[image]
        except (ValueError, KeyError, TypeError) as error:
            known = "an image_id and a category_id of the file, and a bbox of four numbers"
            raise InputError(f"{where}: expected {known}, found {str(annotation)[:120]}") from error
        apart = bool(annotation.get("iscrowd", 0)) or bool(annotation.get("ignore", 0))
        rows[names[image]].append(Row(kind, _near(box, size, where), where, apart))
    return rows


def _coco_box(annotation: Mapping[str, Any]) -> tuple[float, float, float, float]:
    left, top, width, height = (float(value) for value in annotation["bbox"])
    return left, top, left + width, top + height


def _yolo_box(fields: Sequence[str], size: Size, where: str) -> Row:
    kind = _class_number(fields[0], where)
    x, y, w, h = _fractions(fields[1:5], where)
    if min(w, h) <= 0:
        raise InputError(f"{where}: expected {_YOLO}, with some extent, found {' '.join(fields)!r}")
    height, width = size
    return Row(kind, ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height), where)


def _polygon(fields: Sequence[str], size: Size, where: str) -> Row:
    kind = _class_number(fields[0], where)
    corners = _fractions(fields[1:], where)
    height, width = size
    x, y = [v * width for v in corners[::2]], [v * height for v in corners[1::2]]
    return Row(kind, (min(x), min(y), max(x), max(y)), where)


def _is_polygon(fields: Sequence[str]) -> bool:
    """Corners come in pairs behind one class; fifteen fields may as well be three objects, whose classes are whole."""
    several = len(fields) % 5 == 0 and all(field.isdecimal() for field in fields[::5])
    return len(fields) >= 7 and len(fields) % 2 == 1 and not several


def _class_number(field: str, where: str) -> str:
    try:
        number = float(field)
        if number != int(number):
            raise ValueError(field)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: expected {_YOLO}, found class {field!r}") from error
    return str(int(number))


def _fractions(fields: Sequence[str], where: str) -> list[float]:
    try:
        values = [float(field) for field in fields]
    except ValueError as error:
        raise InputError(f"{where}: expected {_YOLO}, found {' '.join(fields)[:80]!r}") from error
    if not all(-HAIR <= value <= 1 + HAIR for value in values):
        raise InputError(f"{where}: expected {_YOLO}, from 0 to 1, found {' '.join(fields)[:80]!r}")
    return values


def _near(box: tuple[float, float, float, float], size: Size, where: str) -> tuple[float, float, float, float]:
    """A box in pixels that leaves the picture by no more than a hair."""
    height, width = size
    beyond = max(-box[0] / width, -box[1] / height, box[2] / width - 1, box[3] / height - 1)
    if not beyond <= HAIR:
        shown = ", ".join(f"{value:g}" for value in box)
        raise InputError(f"{where}: expected a box in the picture of {width}x{height} pixels, found {shown}")
    return box
