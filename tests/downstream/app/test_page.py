"""The page in a real browser: every control does what it says, nothing leaves the machine, anybody can use it."""

import json

import numpy as np
import pytest
from odd_pictures import encoded
from page_visit import Visit, visits
from PIL import Image

from downstream.sample import SampleConfig, render_pair
from dwsfusion import Fuser

VIEWS = ["infrared", "visible", "fused", "late"]


class AppVisit(Visit):
    """The page that a server on this machine serves."""

    def __init__(self, browser, served, **options):
        self.address = f"http://{served.host}/"
        super().__init__(browser, self.address, accept_downloads=True, **options)
        self.page.wait_for_selector("#fuse")

    def leave(self):
        assert all(url.startswith((self.address, "blob:")) for url in self.asked)
        super().leave()

    def give(self, ir, vis):
        self.page.set_input_files("#infrared", ir)
        self.page.set_input_files("#visible", vis)

    def shown(self):
        """Waits for a result: what each view is called."""
        self.page.wait_for_selector('#ask[aria-busy="false"]', timeout=60_000)
        return [panel.get_attribute("data-view") for panel in self.page.locator("#views .panel").all()]

    def boxes(self, view="late"):
        return self.page.locator(f'.panel[data-view="{view}"] rect.found').count()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    scene, folder = render_pair(SampleConfig(height=144, width=192), "test", 1), tmp_path_factory.mktemp("pair")
    for name, picture in (("ir", scene.ir), ("vis", scene.vis)):
        (folder / f"{name}.png").write_bytes(encoded(picture, "PNG"))
    return folder / "ir.png", folder / "vis.png"


@pytest.fixture
def visit(browser, served):
    with visits(AppVisit, browser, served) as go:
        yield go


def test_a_pair_is_fused_and_looked_at_by_both_networks(visit, pair):
    shown = visit()
    assert shown.page.locator("#fuse").is_disabled()
    shown.give(*pair)
    assert shown.shown() == VIEWS
    assert shown.page.locator(".mask[href]").count() == 4
    assert "vis.png" in shown.page.locator("#result h2").inner_text()
    assert "boxes by sample.pt; masks by small.onnx" in shown.page.locator("#result").inner_text()
    drawn = [panel.get_attribute("aria-label") for panel in shown.page.locator("#views svg[role=img]").all()]
    assert [said.partition(":")[0] for said in drawn] == ["Infrared", "Visible", "Fused", "Late fusion"]


def test_dropping_a_file_is_as_good_as_choosing_it(visit, pair):
    page = visit().page
    for side, file in zip(("infrared", "visible"), pair, strict=True):
        drop = """([id, name, bytes]) => {
          const held = new DataTransfer();
          held.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
          const at = document.getElementById(id);
          for (const kind of ["dragover", "drop"])
            at.dispatchEvent(new DragEvent(kind, { dataTransfer: held, bubbles: true, cancelable: true }));
        }"""
        page.evaluate(drop, [f"drop-{side}", file.name, list(file.read_bytes())])
    page.wait_for_selector("#views .panel", timeout=60_000)
    assert "kB" in page.locator("#hint-infrared").inner_text()


def test_boxes_follow_the_score_and_both_layers_their_switches(visit):
    shown = visit()
    shown.page.get_by_role("button", name="Try a sample scene").click()
    assert shown.shown() == VIEWS
    counts = []
    for score in ("0.05", "0.5", "0.95"):
        shown.page.locator("#score").fill(score)
        counts.append(shown.boxes())
        said = shown.page.locator('.panel[data-view="late"] .count').inner_text()
        assert sum(int(part.split()[0]) for part in said.split(", ") if part != "no box") == counts[-1]
    assert counts[0] > counts[2]
    shown.page.locator("#score").fill("0.05")
    shown.page.get_by_label("boxes", exact=True).uncheck()
    assert shown.boxes() == 0
    shown.page.get_by_label("masks", exact=True).uncheck()
    assert shown.page.locator("image.mask").count() == 0
    assert shown.page.locator(".key li").count() == 0
    shown.page.get_by_label("masks", exact=True).check()
    masked = {c for own in shown.page.evaluate("Object.values(seen.masks).map((m) => m.classes)") for c in own}
    assert shown.page.locator(".key li").count() == len(masked) > 0


def test_two_views_under_a_slider(visit):
    shown = visit()
    shown.page.get_by_role("button", name="Try a sample scene").click()
    shown.shown()
    shown.page.get_by_role("button", name="Two with a slider").click()
    shown.page.get_by_role("combobox", name="Left").select_option("infrared")
    shown.page.get_by_role("combobox", name="Right").select_option("late")
    shown.page.locator("#split").fill("80")
    stage, edge = (shown.page.locator(part).bounding_box() for part in (".stage", ".edge"))
    assert edge["x"] - stage["x"] == pytest.approx(0.8 * stage["width"], abs=1)
    labels = [svg.get_attribute("aria-label") for svg in shown.page.locator(".stage svg").all()]
    assert [label.partition(":")[0] for label in labels] == ["Infrared", "Late fusion"]
    shown.page.get_by_role("button", name="Side by side").click()
    assert shown.page.locator(".stage").count() == 4


def test_all_views_zoom_and_move_together(visit):
    shown = visit()
    shown.page.get_by_role("button", name="Try a sample scene").click()
    shown.shown()
    views = lambda: {svg.get_attribute("viewBox") for svg in shown.page.locator(".stage svg").all()}  # noqa: E731
    assert views() == {"0 0 640 480"}
    shown.page.get_by_role("button", name="Zoom in").click()
    (nearer,) = views()
    assert nearer != "0 0 640 480"
    shown.page.locator("body").press("Shift+ArrowRight")
    (moved,) = views()
    assert moved.split()[0] > nearer.split()[0]
    shown.page.locator("body").press("0")
    assert views() == {"0 0 640 480"}


def test_the_download_is_the_fused_picture(visit, pair, tmp_path):
    shown = visit()
    shown.give(*pair)
    shown.shown()
    for method in ("dwsfusion", "max"):
        shown.page.get_by_role("combobox", name="Method").select_option(method)
        shown.shown()
        with shown.page.expect_download() as started:
            shown.page.click("#download")
        assert started.value.suggested_filename == "fused.png"
        started.value.save_as(tmp_path / "fused.png")
        ir, vis = (np.asarray(Image.open(file)) for file in pair)
        expected = Fuser.from_pretrained(method, "cpu").fuse(ir, vis)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "fused.png")), expected)


def test_what_is_wrong_with_a_picture_stands_on_the_page(visit, pair, tmp_path):
    shown = visit()
    (tmp_path / "none.png").write_bytes(b"this is <b>no picture</b>")
    shown.give(tmp_path / "none.png", pair[1])
    shown.page.get_by_role("alert").get_by_text("infrared: not a readable picture").wait_for()
    assert not shown.page.locator("#result").is_visible()
    shown.page.set_input_files("#infrared", pair[0])
    assert shown.shown() == VIEWS
    assert not shown.page.get_by_role("alert").is_visible()
    assert any("422" in text for text in shown.complaints)  # the browser's own note of the refusal
    shown.complaints.clear()


def test_swapped_pictures_are_fused_the_other_way(visit, pair):
    shown = visit()
    shown.give(*reversed(pair))
    shown.shown()
    wrong = shown.page.evaluate("seen.pictures.fused")
    shown.page.get_by_role("button", name="Swap the two").click()
    shown.shown()
    assert shown.page.evaluate("seen.pictures.fused") != wrong
    names = "[...document.querySelectorAll('#ask input[type=file]')].map((input) => input.files[0].name)"
    assert shown.page.evaluate(names) == ["ir.png", "vis.png"]


def test_without_networks_the_page_says_what_to_start_it_with(visit, plain, pair):
    shown = visit(plain)
    shown.give(*pair)
    assert shown.shown() == VIEWS[:3]
    said = shown.page.locator(".notes").inner_text()
    assert "--detector FILE.pt" in said
    assert "--segmenter FILE.onnx" in said
    assert shown.page.locator("#score").count() == 0


def test_another_page_can_neither_frame_nor_ask_nor_read_it(browser, served, tmp_path):
    """A page of another origin in the same browser, as anybody could have open."""
    (tmp_path / "other.html").write_text("<!DOCTYPE html><title>another page</title>")
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "other.html").as_uri())
    ask = """(address) => Promise.all([
      fetch(address + "choices").then(() => "read", () => "kept out"),
      fetch(address + "look?sample=0", { method: "POST", headers: { "Content-Type": "application/octet-stream" } })
        .then(() => "asked", () => "kept out"),
      fetch(address + "look?sample=0", { method: "POST", mode: "no-cors", body: "x" })
        .then((answer) => answer.type, () => "kept out"),
    ])"""
    looked, real = [], served.looker.look
    served.looker.look = lambda *args, **more: looked.append(1) or real(*args, **more)
    try:
        assert page.evaluate(ask, f"http://{served.host}/")[:2] == ["kept out", "kept out"]
    finally:
        served.looker.look = real
    assert not looked
    page.set_content(f'<iframe src="http://{served.host}/"></iframe>')
    page.wait_for_timeout(500)
    assert not [frame for frame in page.frames[1:] if frame.locator("#fuse").count()]
    context.close()


def test_the_keyboard_reaches_everything(visit):
    shown = visit()
    page = shown.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "sample":
            break
    page.keyboard.press("Enter")
    assert shown.shown() == VIEWS
    page.wait_for_function("document.getElementById('said').textContent.startsWith('Fused: sample scene')")
    unreachable = (
        "[...document.querySelectorAll('button, select, input, a, summary')].filter(e => e.tabIndex < 0).length"
    )
    assert page.evaluate(unreachable) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_fault_that_axe_finds(visit, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="faults are looked for by axe")
    shown = visit(color_scheme=scheme, width=width)
    faults = []
    for view in ("empty", "Side by side", "Two with a slider"):
        if view == "Side by side":
            shown.page.get_by_role("button", name="Try a sample scene").click()
            shown.shown()
        elif view != "empty":
            shown.page.get_by_role("button", name=view).click()
        found = axe.Axe().run(shown.page).response["violations"]
        faults += [(view, fault["id"], fault["nodes"][0]["html"]) for fault in found]
        assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    assert json.dumps(faults) == "[]"
