"""Values of a YAML file that know their line, so that a mistake is answered with it."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import yaml

from dwsfusion.errors import InputError

_MAX_BYTES = 1_000_000
Value = TypeVar("Value")


@dataclass(frozen=True)
class Located:
    """One value of a YAML file."""

    file: Path
    node: yaml.Node | None
    line: int
    what: str
    """What it is called: ``boxes.classes``."""

    def wrong(self, expected: str) -> NoReturn:
        """Refuses the value.

        Raises:
            InputError: always.
        """
        raise InputError(f"{self.file}, line {self.line}: expected {expected}, found {self._shown()}")

    def entries(self, known: Sequence[str] = (), required: Sequence[str] = ()) -> dict[str, "Located"]:
        """The entries of a mapping by their keys.

        Args:
            known: the keys that there may be; without them, any.
            required: those that there must be.

        Raises:
            InputError: it is no mapping, a key is not known, stands twice or is missing.
        """
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong(f"entries 'key: value' for {self.what}")
        found: dict[str, Located] = {}
        for key, value in self.node.value:
            name, line = str(getattr(key, "value", "?")), key.start_mark.line + 1
            at = Located(self.file, value, value.start_mark.line + 1, f"{self.what}.{name}".removeprefix("."))
            if known and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                guess = f": did you mean {near[0]!r}?" if near else ""
                raise InputError(
                    f"{self.file}, line {line}: expected {self.what or 'a card'} to have some of {', '.join(known)}, "
                    f"found {name!r}{guess}"
                )
            if name in found:
                raise InputError(f"{self.file}, line {line}: expected {at.what} once, found it twice")
            found[name] = at
        if missing := [key for key in required if key not in found]:
            raise InputError(f"{self.file}, line {self.line}: expected {self.what or 'a card'} to have {missing[0]!r}")
        return found

    def items(self) -> "list[Located]":
        """The items of a list.

        Raises:
            InputError: it is none.
        """
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong(f"a list for {self.what}")
        return [Located(self.file, node, node.start_mark.line + 1, self.what) for node in self.node.value]

    def list_of(self, read: "Callable[[Located], Value]") -> tuple[Value, ...]:
        """The items of a list, or the one value that stands in its place."""
        return tuple(read(i) for i in (self.items() if isinstance(self.node, yaml.SequenceNode) else [self]))

    def text(self) -> str:
        """A text, not empty.

        Raises:
            InputError: it is none.
        """
        if not isinstance(self.node, yaml.ScalarNode) or not str(self.node.value).strip():
            self.wrong(f"a text for {self.what}")
        return str(self.node.value)

    def number(self, highest: int) -> int:
        """A whole number from 0.

        Raises:
            InputError: it is none, or too large.
        """
        text = self.text()
        if not (text.isascii() and text.isdecimal() and int(text) <= highest):
            self.wrong(f"a whole number from 0 to {highest} for {self.what}")
        return int(text)

    def one_of(self, choices: Sequence[str]) -> str:
        """One of some words.

        Raises:
            InputError: it is none of them.
        """
        text = self.text()
        if text not in choices:
            self.wrong(f"{self.what} to be one of {', '.join(choices)}")
        return text

    def _shown(self) -> str:
        if isinstance(self.node, yaml.ScalarNode):
            return repr(str(self.node.value)[:60]) if self.node.value else "nothing"
        return "a list" if isinstance(self.node, yaml.SequenceNode) else "entries" if self.node else "nothing"


def read_yaml(file: Path) -> Located:
    """Reads a YAML file; nothing in it is executed.

    Raises:
        InputError: it is not there, too large, or no YAML.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"expected YAML of at most {_MAX_BYTES:,} bytes in {file}, found {file.stat().st_size:,}")
        node = yaml.compose(file.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"expected a YAML file at {file}, found: {error}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{file}, line {line}: expected YAML, found: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"expected YAML in {file}, found: {str(error).splitlines()[0]}") from error
    return Located(file, node, 1, "")
