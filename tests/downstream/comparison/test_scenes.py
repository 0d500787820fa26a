import pytest

from downstream.comparison.scenes import in_protocol, read_scenes, scenes_of
from dwsfusion.errors import InputError


def test_scenes_are_read_and_put_in_order(tmp_path):
    file = tmp_path / "scenes.csv"
    file.write_text("picture,scene\n00002N,street\n00001D,yard\n00003D,yard\n", encoding="utf-8-sig")
    scenes = scenes_of(["00001D", "00002N", "00003D"], read_scenes(file))
    assert scenes == ["yard", "street", "yard"]
    assert in_protocol(scenes)["scenes"] == 2
    assert scenes_of(["any"], None) is None
    assert in_protocol(None) == {"drawn": "pictures taken as independent"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "expected a CSV file with the columns picture,scene"),
        ("name,scene\na,b\n", "found a line without them"),
        ("picture,scene\na,\n", "found a line without them"),
        ("picture,scene\na,x\na,y\n", "picture a is in the scenes x and y"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, text, found):
    file = tmp_path / "scenes.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=found):
        read_scenes(file)


def test_a_picture_without_a_scene_is_named():
    with pytest.raises(InputError, match=r"found none for b, c \(2 in all\)"):
        scenes_of(["a", "b", "c"], {"a": "x"})
