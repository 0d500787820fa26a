from pathlib import Path

import pytest

from downstream.comparison.prefetch import read_ahead
from dwsfusion.errors import ImageError


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_everything_comes_once_and_in_order(count):
    files = [Path(str(k)) for k in range(count)]
    assert list(read_ahead(files, lambda path: path.name)) == [path.name for path in files]


def test_two_files_are_read_ahead_and_no_more():
    read = []
    given = read_ahead([Path(str(k)) for k in range(9)], lambda path: read.append(path.name))
    next(given)
    next(given)
    given.close()
    assert read == ["0", "1", "2", "3"]


def test_what_cannot_be_read_is_raised_in_its_place():
    def refuse(path):
        if path.name == "1":
            raise ImageError("broken")
        return path.name

    given = read_ahead([Path("0"), Path("1")], refuse)
    assert next(given) == "0"
    with pytest.raises(ImageError, match="broken"):
        next(given)
