"""The road of every comparison: label, predict, score, groups, seeds, differences, largest changes, protocol, files.

The output folder holds ``TASK.json``, ``TASK.csv``, ``pictures.csv`` (a row a fused input and picture) and what the
task writes beside them: predictions, and what they were counted to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from downstream.comparison.cross_validation import AnyNetwork, Networks
from downstream.comparison.differences import family_of, pairs_of
from downstream.comparison.estimates import estimate, intervals, plain, spread
from downstream.comparison.inputs import LATE, SINGLES, VISIBLE, Comparison
from downstream.comparison.labelled import Labelled, label_pictures
from downstream.comparison.looking import look, looks_at_both
from downstream.comparison.per_picture import best_single, largest_changes
from downstream.comparison.scenes import in_protocol, known_scenes
from downstream.comparison.scores import Ints
from downstream.comparison.standing import ranks
from downstream.comparison.task import AnyScores, Seen, Task, Truth
from downstream.comparison.timing import Stopwatch
from downstream.comparison.uncertainty import INTERVALS, LEVEL, Estimate, parse_pairs, resample_counts
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track, silent
from dwsfusion.runs import write_csv, write_json

BASELINE = "max"


def compare(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    comparison: Comparison,
    networks: Networks[AnyNetwork],
    out: Path,
    *,
    about: Mapping[str, Any],
    seed: int = 0,
    clock: Stopwatch | None = None,
    track: Track = silent,
) -> dict[str, Any]:
    """Shows every input to the networks, writes figures and predictions, and gives what ``TASK.json`` holds.

    Args:
        task: what is asked of the pictures.
        comparison, networks: the inputs, and who looks at each; figures are means over their seeds.
        out, about: the output folder, and what else to keep in the protocol, such as the data set's name.
        seed, clock, track: the first seed, also of the resamples; who takes the time and shows progress.

    Raises:
        InputError: labels are missing or malformed, not one picture is usable, or an unknown input is asked for.
    """
    clock = clock or Stopwatch()
    asked = _asked(task, comparison, networks)
    scored = _score(task, comparison, networks, out, seed, clock, track)
    names, scores = scored.names, scored.scores
    grouped = known_scenes(names, task.config.groups, comparison.data.scenes(names))
    draws = resample_counts(len(names), task.config.resamples, seed, grouped)
    groups = comparison.data.groups(names)
    with clock.step("bootstrap"):
        figures = _figures(task, groups, scores, draws, asked, bool(networks.training))
    with clock.step("objects"):
        task.finish(scored.truth, names, scores, figures["inputs"], draws, out)
        changes = _changes(task, names, scores, figures["inputs"], out)
    said = {**about, "labels": task.label_name(comparison.data), **scored.left_out}
    protocol = _protocol(task, networks, scores, said, seed, in_protocol(grouped))
    whose = {"data_set": comparison.data.card.name, "classes": list(task.classes), "groups": list(groups)}
    of_scenes = {} if grouped is None else {"scenes": dict(zip(names, grouped, strict=True))}
    result = {"protocol": protocol, "images": len(names), **whose, **of_scenes, **figures, "largest_changes": changes}
    return _written(task, result, out)


def _written(task: Task[Truth, AnyNetwork, Seen, AnyScores], result: dict[str, Any], out: Path) -> dict[str, Any]:
    write_json(out / f"{task.name}.json", result)
    write_csv(out / f"{task.name}.csv", task.csv_rows(result))
    return result


@dataclass(frozen=True)
class _Scored(Generic[Truth, AnyScores]):
    """What was seen of the pictures that count, held against the truth."""

    names: tuple[str, ...]
    truth: Truth
    scores: dict[str, list[AnyScores]]
    """Input by input and seed by seed."""
    left_out: dict[str, Any]


def _score(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    comparison: Comparison,
    networks: Networks[AnyNetwork],
    out: Path,
    seed: int,
    clock: Stopwatch,
    track: Track,
) -> _Scored[Truth, AnyScores]:
    labelled = label_pictures(task, comparison, networks, out)
    with clock.step("predict"):
        seen, skipped = _predict(task, labelled, networks, out / "predictions", seed, track)
    clock.in_models += networks.seconds
    with clock.step("score"):
        scores = {
            name: [task.score(labelled.truth, networks.first, pictures) for pictures in by_seed]
            for name, by_seed in seen.items()
        }
    left_out = {"without_label": labelled.without_label, "skipped": [asdict(s) for s in (*skipped, *networks.skipped)]}
    return _Scored(tuple(next(iter(seen.values()))[0]), labelled.truth, scores, left_out)


def _predict(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    labelled: Labelled[Truth],
    networks: Networks[AnyNetwork],
    folder: Path,
    seed: int,
    track: Track,
) -> tuple[dict[str, list[dict[str, Seen]]], list[Skipped]]:
    """What was seen, input by input and seed by seed, of the pictures that all can read; and the others."""
    seen, skipped = look(task, labelled, networks, folder, seed, track)
    others = task.read_rows(labelled.truth, labelled.all_pictures, folder)
    seen |= {name: [pictures] * len(networks.by_input[VISIBLE]) for name, pictures in others.items()}
    everywhere = [by_name for by_seed in seen.values() for by_name in by_seed]
    names = [n for n in labelled.comparison.names if all(n in by_name for by_name in everywhere)]
    # A picture that fails in several inputs is named once, with the first reason.
    skipped = list({s.name: s for s in reversed(skipped)}.values())[::-1]
    if not names:
        raise InputError(f"not one picture is usable; the first: {skipped[0].name}: {skipped[0].reason}")
    return {i: [{n: by_name[n] for n in names} for by_name in by_seed] for i, by_seed in seen.items()}, skipped


def _asked(
    task: Task[Truth, AnyNetwork, Seen, AnyScores], comparison: Comparison, networks: Networks[AnyNetwork]
) -> list[tuple[str, str]]:
    """The pairs to compare that were asked for, once all names of rows are known to differ."""
    rows = [item.name for item in comparison.inputs] + ([LATE] if looks_at_both(networks) else [])
    return parse_pairs(task.config.against, [*rows, *task.row_names([*rows, LATE])])


def _figures(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    groups: Mapping[str, NDArray[np.bool_]],
    scores: Mapping[str, Sequence[AnyScores]],
    draws: Ints,
    asked: Sequence[tuple[str, str]],
    trained: bool,
) -> dict[str, Any]:
    """What ``TASK.json`` says about every input, about the differences between them, and about their order."""
    estimates = {name: estimate(own, draws) for name, own in scores.items()}
    first = next(iter(scores.values()))
    pairs = pairs_of(list(scores), (*SINGLES, BASELINE, LATE), [n for n in scores if n not in SINGLES], asked)
    families = {
        metric: family_of(estimates, metric, pairs, SINGLES, by_objects=task.by_objects)
        for metric in next(iter(estimates.values()))
    }
    support = task.support(first[0])
    rows = {
        metric: family.rows(fewest=support.get(metric), one_seed=trained and len(first) == 1)
        for metric, family in families.items()
    }
    return {
        "inputs": {name: _entry(task, groups, own, estimates[name], draws) for name, own in scores.items()},
        "differences": [row for of_metric in rows.values() for row in of_metric],
        "ranks": {metric: ranks(estimates, metric) for metric in task.metrics},
        "power": {metric: {"difference_80": families[metric].difference_80} for metric in task.metrics},
    }


def _entry(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    groups: Mapping[str, NDArray[np.bool_]],
    scores: Sequence[AnyScores],
    estimates: Mapping[str, Estimate],
    draws: Ints,
) -> dict[str, Any]:
    """What ``TASK.json`` says about one input."""
    by_group = {group: _group(task, scores, chosen, draws) for group, chosen in groups.items()}
    own = task.entry(estimates, scores, draws)
    return {**plain(estimates, task.metrics), **spread(estimates, task.metrics), **by_group, **own}


def _group(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    scores: Sequence[AnyScores],
    chosen: NDArray[np.bool_],
    draws: Ints,
) -> dict[str, Any] | None:
    """The figures over some of the pictures, from the same draws; None where there is no such picture."""
    if not chosen.any():
        return None
    estimates = intervals([s.of(chosen) for s in scores], draws[:, chosen])
    return {**plain(estimates, task.metrics), "images": int(chosen.sum())}


def _changes(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    names: Sequence[str],
    scores: Mapping[str, Sequence[AnyScores]],
    entries: Mapping[str, Mapping[str, Any]],
    out: Path,
) -> dict[str, Any]:
    """Compares every fused picture with the best camera's, and names the largest gains and losses."""
    against = best_single({name: entry[task.primary] for name, entry in entries.items()}, SINGLES)
    fused = {name: own for name, own in scores.items() if name not in SINGLES}
    rows = {name: task.picture_rows(names, own, scores[against]) for name, own in fused.items()}
    write_csv(out / "pictures.csv", [{"input": name, **row} for name, own in rows.items() for row in own])
    return {
        "against": against,
        "change": task.change,
        "inputs": {name: largest_changes(own) for name, own in rows.items()},
    }


def _protocol(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    networks: Networks[AnyNetwork],
    scores: Mapping[str, Sequence[AnyScores]],
    about: Mapping[str, Any],
    seed: int,
    drawn: Mapping[str, Any],
) -> dict[str, Any]:
    config = task.config
    bootstrap = {"resamples": config.resamples, "level": LEVEL, "seed": seed, "intervals": INTERVALS, **drawn}
    own = task.protocol(networks, scores)
    return {
        **about,
        "name": config.protocol,
        **own,
        "against": list(config.against),
        "bootstrap": bootstrap,
    }
