import pytest

from downstream.comparison.class_mapping import read_mapping
from downstream.datasets.cards import msrs
from dwsfusion.errors import InputError

CLASSES = msrs().boxes.names


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
