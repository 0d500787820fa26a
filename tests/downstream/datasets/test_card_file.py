import textwrap

import pytest

from downstream.datasets.card_file import read_card
from downstream.datasets.cards import choose_card, shipped
from downstream.datasets.data_set import DataSet
from dwsfusion import InputError

WHOLE = """\
name: Gate
about: a gate by day and by night
pictures:
  infrared: "{split}/thermal/{scene}_{name}_ir.tif"
  visible: "{split}/colour/{scene}_{name}.png"
  name: "{scene}_{name}"
groups:
  night: {names: ["n*", "*dark*"]}
scene: "{scene}"
boxes:
  labels:
    drawn: {format: yolo, path: "{split}/boxes/{scene}_{name}.txt"}
  ignored: crowd
  classes:
    - {name: person, number: 3, names: [man, woman], detectors: [person, rider], colour: "#102030"}
    - {name: goat}
masks:
  path: "{split}/masks/{scene}_{name}.png"
  ignored: [0, 255]
  classes:
    - {name: ground, number: 1, colour: [1, 2, 3], cityscapes: [road, terrain]}
    - {name: person, number: 2, cityscapes: person}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "dataset.yaml").write_text(textwrap.dedent(text))
        return tmp_path / "dataset.yaml"

    return write


def test_a_whole_card(write):
    card = read_card(write(WHOLE))
    assert (card.name, card.layout.name, card.scene) == ("Gate", "{scene}_{name}", "{scene}")
    person, goat = card.boxes.classes
    assert (person.number, person.names, person.detectors) == (3, ("person", "man", "woman"), ("person", "rider"))
    assert (person.colour, goat.number, goat.detectors) == ((16, 32, 48), 1, ("goat",))
    assert card.boxes.ignored == ("crowd",)
    assert card.masks.ignored == (0, 255)
    assert card.masks.numbers.tolist() == [1, 2]
    assert card.masks.palette[0].tolist() == [1, 2, 3]
    assert card.masks.cityscapes_mapping() == {"road": "ground", "terrain": "ground", "person": "person"}


def test_groups_and_scenes_follow_the_names(write, tmp_path):
    data = DataSet(read_card(write(WHOLE)), tmp_path, parts={"n1_7": {"scene": "n1", "name": "7"}})
    assert {g: own.tolist() for g, own in data.groups(["n1_7", "d2_8", "d2_darker"]).items()} == {
        "night": [True, False, True]
    }
    assert data.scenes(["n1_7"]) == {"n1_7": "n1"}


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("about:", "abuot:"), 2, "found 'abuot': did you mean 'about'"),
        (("name: Gate", "name:"), 1, "a text for name, found nothing"),
        (("name: Gate", "name: ../up"), 1, "a plain name"),
        (('"{split}/thermal', '"../thermal'), 4, "a path below the data root, without '..'"),
        (('"{split}/thermal', '"/data/thermal'), 4, "a path below the data root"),
        (("{scene}_{name}_ir", "{name}_ir"), 4, "a path with {scene}, of which a picture's name is made"),
        (("{scene}_{name}_ir", "{scene}_{name_ir"), 4, "words in braces"),
        (("{scene}_{name}_ir", "{scene}_{name!r}"), 4, "words in braces"),
        (("  visible:", "  seen:"), 5, "found 'seen'"),
        (("format: yolo", "format: yaml"), 12, "one of yolo, voc, coco, kaist, found 'yaml'"),
        (("    - {name: goat}", "    - {name: person}"), 15, "a name of its own, not 'person' twice"),
        (("- {name: goat}", "- goat"), 16, "entries 'key: value'"),
        (("number: 3", "number: three"), 15, "a whole number from 0 to 10000 for boxes.classes.number, found 'three'"),
        (('"#102030"', '"#1020"'), 15, "a colour such as '#56b4e9'"),
        (("[1, 2, 3]", "[1, 2, 300]"), 21, "a colour such as"),
        (("[0, 255]", "[1, 255]"), 19, "ignored ids that are no class, not 1"),
        (('{names: ["n*", "*dark*"]}', "{}"), 8, "'names' (such as '*N') or 'list'"),
        (("    - {name: ground", "    {name: ground"), 22, "expected YAML"),
    ],
)
def test_a_mistake_is_answered_with_its_line(write, change, line, says):
    assert change[0] in WHOLE
    with pytest.raises(InputError) as told:
        read_card(write(WHOLE.replace(*change, 1)))
    assert f"dataset.yaml, line {line}: " in str(told.value)
    assert says in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "name: [", "a: &a [*a]", "name: x\npictures: {infrared: 'a/{name}'}"])
def test_what_is_no_card_is_refused(write, text):
    with pytest.raises(InputError, match="expected"):
        read_card(write(text))


def test_nothing_in_a_card_is_executed(write, tmp_path):
    with pytest.raises(InputError, match="line 2: expected a text for about, found a list"):
        read_card(write(f"name: x\nabout: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n"))
    assert not (tmp_path / "made").exists()


class TestChoice:
    def test_a_card_in_the_root_comes_first(self, write, tmp_path):
        write(WHOLE)
        assert choose_card(tmp_path).name == "Gate"
        assert choose_card(tmp_path, "m3fd").name == "M3FD"
        assert choose_card(tmp_path / "elsewhere", str(tmp_path / "dataset.yaml")).name == "Gate"

    def test_an_unknown_name_is_answered_with_the_known_ones(self, tmp_path):
        with pytest.raises(InputError, match=r"--data-set with one of .*LLVIP, M3FD.*, found 'M4FD'"):
            choose_card(tmp_path, "M4FD")

    def test_a_folder_named_as_a_card_is_meant_where_it_looks_alike(self, tmp_path):
        (tmp_path / "M3FD/Ir").mkdir(parents=True)
        assert choose_card(tmp_path / "M3FD") is shipped()["MSRS"]
        (tmp_path / "M3FD/Vis").mkdir()
        for folder in ("Ir", "Vis"):
            (tmp_path / "M3FD" / folder / "1.png").write_bytes(b"")
        assert choose_card(tmp_path / "M3FD") is shipped()["M3FD"]
