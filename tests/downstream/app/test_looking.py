"""What the page is told is what the library gives; and what is wrong with a picture is said in a sentence."""

import base64
import io
import json
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPResponse
from threading import Event

import numpy as np
import pytest
from odd_pictures import BAD, GOOD, GREY, RGB, encoded, header
from odd_pictures import png as png_of
from PIL import Image

from downstream.app import server, uploads
from downstream.app.guard import BODY_TYPE
from downstream.app.networks import MIN_SCORE
from downstream.datasets.cards import msrs
from downstream.detection.coco import results_of
from downstream.detection.late import pool
from downstream.detection.yolo import YoloDetector
from downstream.sample import SampleConfig, render_pair
from downstream.segmentation.networks import load_segmenter
from dwsfusion import Fuser
from dwsfusion.devices import CPU
from dwsfusion.images import grey_array

IR, VIS = encoded(GREY, "PNG"), encoded(RGB, "PNG")


def pixels(url):
    """The picture that an address holds."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


@pytest.fixture
def scene():
    return render_pair(SampleConfig(height=144, width=192), "test", 1)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where files lie for a moment: an empty folder of this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("method", ["dwsfusion", "max", "mean"])
def test_the_fused_picture_is_the_librarys_bit_for_bit(plain, scene, method):
    status, told = plain.look(encoded(scene.ir, "PNG"), encoded(scene.vis, "PNG"), f"method={method}")
    assert status == 200
    expected = Fuser.from_pretrained(method, "cpu").fuse(scene.ir, scene.vis)
    assert np.array_equal(pixels(told["pictures"]["fused"]), expected)
    assert told["size"] == [144, 192]


def test_without_networks_it_says_so(plain):
    told = plain.look(IR, VIS)[1]
    assert told["boxes"] is told["masks"] is told["detector"] is told["segmenter"] is None
    assert [note.split(",")[0] for note in told["notes"]] == ["No detector was given", "No segmenter was given"]


def test_boxes_and_masks_are_those_of_a_comparison(served, scene, tmp_path):
    told = served.look(encoded(scene.ir, "PNG"), encoded(scene.vis, "PNG"))[1]
    files = {"infrared": scene.ir, "visible": scene.vis, "fused": pixels(told["pictures"]["fused"])}
    for name, picture in files.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    card, config = msrs(), served.config
    detector = YoloDetector(config.detector, CPU, card.boxes, config.image_size)
    found = {name: results_of(detector.predict([tmp_path / f"{name}.png"])) for name in files}
    found["late"] = pool([*found["infrared"], *found["visible"]])
    for name, results in found.items():
        sure = [[r["category_id"], *r["bbox"], r["score"]] for r in results if r["score"] >= MIN_SCORE]
        assert sorted(told["boxes"][name]) == sorted(sure)
    assert sum(map(len, told["boxes"].values())) > 0
    segmenter = load_segmenter(config.segmenter, CPU, card.masks)
    masks = {name: segmenter.predict(picture) for name, picture in files.items()}
    masks["late"] = segmenter.predict_late(scene.ir, scene.vis)
    for name, ids in masks.items():
        assert np.array_equal(pixels(told["masks"][name]["mask"]), ids)  # its palette's numbers
        assert told["masks"][name]["classes"] == [n for k, n in enumerate(card.masks.names) if k and (ids == k).any()]


def test_a_range_of_counts_is_what_fusion_and_networks_see(served, scene):
    counts = scene.ir.astype(np.uint16) * 4 + 7000
    told = served.look(encoded(counts, "PNG"), encoded(scene.vis, "PNG"))[1]
    assert any("uses only the counts" in note for note in told["notes"])
    ranged = served.look(encoded(counts, "PNG"), encoded(scene.vis, "PNG"), "method=max&low=7000&high=8020")[1]
    assert not any("counts" in note for note in ranged["notes"])
    expected = Fuser.from_pretrained("max", "cpu").fuse(counts, scene.vis, (7000, 8020))
    assert np.array_equal(pixels(ranged["pictures"]["fused"]), expected)
    same = served.look(encoded(grey_array(counts, (7000, 8020)), "PNG"), encoded(scene.vis, "PNG"))[1]
    assert ranged["boxes"]["infrared"] == same["boxes"]["infrared"]
    assert ranged["masks"]["infrared"] == same["masks"]["infrared"]


def test_sample_scenes_follow_each_other_and_begin_again(served):
    names = []
    for number in (0, 1, uploads.SAMPLE_SCENES):
        told = json.loads(served.ask(f"/look?method=max&sample={number}", b"")[2])
        names.append(told["name"])
    assert names == ["sample scene 00002N", "sample scene 00004D", "sample scene 00002N"]


def test_the_packaged_detector_looks_at_sample_scenes_alone(plain):
    told = json.loads(plain.ask("/look?method=max&sample=0", b"")[2])
    assert told["detector"]["name"] == "sample.pt"
    assert told["boxes"]["fused"]
    assert any("trained on sample scenes" in note for note in told["notes"])
    assert plain.look(IR, VIS)[1]["detector"] is None


@pytest.mark.parametrize("name", GOOD)
def test_whatever_is_a_picture_is_taken(plain, name):
    assert plain.look(IR, GOOD[name][1]())[0] == 200


@pytest.mark.parametrize("side", ["infrared", "visible"])
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_is_refused_in_a_sentence(plain, temporary, name, side):
    _, make, reason = BAD[name]
    status, told = plain.look(make(), VIS) if side == "infrared" else plain.look(IR, make())
    assert status == 422
    assert (reason if make() else f"found no {side} one") in told["error"]
    assert str(temporary) not in told["error"]  # where it lay is nobody's business
    assert list(temporary.iterdir()) == []


def test_four_channels_as_infrared_are_asked_about(plain):
    four = encoded(Image.fromarray(np.dstack([RGB, GREY]), "RGBA"), "PNG")
    status, told = plain.look(four, VIS)
    assert status == 422
    assert told["error"].startswith("infrared: expected infrared in one channel, found four")


def test_too_many_pixels_are_told_by_the_header(plain):
    large = png_of(header(6000, 4000), (b"IDAT", b""), (b"IEND", b""))
    status, told = plain.look(large, VIS)
    assert status == 422
    assert told["error"] == "infrared: 6000x4000 pixels, at most 12 million are taken: make it smaller"


def test_too_many_bytes_are_not_kept(plain, monkeypatch, temporary):
    monkeypatch.setattr(uploads, "MAX_BYTES", 2000)
    status, told = plain.look(IR, bytes(2001))
    assert status == 422
    assert told["error"].startswith("visible: 0 MiB")
    status, _, content = plain.ask("/look?infrared=1", b"x", Content_Length=str(65 << 20))
    assert status == 413
    assert b"at most 32 MiB a picture" in content
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("length", [None, "", "-1", "1e3", "²", "9" * 30])
def test_a_length_that_is_none_is_refused(plain, length):
    status, _, _ = plain.ask("/look?infrared=1", iter([b"x"]), Content_Length=length)
    assert status == 411


@pytest.mark.parametrize(
    ("status", "path", "own"),
    [(403, "/look", {"Origin": "http://elsewhere.test"}), (404, "/elsewhere", {}),
     (411, "/look", {"Content-Length": "x"}), (413, "/look", {"Content-Length": str(65 << 20)}),
     (422, "/look?method=max&low=5", {})],
)  # fmt: skip
def test_whoever_still_sends_when_the_answer_is_there_is_not_cut_off(plain, monkeypatch, status, path, own):
    monkeypatch.setattr(server, "_SILENCE_S", 60)
    with asked(plain, path, own) as browser:
        answer = HTTPResponse(browser)
        answer.begin()
        assert (answer.status, set(json.loads(answer.read()))) == (status, {"error"})
        for _ in range(3):
            browser.sendall(bytes(1 << 20))  # to a connection that was closed this fails at the latest the second time


@pytest.mark.parametrize(("patience", "pause"), [("_SILENCE_S", 1), ("_LINGER_S", 0.01)])
def test_whoever_does_not_end_is_cut_off(plain, monkeypatch, patience, pause):
    monkeypatch.setattr(server, patience, 0.2)

    def sends_for_ever(browser):
        while True:
            browser.sendall(bytes(1 << 10))
            time.sleep(pause)

    with asked(plain, "/elsewhere", {}) as browser, pytest.raises((BrokenPipeError, ConnectionResetError)):
        sends_for_ever(browser)


def asked(plain, path, own):
    """A connection over which a browser has sent the head of a request."""
    headers = {"Host": plain.host, "Origin": f"http://{plain.host}", "Content-Type": BODY_TYPE}
    headers |= {"Content-Length": str(3 << 20), **own}
    head = "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""])
    browser = socket.create_connection(("127.0.0.1", plain.server.server_port), timeout=60)
    browser.sendall(head.encode())
    return browser


@pytest.mark.parametrize(
    ("query", "said"),
    [("method=x", "expected a method of dwsfusion, max, mean, found 'x'"), ("low=5", "two numbers LOW HIGH"),
     ("low=5&high=5", "LOW < HIGH"), ("low=a&high=b", "two numbers"), ("low=nan&high=1", "LOW < HIGH"),
     ("sample=-1", "expected a number for sample"), ("sample=" + "9" * 40, "expected a number for sample")],
)  # fmt: skip
def test_questions_of_no_sense_are_answered(plain, query, said):
    status, told = plain.look(IR, VIS, query)
    assert status == 422
    assert said in told["error"]


@pytest.mark.parametrize("count", ["0", "999999"])
def test_a_boundary_elsewhere_leaves_one_picture_out(plain, count):
    status, _, content = plain.ask(f"/look?method=max&infrared={count}", IR + VIS)
    assert status == 422
    assert b"found no" in content


def test_pictures_leave_nothing_behind(served, temporary):
    assert served.look(IR, VIS)[0] == 200
    assert list(temporary.iterdir()) == []


def test_a_fault_of_ours_is_told_without_its_inside(plain, monkeypatch, caplog):
    def fails(*_args, **_more):
        raise RuntimeError("the inside")

    monkeypatch.setattr(plain.looker, "look", fails)
    status, told = plain.look(IR, VIS)
    assert status == 500
    assert "the inside" not in told["error"]
    assert "the inside" in caplog.text


def test_few_may_wait(plain, monkeypatch):
    going, real = Event(), plain.looker.look
    monkeypatch.setattr(plain.looker, "look", lambda *args, **more: going.wait(60) and real(*args, **more))
    with ThreadPoolExecutor(6) as browsers:
        asked = [browsers.submit(plain.look, IR, VIS) for _ in range(6)]
        answered = as_completed(asked, timeout=60)
        assert [next(answered).result()[0] for _ in range(2)] == [503, 503]
        going.set()
        assert sorted(answer.result()[0] for answer in asked) == [200] * 4 + [503] * 2
