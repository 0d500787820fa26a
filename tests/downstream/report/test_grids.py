"""Layout, insets, boxes and colour maps of the grids."""

import numpy as np
import pytest
from figure_parts import captions, rectangles
from numpy.typing import NDArray
from PIL import Image

from downstream.datasets.cards import msrs
from downstream.datasets.labels import Labels
from downstream.detection.boxes import place_labels
from downstream.detection.coco import Detections
from downstream.detection.grids import detection_grid
from downstream.report.figures import write_figure
from downstream.report.grids import TRUTH, fusion_grid
from downstream.report.insets import ZOOM_COLOURS, Region, check_zooms, choose_zooms, parse_zoom, place_insets
from downstream.report.panels import TEXT_WIDTH_IN, caption, make_sheet, text_width_pt
from downstream.segmentation.grids import colour_map, segmentation_grid
from dwsfusion.errors import ImageError, InputError

Array = NDArray[np.generic]
NAMES = ("infrared", "visible", "mean", "max", "dwsfusion", "Other")


def pictures(count: int, size: tuple[int, int] = (48, 64)) -> dict[str, Array]:
    random = np.random.default_rng(1)
    names = [*NAMES, *(f"method{i}" for i in range(count))][:count]
    return {name: random.integers(0, 256, (*size, 3), np.uint8) for name in names}


def detections(*rows: tuple[float, float, float, float, int, float]) -> Detections:
    values = np.array(rows, np.float64).reshape(-1, 6)
    return Detections(values[:, :4], values[:, 4].astype(np.int64), values[:, 5])


CLASSES = msrs().boxes.classes


class TestLayout:
    def test_one_panel_an_input_with_lettered_captions_in_order(self):
        figure = fusion_grid(pictures(6))
        assert captions(figure) == [
            "(a) Infrared", "(b) Visible", "(c) Mean", "(d) Max", "(e) DWSFusion", "(f) Other",
        ]  # fmt: skip
        assert figure.get_size_inches()[0] == pytest.approx(TEXT_WIDTH_IN)

    @pytest.mark.parametrize(("count", "rows"), [(1, [1]), (6, [6]), (7, [4, 3]), (12, [6, 6]), (16, [6, 6, 4])])
    def test_rows_are_few_and_balanced(self, count, rows):
        figure = fusion_grid(pictures(count))
        bottoms = [round(axes.get_position().y0, 6) for axes in figure.axes]
        assert [bottoms.count(bottom) for bottom in dict.fromkeys(bottoms)] == rows

    @pytest.mark.parametrize("size", [(48, 64), (200, 40), (30, 150)])
    def test_panels_keep_the_aspect_and_do_not_touch(self, size):
        figure = fusion_grid(pictures(7, size))
        figure_width, figure_height = figure.get_size_inches()
        boxes = [axes.get_position() for axes in figure.axes]
        for box in boxes:
            aspect = (box.height * figure_height) / (box.width * figure_width)
            assert aspect == pytest.approx(size[0] / size[1])
            assert min(box.x0, box.y0) >= 0
            assert max(box.x1, box.y1) <= 1
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])

    def test_pictures_of_different_size_are_refused(self):
        with pytest.raises(ImageError, match=r"infrared 64x48.*other 64x40"):
            make_sheet({"infrared": np.zeros((48, 64, 3), np.uint8), "other": np.zeros((40, 64, 3), np.uint8)})

    def test_a_long_name_is_broken_after_a_mark_and_fits(self):
        text = caption(0, "a_method_with_a_long_name-2.1", 82)
        assert text.replace("\n", "") == "(a) a_method_with_a_long_name-2.1"
        assert text.count("\n") == 1
        assert text.split("\n")[0][-1] in "_-."
        assert max(text_width_pt(line, 8) for line in text.split("\n")) <= 82

    def test_a_name_too_long_for_two_lines_is_cut(self):
        text = caption(27, "x" * 100, 82)
        assert text.startswith("(bb) xxx")
        assert text.endswith("…")
        assert text.count("\n") == 1


class TestZooms:
    def test_inset_is_the_zoomed_crop(self):
        given = pictures(3, (96, 128))
        zooms = [Region(50, 20, 16, 12), Region(20, 40, 10, 20)]
        figure = fusion_grid(given, zooms)
        for picture, axes in zip(given.values(), figure.axes, strict=True):
            whole, first, second = (image.get_array() for image in axes.images)
            np.testing.assert_array_equal(whole, picture)
            np.testing.assert_array_equal(first, picture[20:32, 50:66])
            np.testing.assert_array_equal(second, picture[40:60, 20:30])
            assert rectangles(axes, ZOOM_COLOURS[0])[0] == (50, 20, 16, 12)
            assert rectangles(axes, ZOOM_COLOURS[1])[0] == (20, 40, 10, 20)
        assert len({str([image.get_extent() for image in axes.images]) for axes in figure.axes}) == 1

    def test_insets_lie_in_corners_enlarged_and_cover_no_zoom_box(self, random):
        for _ in range(200):
            width, height = (int(v) for v in random.integers(40, 200, 2))
            zooms = []
            for _ in range(2):
                w, h = int(random.integers(4, width // 4 + 1)), int(random.integers(4, height // 4 + 1))
                zooms.append(
                    Region(int(random.integers(0, width - w + 1)), int(random.integers(0, height - h + 1)), w, h)
                )
            check_zooms(zooms, (height, width))
            places = place_insets(zooms, (height, width))
            assert not places[0].overlaps(places[1])
            for place, zoom in zip(places, zooms, strict=True):
                assert place.x in (0, width - place.width)
                assert place.y in (0, height - place.height)
                assert place.width / zoom.width > 1.2
                assert place.width / place.height == pytest.approx(zoom.width / zoom.height, rel=0.15)
                assert not any(place.overlaps(other) for other in zooms)

    @pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,0,9,9", "-1,0,9,9", "0,0,9,3", "1.5,0,9,9"])
    def test_malformed_zoom_is_refused(self, text):
        with pytest.raises(InputError, match="expected a zoom box X,Y,W,H"):
            parse_zoom(text)

    def test_zoom_is_read(self):
        assert parse_zoom("320,200,64,48") == Region(320, 200, 64, 48)

    @pytest.mark.parametrize(
        ("zooms", "problem"),
        [
            ([Region(60, 0, 8, 8)], "within 64x48"),
            ([Region(0, 0, 17, 8)], "up to 16x12"),
            ([Region(0, 0, 8, 8)] * 3, "at most 2"),
        ],
    )
    def test_zoom_that_does_not_fit_is_refused(self, zooms, problem):
        with pytest.raises(InputError, match=problem):
            check_zooms(zooms, (48, 64))

    def test_automatic_zoom_finds_what_one_camera_sees_alone(self, random):
        ir, vis = np.full((120, 160), 30, np.uint8), np.full((120, 160, 3), 40, np.uint8)
        ir[40:52, 100:106] = 230
        vis[70:86, 30:46] = random.integers(0, 256, (16, 16, 1), np.uint8)
        warm, textured = choose_zooms(ir, vis)
        assert warm.x <= 100 < 106 <= warm.x + warm.width
        assert warm.y <= 40 < 52 <= warm.y + warm.height
        assert abs(textured.x + textured.width / 2 - 38) <= 3
        assert abs(textured.y + textured.height / 2 - 78) <= 3

    def test_automatic_zooms_fit_for_any_picture(self, random):
        for size in [(16, 16), (40, 300), (300, 40)]:
            ir, vis = (random.integers(0, 256, size, np.uint8) for _ in range(2))
            zooms = choose_zooms(ir, vis)
            check_zooms(zooms, size)
            place_insets(zooms, size)
            assert choose_zooms(ir, vis) == zooms
            for zoom in zooms:
                assert min(zoom.x, zoom.y) > 0
                assert zoom.x + zoom.width < size[1]
                assert zoom.y + zoom.height < size[0]
            assert len(zooms) < 2 or not zooms[0].overlaps(zooms[1])

    def test_nothing_to_show_gives_no_zoom(self):
        same = np.full((48, 64), 9, np.uint8)
        assert choose_zooms(same, same) == []


class TestDetections:
    def test_boxes_and_labels_are_drawn_from_the_score_on(self):
        found = detections((10, 12, 30, 40, 0, 0.914), (40, 8, 60, 20, 2, 0.25), (1, 1, 9, 9, 1, 0.2499))
        figure = detection_grid({"visible": pictures(1)["infrared"]}, {"visible": found}, CLASSES)
        axes = figure.axes[0]
        assert [text.get_text() for text in axes.texts[1:]] == ["person 0.91", "car 0.25"]
        assert rectangles(axes, "#56b4e9") == [(10, 12, 20, 28)]
        assert rectangles(axes, "#d55e00") == [(40, 8, 20, 12)]
        assert rectangles(axes, "#f0e442") == []

    def test_each_input_shows_its_own_boxes(self):
        found = {"infrared": detections((1, 2, 9, 9, 0, 0.9)), "visible": detections()}
        figure = detection_grid(pictures(2), found, CLASSES)
        assert [len(rectangles(axes, "#56b4e9")) for axes in figure.axes] == [1, 0]

    def test_truth_is_a_last_panel_with_dashed_boxes_on_the_fused_picture(self):
        given = pictures(6)
        truth = Labels(np.array([[4.0, 5, 14, 25]]), np.array([1]))
        figure = detection_grid(given, {}, CLASSES, truth=truth)
        assert captions(figure)[-1] == f"(g) {TRUTH}"
        assert rectangles(figure.axes[-1], "#f0e442") == [(4, 5, 10, 20)]
        assert figure.axes[-1].patches[0].get_linestyle() != "-"
        np.testing.assert_array_equal(figure.axes[-1].images[0].get_array(), given["dwsfusion"])

    def test_labels_stay_in_the_picture_and_off_one_another(self, random):
        corners = random.uniform(0, 400, (12, 2)) * [1.4, 1]
        boxes = np.hstack([corners, corners + random.uniform(10, 80, (12, 2))])
        boxes[0], boxes[1] = (0, 0, 640, 480), (620, 0, 640, 10)
        labels = np.array(place_labels(boxes, [(150.0, 30.0)] * 12, (480, 640)))
        assert labels.min() >= 0
        assert labels[:, 2].max() <= 640
        assert labels[:, 3].max() <= 480
        for i, a in enumerate(labels):
            for b in labels[:i]:
                shared = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
                assert shared.min() <= 1e-6

    def test_a_label_stands_on_its_box_where_there_is_room(self):
        (label,) = place_labels(np.array([[100.0, 100, 140, 200]]), [(80.0, 20.0)], (480, 640))
        np.testing.assert_allclose(label, [100, 80, 180, 100])


class TestColourMaps:
    PALETTE = np.array([[0, 0, 0], [64, 0, 128], [200, 100, 0]], np.uint8)

    def test_colours_are_exact_and_other_ids_white(self):
        ids = np.array([[0, 1], [2, 255]], np.uint8)
        expected = [[[0, 0, 0], [64, 0, 128]], [[200, 100, 0], [255, 255, 255]]]
        np.testing.assert_array_equal(colour_map(ids, self.PALETTE), expected)

    def test_legend_names_the_classes_in_their_colours(self):
        figure = segmentation_grid({"visible": np.ones((48, 64), np.uint8)}, ("road", "car_stop", "c"), self.PALETTE)
        legend = next(axes for axes in figure.axes if axes.get_label() == "legend")
        assert [text.get_text() for text in legend.texts] == ["road", "car stop", "c"]
        assert [tuple(round(255 * v) for v in p.get_facecolor()[:3]) for p in legend.patches] == [
            tuple(colour) for colour in self.PALETTE.tolist()
        ]

    def test_written_panels_hold_the_colours_of_the_palette_alone(self, tmp_path, random):
        ids = random.integers(0, 3, (200, 300)).astype(np.uint8)
        write_figure(segmentation_grid({"visible": ids}, "abc", self.PALETTE), tmp_path, "map")
        written = np.asarray(Image.open(tmp_path / "map.png").convert("RGB"))
        panel = written[150:600, 100:-100].reshape(-1, 3)
        assert set(map(tuple, panel.tolist())) == set(map(tuple, self.PALETTE.tolist()))

    def test_truth_and_ignored_pixels(self):
        truth = np.full((48, 64), 255, np.uint8)
        figure = segmentation_grid({"visible": np.zeros_like(truth)}, "abc", self.PALETTE, truth)
        legend = next(axes for axes in figure.axes if axes.get_label() == "legend")
        assert captions(figure) == ["(a) Visible", f"(b) {TRUTH}"]
        assert legend.texts[-1].get_text() == "ignored"
