"""What detectors find in the pictures of an input: kept on disk in COCO's form, and used again where it fits."""

import glob
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from downstream.comparison.cross_validation import Folded
from downstream.comparison.inputs import Input
from downstream.detection.coco import Detections, Results, results_of
from dwsfusion.progress import Track
from dwsfusion.runs import fingerprint, hash_file, hash_text, write_text
from dwsfusion.shards import Shard


class Detector(Protocol):
    """Finds objects in pictures."""

    identity: str
    """Changes with the weights."""
    detectable: tuple[str, ...]
    """The classes that it knows."""
    runtime_difference: float | None
    """Of a faster runtime's output to torch's, where one computes it."""

    @property
    def settings(self) -> dict[str, Any]:
        """All that a prediction depends on besides the picture."""

    @property
    def seconds(self) -> float:
        """How long it has computed until now."""

    def predict(self, files: Iterable[Path]) -> Iterator[Detections]:
        """Finds the objects in pictures, one after the other."""


def predict_input(
    detectors: Folded[Detector], item: Input, file: Path, track: Track, shard: Shard | None = None
) -> dict[str, Results]:
    """Detects on every picture of an input, or reads what was found before by the same detectors on the same files.

    Beside the predictions lie two hidden files: ``.NAME.key``, a hash of what they come from and of what they are, so
    that neither a changed picture nor a changed predictions file goes unnoticed; and ``.NAME.jsonl``, a line a picture
    as soon as it is done, so that a stopped run goes on at the next picture. A shard writes its lines alone,
    ``.NAME-I-of-N.jsonl``, and a run over all pictures finds them.

    Returns:
        Picture name to its results in COCO's form.
    """
    mark = file.with_name(f".{file.stem}.key")
    settings = json.dumps(settings_of(detectors), sort_keys=True)
    if shard is not None:
        found = _detect(detectors, item, file.with_name(f".{file.stem}-{shard.tag}.jsonl"), settings, track)
        return dict(zip(item.files, found, strict=True))
    source = hash_text(settings, fingerprint(item.files.values()))
    if not (file.is_file() and mark.is_file() and mark.read_text() == hash_text(source, hash_file(file))):
        found = _detect(detectors, item, file.with_name(f".{file.stem}.jsonl"), settings, track)
        write_text(file, json.dumps(_numbered(found)))
        write_text(mark, hash_text(source, hash_file(file)))
    by_picture: dict[str, Results] = {name: [] for name in item.files}
    names = list(item.files)
    for result in json.loads(file.read_text(encoding="utf-8")):
        by_picture[names[result["image_id"] - 1]].append(result)
    return by_picture


def settings_of(detectors: Folded[Detector]) -> dict[str, Any]:
    """All that the predictions of an input depend on besides its pictures."""
    settings = detectors.networks[0].settings
    return {**settings, "detector_sha256": detectors.identity} if detectors.fold_of else settings


def _detect(detectors: Folded[Detector], item: Input, journal: Path, settings: str, track: Track) -> list[Results]:
    """The results of every picture in order, each under the image id 1: those in the journal, and the others anew."""
    sources = {name: hash_text(settings, name, hash_file(path)) for name, path in item.files.items()}
    shards = journal.parent.glob(f"{glob.escape(journal.stem)}-*-of-*.jsonl")
    done: dict[str, Results] = {}
    for lines in (journal, *shards):
        done |= _read_journal(lines, set(sources.values()))
    # Lines of other pictures and settings are dropped, and what a killed run left of its last one.
    write_text(journal, "".join(_line(source, done[source]) for source in sources.values() if source in done))

    def predict(detector: Detector, names: list[str]) -> Iterator[Detections]:
        return detector.predict([item.files[name] for name in names])

    missing = [name for name, source in sources.items() if source not in done]
    predictions = track(detectors.predict(missing, predict), f"detect on {item.name}", len(missing))
    with journal.open("a", encoding="utf-8") as file:
        for name, detections in zip(missing, predictions, strict=True):
            done[sources[name]] = results_of([detections])
            file.write(_line(sources[name], done[sources[name]]))
            file.flush()
    return [done[source] for source in sources.values()]


def _numbered(found: Iterable[Results]) -> Results:
    return [{**result, "image_id": number} for number, results in enumerate(found, start=1) for result in results]


def _line(source: str, results: Results) -> str:
    return json.dumps({"source": source, "results": results}) + "\n"


def _read_journal(journal: Path, wanted: set[str]) -> dict[str, Results]:
    """Source to results, of the lines that are whole and of what is wanted."""
    if not journal.is_file():
        return {}
    done: dict[str, Results] = {}
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, KeyError, TypeError):  # half a line, or somebody else's
            entry = json.loads(line)
            if entry["source"] in wanted:
                done[entry["source"]] = entry["results"]
    return done
