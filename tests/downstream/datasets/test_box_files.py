import numpy as np
import pytest
from layouts import VOC, coco

from downstream.datasets.box_files import kaist_rows, read_boxes, read_objects, voc_rows
from downstream.datasets.card import BoxClass, Boxes, Card, LabelSet
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from dwsfusion import InputError

BOXES = msrs().boxes
SIZE = (100, 200)


@pytest.fixture
def write(tmp_path):
    def write(text, name="00001D.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_fractions_become_pixels(write):
    found = read_boxes(write("2 0.5 0.5 0.25 0.5\n\n0 0.1 0.2 0.2 0.4\n"), SIZE, BOXES)
    assert found.classes.tolist() == [2, 0]
    np.testing.assert_allclose(found.boxes_xyxy, [[75, 25, 125, 75], [0, 0, 40, 40]], atol=1e-12)
    assert not found.crowd.any()


def test_an_empty_file_is_a_picture_without_objects(write):
    found = read_boxes(write(""), SIZE, BOXES)
    assert found.boxes_xyxy.shape == (0, 4)
    assert found.classes.shape == found.crowd.shape == (0,)


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf2 0.5 0.5 0.25 0.5\r\n0 0.1 0.2 0.2 0.4\r\n",
        b"2.000e+00 5.0e-01 0.5 0.25 0.5\n0.0 0.1 0.2 0.2 0.4",
        b"2 0.5 0.5 0.25 0.5 0.93\n0 0.1 0.2 0.2 0.4 1\n",
        b"2 0.5 0.5 0.25 0.5 0 0.1 0.2 0.2 0.4\n",
        b"2 0.375 0.25 0.625 0.25 0.625 0.75 0.375 0.75\n0 0 0 0.2 0.4 0 0.4\n",
    ],
    ids=["byte order mark and CRLF", "as savetxt writes", "a sixth column", "two on a line", "polygons"],
)
def test_the_same_two_objects_however_they_are_written(write, text):
    found = read_boxes(write(text), SIZE, BOXES)
    assert found.classes.tolist() == [2, 0]
    np.testing.assert_allclose(found.boxes_xyxy, [[75, 25, 125, 75], [0, 0, 40, 40]], atol=1e-9)


def test_three_objects_on_a_line_are_no_polygon(write):
    line = "0 0.1 0.2 0.2 0.4 1 0.5 0.5 0.1 0.1 2 0.5 0.5 0.25 0.5"
    assert read_boxes(write(line), SIZE, BOXES).classes.tolist() == [0, 1, 2]


def test_equal_rows_count_once_and_boxes_end_at_the_picture(write):
    found = read_boxes(write("0 0.05 0.5 0.2 0.4\n" * 3 + "2 1.004 0.5 0.1 0.1\n"), SIZE, BOXES)
    np.testing.assert_allclose(found.boxes_xyxy, [[0, 30, 30, 70], [190.8, 45, 200, 55]], atol=1e-9)
    assert (found.clipped, found.doubled) == (4, 2)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 0.5 0.5 0.1", "4 fields"),
        ("0 0.5 0.5 0.1 0.1 0.9 0.9 0.9", "8 fields"),
        ("person 0.5 0.5 0.1 0.1", "'person'"),
        ("1.5 0.5 0.5 0.1 0.1", "'1.5'"),
        ("3 0.5 0.5 0.1 0.1", "found 3"),
        ("-1 0.5 0.5 0.1 0.1", "found -1"),
        ("0 320 240 10 10", "from 0 to 1"),
        ("0 0.5 0.5 0 0.1", "extent"),
        ("0 0.5 nan 0.1 0.1", "nan"),
        ("0 inf 0.5 0.1 0.1", "inf"),
    ],
)
def test_a_bad_line_is_named(write, line, says):
    with pytest.raises(InputError, match=r"00001D\.txt, line 2: ") as error:
        read_boxes(write(f"0 0.5 0.5 0.1 0.1\n{line}\n"), SIZE, BOXES)
    assert says in str(error.value)


def test_what_is_no_text_is_an_input_error(tmp_path, write):
    with pytest.raises(InputError, match=r"nothing\.txt"):
        read_boxes(tmp_path / "nothing.txt", (10, 10), BOXES)
    with pytest.raises(InputError, match="expected a YOLO label file"):
        read_boxes(write(b"\xff\xfe\x00"), SIZE, BOXES)


class TestVoc:
    def test_names_become_classes(self, write):
        found = read_boxes(write(VOC.format(name="Car"), "a.xml"), SIZE, BOXES, voc_rows)
        assert found.classes.tolist() == [2]
        assert found.boxes_xyxy.tolist() == [[10, 12, 30, 40]]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (VOC.format(name="lorry"), r"a\.xml, object 1: expected a class of .*person.*, found lorry"),
            (VOC.format(name="car").replace("30", "many"), "expected bndbox"),
            (VOC.format(name="car").replace("30", "300"), "expected a box in the picture of 200x100"),
            (VOC.format(name="car")[:90], "expected Pascal VOC XML"),
            ("", "expected Pascal VOC XML"),
            (
                '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
                "expected Pascal VOC",
            ),
        ],
    )
    def test_what_does_not_fit_is_named(self, write, text, says):
        with pytest.raises(InputError, match=says):
            read_boxes(write(text, "a.xml"), SIZE, BOXES, voc_rows)


class TestKaist:
    def test_ignored_names_are_regions_for_every_class(self, write):
        boxes = Boxes((klass("person"), klass("car", 1)), {}, ignored=("people",))
        text = "% bbGt version=3\nperson 10 12 20 28 0 0\npeople 40 12 10 20 0 0\n"
        found = read_boxes(write(text), SIZE, boxes, kaist_rows)
        assert found.classes.tolist() == [0, 0, 1]
        assert found.crowd.tolist() == [False, True, True]
        assert found.boxes_xyxy[0].tolist() == [10, 12, 30, 40]

    def test_a_bad_line_is_named(self, write):
        with pytest.raises(InputError, match="line 1: expected 'name left top width height'"):
            read_boxes(write("person 1 2\n"), SIZE, BOXES, kaist_rows)


def klass(name, number=0):
    return BoxClass(name, number, (name,), (name,), (0, 0, 0))


class TestCoco:
    @pytest.fixture
    def data(self, tmp_path):
        boxes = Boxes((klass("person"), klass("car", 1)), {"coco": LabelSet("coco", "boxes.json")}, left_out=("dog",))
        return DataSet(Card("mine", boxes=boxes), tmp_path)

    @pytest.fixture
    def pictures(self, tmp_path, save):
        return {name: save(tmp_path / f"{name}.png", np.zeros((48, 64), np.uint8)) for name in ("a", "b", "c")}

    def test_one_file_tells_all_pictures(self, data, pictures, tmp_path):
        coco(tmp_path / "boxes.json", ("a", "b"))
        found = read_objects(data, data.card.boxes.labels["coco"], pictures)
        assert list(found) == ["a", "b"]  # nothing is said of c
        assert found["a"].boxes_xyxy.tolist() == [[10, 12, 30, 40]]
        assert [own.crowd.tolist() for own in found.values()] == [[False], [True]]

    def test_what_the_card_leaves_out_does_not_count(self, data, pictures, tmp_path):
        coco(tmp_path / "boxes.json", ("a",), "dog")
        assert len(read_objects(data, data.card.boxes.labels["coco"], pictures)["a"].classes) == 0

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (('"category_id": 3', '"category_id": 4'), "annotation 1: expected an image_id and a category_id"),
            (('"image_id": 7', '"image_id": 8'), "annotation 1: expected an image_id"),
            (("[10, 12, 20, 28]", "[10, 12, 20]"), "annotation 1"),
            (("[10, 12, 20, 28]", "[10, 12, 200, 28]"), "expected a box in the picture of 64x48"),
            (('"images"', '"pictures"'), "expected COCO with images"),
            (('"person"', '"lorry"'), "expected a class of .*person.*, found lorry"),
            (("{", "["), "expected COCO"),
        ],
    )
    def test_what_does_not_fit_is_named(self, data, pictures, tmp_path, change, says):
        coco(tmp_path / "boxes.json", ("a",))
        (tmp_path / "boxes.json").write_text((tmp_path / "boxes.json").read_text().replace(*change, 1))
        with pytest.raises(InputError, match=says):
            read_objects(data, data.card.boxes.labels["coco"], pictures)
