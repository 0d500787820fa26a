"""The report in a real browser: nothing leaves it, everything in it can be driven, and its numbers are the JSON's."""

import json
from statistics import NormalDist

import pytest
from page_visit import ReportVisit, visits

from downstream.comparison.uncertainty import student_quantile
from downstream.report.tables import percent


@pytest.fixture
def visit(browser, finished):
    with visits(ReportVisit, browser, finished / "report.html") as go:
        yield go


@pytest.fixture(scope="module")
def results(finished):
    return json.loads((finished / "results.json").read_text())


def test_nothing_leaves_the_page_and_every_figure_is_the_jsons(visit, results, finished):
    shown = visit()
    assert shown.asked == [(finished / "report.html").as_uri()]
    for said in results["summary"]:
        assert shown.page.get_by_role("heading", name=said["headline"]).first.is_visible()
    for name, task in results["tasks"].items():
        rows = shown.page.locator(
            f'#{name} table[aria-label="{name.capitalize()} over the whole set, per cent"] tbody tr'
        )
        for row, entry in zip(rows.all(), task["result"]["inputs"].values(), strict=True):
            texts = [cell.inner_text().split()[0] for cell in row.locator("td").all()]
            assert texts[: len(task["titles"])] == [percent(entry[metric]) for metric in task["titles"]]
    assert shown.page.locator("#figures tbody tr").count() == len(results["inputs"])


def test_the_browser_computes_the_same(visit):
    page = visit().page
    page.click("#recheck-run")
    outcome = page.wait_for_selector("[data-wrong]", timeout=60_000)
    assert outcome.get_attribute("data-wrong") == "0"
    assert float(outcome.get_attribute("data-largest")) < 1e-9
    assert int(outcome.get_attribute("data-compared")) > 100


def test_the_browser_judges_the_same(visit, results, tmp_path):
    """As if four pictures were enough for verdicts: then these go by the intervals."""
    judged = json.loads(json.dumps(results))
    for task in judged["tasks"].values():
        task["counts"] |= {"least_units": 2, "trained": False}
        for row in task["result"]["differences"]:
            low, high = row["simultaneous"]
            row["verdict"] = "no evidence" if low <= 0 <= high else "better" if low > 0 else "worse"
    (tmp_path / "judged.json").write_text(json.dumps(judged))
    page = visit().page
    page.set_input_files("#open", tmp_path / "judged.json")
    page.click("#recheck-run")
    outcome = page.wait_for_selector("[data-wrong]", timeout=60_000)
    assert outcome.get_attribute("data-wrong") == "0"
    rule = "([low, high, units, seeds]) => verdictBy([low, high], {least_units: 30, trained: true}, units, seeds)"
    cases = {"better": (0.1, 0.2, 30, 3), "worse": (-0.2, -0.1, 30, 3), "no evidence": (0, 0.2, 30, 3),
             "too few pictures": (0.1, 0.2, 29, 3), "one seed": (0.1, 0.2, 30, 1)}  # fmt: skip
    assert {verdict: page.evaluate(rule, list(case)) for verdict, case in cases.items()} == {v: v for v in cases}


def test_the_browser_knows_the_rules(visit):
    """Student's t for any degrees of freedom, and what verdict an interval gives."""
    page = visit().page
    for freedom in (1.0, 3.7, 29.0, 69.4, 9999.0, 20000.0):
        for errors in (1.0, 1.959963984540054, 3.2, 4.5):
            mine = page.evaluate(f"studentQuantile(within({errors}), {freedom})")
            assert mine == pytest.approx(student_quantile(NormalDist().cdf(errors), freedom), rel=1e-7)
    for low, high, units, trained, seeds, said in (
        (0.1, 0.2, 30, False, 1, "better"), (-0.2, -0.1, 30, False, 1, "worse"),
        (-0.1, 0.2, 30, True, 2, "no evidence"),
        (0.0, 0.2, 30, False, 1, "no evidence"), (0.1, 0.2, 29, False, 1, "too few pictures"),
        (0.1, 0.2, 30, True, 1, "one seed"),
    ):  # fmt: skip
        rule = f"{{least_units: 30, trained: {str(trained).lower()}}}"
        assert page.evaluate(f"verdictBy([{low}, {high}], {rule}, {units}, {seeds})") == said


def test_the_check_can_fail(visit, results, tmp_path):
    """A figure and a verdict that are not what the counts say are found out."""
    forged = json.loads(json.dumps(results))
    task = forged["tasks"]["detection"]["result"]
    task["inputs"]["max"]["map50"] += 1e-6
    row = next(row for row in task["differences"] if row["metric"] == "map")
    row["verdict"] = "better"
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    page = visit().page
    page.set_input_files("#open", tmp_path / "forged.json")
    page.click("#recheck-run")
    outcome = page.wait_for_selector("[data-wrong]", timeout=60_000)
    assert outcome.get_attribute("data-wrong") == "2"


def test_another_runs_file_can_be_shown_and_a_wrong_one_is_refused(visit, results, tmp_path):
    other = {**results, "data": {**results["data"], "name": "<b>elsewhere</b>"}}
    (tmp_path / "other.json").write_text(json.dumps(other))
    (tmp_path / "wrong.json").write_text("{}")
    page = visit().page
    page.set_input_files("#open", tmp_path / "wrong.json")
    page.get_by_text("wrong.json cannot be shown").wait_for()
    page.set_input_files("#open", tmp_path / "other.json")
    page.get_by_text("This is other.json").wait_for()
    assert "<b>elsewhere</b>" in page.locator("header").inner_text()  # text, and no element
    assert page.locator("header b").count() == 0


def test_boxes_follow_score_and_switches(visit, results):
    shown = visit()
    page = shown.page
    page.select_option('[data-key="order"] select', "name")
    seen = []
    for score in ("0.05", "0.5", "0.95"):
        page.locator("#score").fill(score)
        said, drawn = shown.counts()
        assert said == drawn
        seen.append(said)
    truth, names = results["tasks"]["detection"]["truth"], results["tasks"]["detection"]["names"]
    there = sum(names[box[0]] == shown.picture() for box in truth)
    assert all(hit + missed == there for hit, _, missed in seen)
    assert sum(seen[0][:2]) > sum(seen[2][:2])
    page.get_by_label("each input's best score").check()
    own = results["tasks"]["detection"]["result"]["inputs"]["dwsfusion"]["confidence"]
    boxes = [b for b in results["tasks"]["detection"]["boxes"]["dwsfusion"] if names[b[0]] == shown.picture()]
    assert sum(shown.counts()[0][:2]) == sum(b[6] >= own for b in boxes)
    page.get_by_label("boxes", exact=True).uncheck()
    assert shown.counts()[1] == [0, 0, 0]
    assert page.locator(".mask").count() == 0
    page.get_by_label("masks", exact=True).check()
    assert page.locator(".mask").count() == 6
    page.get_by_label("true masks").check()
    assert page.locator(".mask").count() == 12


def test_pictures_are_ordered_filtered_and_turned(visit, results, tmp_path):
    rare = json.loads(json.dumps(results))
    rare["tasks"]["detection"]["pictures_with"] = {"bicycle": [1, 3], "car": []}
    (tmp_path / "rare.json").write_text(json.dumps(rare))
    shown = visit()
    page, task = shown.page, rare["tasks"]["detection"]
    page.set_input_files("#open", tmp_path / "rare.json")
    page.get_by_text("This is rare.json").wait_for()
    names = lambda: [b.get_attribute("data-name") for b in page.locator("#strip button").all()]  # noqa: E731
    changes = dict(zip(task["names"], task["changes"]["dwsfusion"], strict=True))
    page.select_option('[data-key="order"] select', "best")
    assert [changes[n] for n in names()] == sorted(changes.values(), reverse=True)
    page.select_option('[data-key="order"] select', "worst")
    assert [changes[n] for n in names()] == sorted(changes.values())
    page.select_option('[data-key="group"] select', "night")
    assert names()
    assert all(name.endswith("N") for name in names())
    page.select_option('[data-key="group"] select', "")
    offered = page.locator('[data-key="class"] option').all_inner_texts()
    assert offered == ["anything", "bicycle"]  # no picture shows a car
    page.select_option('[data-key="class"] select', "bicycle")
    assert sorted(names()) == [task["names"][1], task["names"][3]]
    page.select_option('[data-key="class"] select', "")
    order = names()
    page.locator("#gallery").scroll_into_view_if_needed()
    page.locator("#strip button").first.click()
    for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        assert shown.picture() == order[place]
        assert page.evaluate("document.activeElement.dataset.name") == order[place]
    page.get_by_role("button", name="Next picture").click()
    assert shown.picture() == order[2]


def test_all_panels_zoom_and_move_together(visit):
    page = visit().page
    views = lambda: {s.get_attribute("viewBox") for s in page.locator(".stage svg").all()}  # noqa: E731
    assert views() == {"0 0 192 144"}
    page.get_by_role("button", name="Zoom in").click()
    assert len(views()) == 1
    zoomed = views()
    assert zoomed != {"0 0 192 144"}
    stage = page.locator(".stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 75)
    page.mouse.up()
    moved = views()
    assert len(moved) == 1
    assert moved != zoomed
    assert next(iter(moved)).split()[2:] == next(iter(zoomed)).split()[2:]
    page.keyboard.press("0")
    assert views() == {"0 0 192 144"}
    page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowRight")
    assert len(views()) == 1
    page.get_by_role("button", name="Whole picture").click()
    assert views() == {"0 0 192 144"}


def test_two_pictures_under_one_slider(visit):
    page = visit().page
    page.get_by_role("button", name="Two with a slider").click()
    page.get_by_role("combobox", name="Left").select_option("infrared")
    page.get_by_role("combobox", name="Right").select_option("max")
    assert page.locator(".stage svg").count() == 2
    page.locator("#split").fill("80")
    edge = page.locator(".edge").bounding_box()["x"] - page.locator(".stage").bounding_box()["x"]
    assert edge == pytest.approx(0.8 * page.locator(".stage").bounding_box()["width"], abs=1)
    assert "80%" in page.locator(".top").evaluate("t => getComputedStyle(t).clipPath")
    page.get_by_role("button", name="Side by side").click()
    assert page.locator(".stage").count() == 6


def test_every_figure_leads_to_its_pictures(visit):
    shown = visit()
    page = shown.page
    page.locator("#segmentation a.figure").last.click()
    page.wait_for_function("location.hash.startsWith('#gallery?')")
    assert page.locator('[data-key="task"] select').input_value() == "segmentation"
    row = page.locator('table[aria-label="Detection: largest gains and losses"] a').first
    name = row.inner_text()
    row.click()
    page.wait_for_selector(f'#strip [data-name="{name}"][aria-current="true"]')
    assert page.locator('[data-key="task"] select').input_value() == "detection"


def test_pictures_that_the_page_does_not_hold_lie_beside_it(visit, finished):
    shown = visit()
    shown.page.get_by_label("full size, from disk").check()
    shown.page.wait_for_timeout(300)
    folder = (finished / "pictures/large").as_uri()
    assert len(shown.asked) > 1
    assert all(url.startswith(folder) for url in shown.asked[1:])


def test_light_and_dark_phone_print_and_little_motion(visit):
    dark, phone = visit(color_scheme="dark"), visit(width=390, reduced_motion="reduce")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert dark.page.evaluate(ground) == "rgb(20, 23, 27)"
    dark.page.click("#theme")
    assert dark.page.evaluate(ground) == "rgb(255, 255, 255)"
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    assert phone.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    phone.page.emulate_media(media="print")
    assert not phone.page.locator("#contents").is_visible()
    assert phone.page.locator("#figures table").is_visible()


def test_the_keyboard_reaches_everything(visit):
    page = visit().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    unreachable = page.evaluate(
        "[...document.querySelectorAll('button, select, input, a, summary')].filter(e => e.tabIndex < 0).length"
    )
    assert unreachable == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_fault_that_axe_finds(visit, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="faults are looked for by axe")
    page = visit(color_scheme=scheme, width=width).page
    found = axe.Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []
