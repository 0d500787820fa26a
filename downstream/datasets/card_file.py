"""Reads the card of a data set from YAML. `docs/add-a-data-set.md` shows how to write one."""

import colorsys
import re
from pathlib import Path
from string import Formatter

import yaml

from downstream.datasets.card import (
    IGNORED,
    BoxClass,
    Boxes,
    Card,
    Colour,
    Group,
    LabelSet,
    Layout,
    MaskClass,
    Masks,
)
from downstream.datasets.located import Located, read_yaml
from dwsfusion.errors import InputError

_CARD = ("name", "about", "sources", "checked", "pictures", "boxes", "masks", "groups", "scene")
_PICTURES = ("infrared", "visible", "four_channels", "name", "list", "splits")
_BOXES = ("labels", "cameras", "ignored", "left_out", "classes")
_BOX_CLASS = ("name", "number", "names", "detectors", "colour")
_MASKS = ("path", "ignored", "coloured", "classes")
_MASK_CLASS = ("name", "number", "colour", "cityscapes")
_FORMATS = ("yolo", "voc", "coco", "kaist")
_MOST_CLASSES = 255


def read_card(file: Path) -> Card:
    """Reads a card.

    Raises:
        InputError: the file is missing or is no card; the message names the line and what was expected there.
    """
    top = read_yaml(file).entries(_CARD, ("name",))
    layout = _layout(top["pictures"]) if "pictures" in top else Layout()
    return Card(
        name=_plain_name(top["name"]),
        about=top["about"].text() if "about" in top else "",
        sources=top["sources"].list_of(Located.text) if "sources" in top else (),
        checked=top["checked"].text() if "checked" in top else "",
        layout=layout,
        boxes=_boxes(top["boxes"]) if "boxes" in top else None,
        masks=_masks(top["masks"]) if "masks" in top else None,
        groups={name: _group(at) for name, at in top["groups"].entries().items()} if "groups" in top else {},
        scene=_template(top["scene"]) if "scene" in top else "",
        file=file,
    )


def _layout(at: Located) -> Layout:
    found = at.entries(_PICTURES)
    two, four = {"infrared", "visible"} & found.keys(), "four_channels" in found
    if four == bool(two) or len(two) == 1:
        at.wrong("pictures to have 'infrared' and 'visible', or 'four_channels'")
    patterns = {key: _pattern(found[key]) for key in ("infrared", "visible", "four_channels", "list") if key in found}
    splits = {name: value.text() for name, value in found["splits"].entries().items()} if "splits" in found else {}
    name = _template(found["name"]) if "name" in found else "{name}"
    for key in ("infrared", "visible", "four_channels"):
        if key in patterns and (missing := _words(name) - _words(patterns[key])):
            found[key].wrong(f"a path with {{{min(missing)}}}, of which a picture's name is made")
    return Layout(**patterns, name=name, splits=splits)


def _boxes(at: Located) -> Boxes:
    found = at.entries(_BOXES, ("labels", "classes"))
    labels = {}
    for name, entry in found["labels"].entries().items():
        parts = entry.entries(("format", "path"), ("format", "path"))
        labels[name] = LabelSet(parts["format"].one_of(_FORMATS), _pattern(parts["path"]))  # type: ignore[arg-type]
    classes = [_box_class(item, number) for number, item in enumerate(_several(found["classes"]))]
    _no_twins(found["classes"], [c.name for c in classes], [c.number for c in classes])
    cameras = _cameras(found["cameras"], labels) if "cameras" in found else None
    apart = {key: found[key].list_of(Located.text) for key in ("ignored", "left_out") if key in found}
    return Boxes(tuple(classes), labels, cameras, **apart)


def _cameras(at: Located, labels: dict[str, LabelSet]) -> tuple[str, str]:
    found = at.entries(("infrared", "visible"), ("infrared", "visible"))
    return found["infrared"].one_of(list(labels)), found["visible"].one_of(list(labels))


def _box_class(at: Located, position: int) -> BoxClass:
    found = at.entries(_BOX_CLASS, ("name",))
    name = found["name"].text()
    return BoxClass(
        name,
        found["number"].number(10_000) if "number" in found else position,
        (name, *(found["names"].list_of(Located.text) if "names" in found else ())),
        found["detectors"].list_of(Located.text) if "detectors" in found else (name,),
        _colour(found["colour"]) if "colour" in found else _spread_colour(position),
    )


def _masks(at: Located) -> Masks:
    found = at.entries(_MASKS, ("path", "classes"))
    classes = [_mask_class(item, number) for number, item in enumerate(_several(found["classes"]))]
    _no_twins(found["classes"], [c.name for c in classes], [c.number for c in classes])
    ignored = found["ignored"].list_of(lambda item: item.number(65535)) if "ignored" in found else (IGNORED,)
    if clash := {c.number for c in classes} & set(ignored):
        found["ignored" if "ignored" in found else "classes"].wrong(f"ignored ids that are no class, not {min(clash)}")
    coloured = "coloured" in found and found["coloured"].one_of(("true", "false")) == "true"
    if coloured:
        _no_twins(found["classes"], [], [c.colour for c in classes], "colour")
    return Masks(_pattern(found["path"]), tuple(classes), ignored, coloured)


def _mask_class(at: Located, position: int) -> MaskClass:
    found = at.entries(_MASK_CLASS, ("name",))
    networks = found["cityscapes"].list_of(Located.text) if "cityscapes" in found else ()
    number = found["number"].number(_MOST_CLASSES) if "number" in found else position
    colour = _colour(found["colour"]) if "colour" in found else _spread_colour(position)
    return MaskClass(found["name"].text(), number, colour, networks)


def _several(at: Located) -> list[Located]:
    items = at.items()
    if not 1 <= len(items) <= _MOST_CLASSES:
        at.wrong(f"1 to {_MOST_CLASSES} classes")
    return items


def _no_twins(at: Located, names: list[str], numbers: list[object], what: str = "number") -> None:
    for kind, values in (("name", names), (what, numbers)):
        if twice := [value for value in values if values.count(value) > 1]:  # type: ignore[arg-type]
            at.wrong(f"every class of {at.what} to have a {kind} of its own, not {twice[0]!r} twice")


def _group(at: Located) -> Group:
    found = at.entries(("names", "list"))
    if len(found) != 1:
        at.wrong(f"{at.what} to have 'names' (such as '*N') or 'list' (a text file)")
    return (
        Group(names=found["names"].list_of(Located.text)) if "names" in found else Group(list=_pattern(found["list"]))
    )


def _colour(at: Located) -> Colour:
    expected = "a colour such as '#56b4e9' or [86, 180, 233]"
    try:
        parts = [item.number(255) for item in at.items()] if not _is_text(at) else []
        if _is_text(at) and re.fullmatch(r"#[0-9a-fA-F]{6}", at.text()):
            parts = list(bytes.fromhex(at.text()[1:]))
    except InputError:
        parts = []
    if len(parts) != 3:
        at.wrong(expected)
    return parts[0], parts[1], parts[2]


def _is_text(at: Located) -> bool:
    return isinstance(at.node, yaml.ScalarNode)


def _spread_colour(position: int) -> Colour:
    """Colours that differ for neighbouring classes: steps of the golden angle."""
    red, green, blue = colorsys.hsv_to_rgb(position * 0.618034 % 1, 0.65, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def _plain_name(at: Located) -> str:
    name = at.text()
    if not re.fullmatch(r"[\w][\w .+-]*", name):
        at.wrong("a plain name")
    return name


def _pattern(at: Located) -> str:
    """A path below the data root."""
    pattern = _template(at)
    parts = pattern.replace("\\", "/").split("/")
    if ".." in parts or pattern.startswith(("/", "\\", "~")) or ":" in parts[0]:
        at.wrong(f"{at.what} to be a path below the data root, without '..'")
    return pattern


def _template(at: Located) -> str:
    try:
        _words(at.text())
    except ValueError:
        at.wrong(f"{at.what} to be a text with words in braces, such as '{{split}}/ir/{{name}}.png'")
    return at.text()


def _words(template: str) -> set[str]:
    """The words in braces.

    Raises:
        ValueError: they are not plain words, or a brace stands alone.
    """
    words = set()
    for _, word, form, conversion in Formatter().parse(template):
        if word is None:
            continue
        if not word.isidentifier() or form or conversion:
            raise ValueError(word)
        words.add(word)
    return words
