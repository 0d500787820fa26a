"""Networks look at every input, and at both cameras together where the same ones look at both."""

from collections.abc import Mapping
from pathlib import Path

from downstream.comparison.cross_validation import AnyNetwork, Networks
from downstream.comparison.inputs import INFRARED, LATE, SINGLES, VISIBLE
from downstream.comparison.labelled import Labelled
from downstream.comparison.task import AnyScores, Seen, Task, Truth
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track


def look(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    labelled: Labelled[Truth],
    networks: Networks[AnyNetwork],
    folder: Path,
    seed: int,
    track: Track,
) -> tuple[dict[str, list[Mapping[str, Seen]]], list[Skipped]]:
    """What the networks see in every input, and by late fusion; what was seen before is read.

    Args:
        task, labelled, networks: what is asked, of which pictures, and who looks.
        folder: where predictions are kept.
        seed, track: the first seed, and who shows progress.

    Returns:
        Row to what was seen of each picture that it could read, seed by seed, and what could not be used.
    """
    seen: dict[str, list[Mapping[str, Seen]]] = {}
    skipped = [*labelled.skipped]
    for item in labelled.comparison.inputs:
        seen[item.name] = []
        for k, own in enumerate(networks.by_input[item.name]):
            pictures, unreadable = task.predict(labelled.truth, own, item, folder, seed + k if k else None, track)
            seen[item.name].append(pictures)
            skipped += unreadable
    if looks_at_both(networks):
        seen = _with_late(task, labelled, networks, seen, folder, seed, track)
    return seen, skipped


def looks_at_both(networks: Networks[AnyNetwork]) -> bool:
    """Whether infrared and visible are seen by the same networks."""
    return bool(networks.by_input[INFRARED] == networks.by_input[VISIBLE])


def _with_late(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    labelled: Labelled[Truth],
    networks: Networks[AnyNetwork],
    seen: dict[str, list[Mapping[str, Seen]]],
    folder: Path,
    seed: int,
    track: Track,
) -> dict[str, list[Mapping[str, Seen]]]:
    """Adds the row of late fusion behind the cameras, where the same networks look at both."""
    late = []
    for k, own in enumerate(networks.by_input[VISIBLE]):
        of_seed = tuple(seen[camera][k] for camera in SINGLES)
        shared = labelled.comparison.only(of_seed[0].keys() & of_seed[1].keys())
        cameras = shared.input(INFRARED), shared.input(VISIBLE)
        pictures = task.predict_late(
            own, cameras, (of_seed[0], of_seed[1]), labelled.truth, folder, seed + k if k else None, track
        )
        if pictures is None:
            return seen
        late.append(pictures)
    cameras_first = {name: seen[name] for name in SINGLES}
    return {**cameras_first, LATE: late, **{n: of_input for n, of_input in seen.items() if n not in SINGLES}}
