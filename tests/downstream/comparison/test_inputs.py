from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from downstream.comparison.inputs import label_files
from downstream.comparison.preparing import prepare_comparison
from downstream.datasets.data_set import DataSet
from dwsfusion import Fuser, InputError
from dwsfusion.baselines import MaxFusion
from dwsfusion.images import read_image

Save = Callable[[Path, np.ndarray], Path]
FUSER = Fuser(MaxFusion(), "dwsfusion", "stand-in", "cpu")
NAMES = ("00001D", "00002N", "00003N")


@pytest.fixture
def method(tmp_path: Path, save: Save) -> Path:
    """Another method's pictures of the three pairs, as JPEG."""
    for name in NAMES:
        save(tmp_path / "method" / f"{name}.jpg", np.zeros((32, 48, 3), np.uint8))
    return tmp_path / "method"


def test_all_inputs_show_the_same_pictures(pair_root: Path, method: Path, tmp_path: Path) -> None:
    comparison = prepare_comparison(pair_root, "test", [f"theirs={method}"], fuser=FUSER, fused=tmp_path / "fused")
    assert [i.name for i in comparison.inputs] == ["infrared", "visible", "mean", "max", "dwsfusion", "theirs"]
    assert all(tuple(i.files) == NAMES for i in comparison.inputs)
    assert comparison.input("max").files["00001D"] == tmp_path / "fused/set/max/test/00001D.png"
    assert read_image(comparison.input("visible").files["00001D"]).shape == (32, 48, 3)


def test_a_plain_remedy_joins_by_its_name(pair_root: Path, method: Path, tmp_path: Path) -> None:
    extra = ["max+clahe", f"theirs={method}", "max+clahe", "mean"]
    comparison = prepare_comparison(pair_root, "test", extra, fuser=FUSER, fused=tmp_path / "fused")
    names = ["infrared", "visible", "mean", "max", "max+clahe", "dwsfusion", "theirs"]
    assert [i.name for i in comparison.inputs] == names
    made = comparison.input("max+clahe").files["00001D"]
    assert made == tmp_path / "fused/set/max+clahe/test/00001D.png"
    pair = [read_image(comparison.input(name).files["00001D"]) for name in ("infrared", "visible")]
    assert np.array_equal(read_image(made), Fuser.from_pretrained("max+clahe", "cpu").fuse(*pair))
    with pytest.raises(InputError, match="is taken"):
        prepare_comparison(pair_root, "test", ["max+clahe", f"max+clahe={method}"], fuser=FUSER, fused=tmp_path / "f")


def test_the_weights_for_a_task_join_by_their_name(pair_root: Path, tmp_path: Path) -> None:
    extra = ["dwsfusion-task", "dwsfusion"]
    comparison = prepare_comparison(pair_root, "test", extra, fuser=FUSER, fused=tmp_path / "fused")
    assert [i.name for i in comparison.inputs][-2:] == ["dwsfusion-task", "dwsfusion"]
    fuser = Fuser.from_pretrained("dwsfusion-task", "cpu")
    assert (fuser.name, sum(p.numel() for p in fuser.network.parameters())) == ("dwsfusion-task", 9165)
    made = read_image(comparison.input("dwsfusion-task").files["00001D"])
    pair = [read_image(comparison.input(name).files["00001D"]) for name in ("infrared", "visible")]
    assert np.array_equal(made, fuser.fuse(*pair))
    assert not np.array_equal(made, Fuser.from_pretrained("dwsfusion", "cpu").fuse(*pair))


def test_a_methods_folder_may_hold_a_folder_a_split(pair_root: Path, method: Path, tmp_path: Path) -> None:
    method.rename(tmp_path / "test")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "test").rename(tmp_path / "theirs/test")
    comparison = prepare_comparison(
        pair_root, "test", [f"theirs={tmp_path / 'theirs'}"], fuser=FUSER, fused=tmp_path / "fused"
    )
    assert comparison.input("theirs").files["00001D"].parent == tmp_path / "theirs/test"


def test_missing_and_unknown_pictures_are_named_unless_common(pair_root: Path, method: Path, tmp_path: Path) -> None:
    (method / "00002N.jpg").rename(method / "zebra.jpg")
    with pytest.raises(InputError, match=r"1 pictures missing \(00002N\), 1 unknown \(zebra\).*--common"):
        prepare_comparison(pair_root, "test", [f"theirs={method}"], fuser=FUSER, fused=tmp_path / "fused")
    comparison = prepare_comparison(
        pair_root, "test", [f"theirs={method}"], fuser=FUSER, fused=tmp_path / "fused", common=True
    )
    assert all(tuple(i.files) == ("00001D", "00003N") for i in comparison.inputs)


def test_a_picture_of_another_size_is_refused(pair_root: Path, method: Path, tmp_path: Path, save: Save) -> None:
    save(method / "00003N.jpg", np.zeros((16, 24, 3), np.uint8))
    with pytest.raises(InputError, match="24x16 pixels, but the labels belong to 48x32"):
        prepare_comparison(pair_root, "test", [f"theirs={method}"], fuser=FUSER, fused=tmp_path / "fused")


def test_a_method_with_two_files_of_one_name_is_refused_by_both(
    pair_root: Path, method: Path, tmp_path: Path, save: Save
) -> None:
    save(method / "00002N.png", np.zeros((32, 48, 3), np.uint8))
    with pytest.raises(InputError, match=r"input theirs: 2 files of one name in .*: 00002N\.jpg, 00002N\.png"):
        prepare_comparison(pair_root, "test", [f"theirs={method}"], fuser=FUSER, fused=tmp_path / "fused")


def test_a_methods_names_that_differ_by_case_are_not_the_data_sets(
    pair_root: Path, method: Path, tmp_path: Path
) -> None:
    (method / "00002N.jpg").rename(method / "00002n.jpg")
    with pytest.raises(InputError, match=r"1 pictures missing \(00002N\), 1 unknown \(00002n\)"):
        prepare_comparison(pair_root, "test", [f"theirs={method}"], fuser=FUSER, fused=tmp_path / "fused")


def test_a_broken_pair_leaves_all_inputs_and_is_named(pair_root: Path, tmp_path: Path) -> None:
    (pair_root / "test/ir/00002N.png").write_bytes(b"broken")
    comparison = prepare_comparison(pair_root, "test", [], fuser=FUSER, fused=tmp_path / "fused")
    assert comparison.names == ("00001D", "00003N")
    assert [s.name for s in comparison.skipped] == ["00002N"]


def test_an_unreadable_picture_of_a_method_leaves_all_inputs_and_is_named(
    pair_root: Path, method: Path, tmp_path: Path
) -> None:
    whole = (method / "00002N.jpg").read_bytes()
    (method / "00002N.jpg").write_bytes(whole[: len(whole) // 2])  # its header can be read
    (method / "00003N.jpg").write_bytes(b"broken")
    prepare = lambda: prepare_comparison(  # noqa: E731
        pair_root, "test", [f"theirs={method}"], fuser=FUSER, fused=tmp_path / "fused"
    )
    comparison = prepare()
    assert all(tuple(i.files) == ("00001D",) for i in comparison.inputs)
    assert [s.name for s in comparison.skipped] == ["00002N", "00003N"]
    assert all(s.reason.startswith("input theirs: ") and str(method) in s.reason for s in comparison.skipped)
    (method / "00001D.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="not one picture is readable in all inputs; the first: input theirs"):
        prepare()


def test_only_what_is_chosen_is_fused(pair_root: Path, method: Path, tmp_path: Path) -> None:
    (method / "00003N.jpg").unlink()
    asked = []

    def choose(data: DataSet, names: Sequence[str]) -> list[str]:
        asked.append((data.root, data.split, list(names)))
        return ["00002N"]

    comparison = prepare_comparison(
        pair_root, "test", [f"theirs={method}"], fuser=FUSER, fused=tmp_path / "fused", common=True, choose=choose
    )
    assert asked == [(pair_root, "test", ["00001D", "00002N"])]
    assert comparison.names == ("00002N",)
    assert sorted(p.name for p in (tmp_path / "fused").rglob("*.png")) == ["00002N.png"] * 3


@pytest.mark.parametrize("extra", ["theirs", "=dir", "a/b=dir", "max=dir"])
def test_malformed_and_taken_names_are_refused(extra: str, pair_root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"NAME=DIR|is taken"):
        prepare_comparison(pair_root, "test", [extra], fuser=FUSER, fused=tmp_path / "fused")


def test_labels_are_found_beside_the_pictures(pair_root: Path, tmp_path: Path) -> None:
    comparison = prepare_comparison(pair_root, "test", [], fuser=FUSER, fused=tmp_path / "fused")
    with pytest.raises(InputError, match=r"expected labels in .*/test/labels, found only ir, vi"):
        label_files(comparison, "{split}/labels/{name}.txt")
    (pair_root / "test/labels").mkdir()
    with pytest.raises(InputError, match="found none that fits"):
        label_files(comparison, "{split}/labels/{name}.txt")
    (pair_root / "test/labels/00003N.txt").write_text("")
    assert label_files(comparison, "{split}/labels/{name}.txt") == {"00003N": pair_root / "test/labels/00003N.txt"}


def test_an_output_folder_lies_apart_from_sources_labels_and_methods(
    pair_root: Path, method: Path, tmp_path: Path
) -> None:
    comparison = prepare_comparison(pair_root, "test", [f"mine={method}"], fuser=FUSER, fused=tmp_path / "fused")
    (tmp_path / "link").symlink_to(comparison.root / "test/vi", target_is_directory=True)
    (comparison.root / "test/labels").mkdir()
    for out in (
        comparison.root,
        *(comparison.root / "test" / part for part in ("ir", "labels")),
        method,
        tmp_path / "link",
    ):
        with pytest.raises(InputError, match=r"(is|holds) the source folder"):
            comparison.check_apart(out)
    comparison.check_apart(method / "out")
    comparison.check_apart(comparison.root / "out")
