import pytest

from downstream.comparison.class_mapping import read_mapping
from downstream.detection.coco import CLASSES
from downstream.detection.yolo import COCO_MAPPING
from dwsfusion.errors import InputError


def test_the_mapping_of_this_package_takes_classes_by_their_names():
    assert read_mapping(COCO_MAPPING, CLASSES) == {name: name for name in CLASSES}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("{", "expected a mapping"),
        ("[]", "found something else"),
        ("{}", "found something else"),
        ('{"bus": 2}', "found something else"),
        ('{"bus": "lorry"}', "unknown class lorry: expected some of person, bicycle, car"),
        ('{"buss": "car"}', "unknown class buss: expected some of person, bus"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, text, says):
    path = tmp_path / "mapping.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_mapping(path, CLASSES, ("person", "bus"))
