"""What Weights & Biases wrote of runs that were not sent: read from its files, record by record."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEADER, _BLOCK, _RECORD = 7, 32768, 7
"""Bytes: before the first record, of a block, and before the content of a record or of its part."""
_FULL, _LAST = 1, 4


def runs(folder: Path) -> dict[str, dict[str, Any]]:
    """Name to ``{"project", "group", "config", "history": [...], "summary"}`` of the runs in ``folder/wandb``."""
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # its process may still be writing
    found = {}
    for path in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
        run: dict[str, Any] = {"history": [], "summary": {}}
        for content in _records(path.read_bytes()):
            record = Record.FromString(content)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                config = {item.key: json.loads(item.value_json) for item in record.run.config.update}
                run |= {"name": record.run.display_name, "project": record.run.project, "config": config}
                run["group"] = record.run.run_group
            elif kind == "history":
                run["history"].append(_values(record.history.item))
            elif kind == "summary":
                run["summary"] |= _values(record.summary.update)
        found[run["name"]] = run
    return found


def _values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(data: bytes) -> Iterator[bytes]:
    """The records of a log: parts with checksum, length and kind, none of which crosses the end of a block."""
    at, whole = _HEADER, b""
    while at + _RECORD <= len(data):
        if _BLOCK - at % _BLOCK < _RECORD:
            at += _BLOCK - at % _BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + _RECORD : at + _RECORD + length]
        at += _RECORD + length
        if kind in (_FULL, _LAST):
            yield whole
            whole = b""
