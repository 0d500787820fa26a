"""Fusion quality of every input of a comparison: measured once a picture, figures, ranks, differences, files.

Infrared and visible are measured as if they were fused pictures. Where a metric compares with the sources, that
compares a source with itself: the value says what handing one source through would score, it is no fusion, and so
it has no rank and nothing is compared with it.

The output folder holds ``quality.json``, ``quality.csv`` and ``per_image/NAME.csv``; what was measured of a picture
is kept in its folder ``.measured``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from downstream.comparison.differences import Family, family_of, pairs_of
from downstream.comparison.inputs import INFRARED, SINGLES, VISIBLE, Comparison
from downstream.comparison.reopened import reopen
from downstream.comparison.scenes import in_protocol, known_scenes
from downstream.comparison.uncertainty import INTERVALS, LEVEL, Estimate, parse_pairs, resample_counts, weightings
from downstream.quality.config import QualityConfig
from downstream.quality.correlation import correlate
from downstream.quality.ranks import shared_ranks
from downstream.quality.table import csv_rows, picture_rows
from dwsfusion.errors import ImageError, InputError, OutputError
from dwsfusion.images import read_image
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track, silent
from dwsfusion.quality import PRESETS, Picture, Preset, grey_levels, measure
from dwsfusion.runs import hash_file, hash_text, write_csv, write_json

Floats = NDArray[np.float64]
Values = dict[str, dict[str, float]]
"""Input name to metric name to value, of one picture."""

BASELINE = "max"
DEFINITIONS = "1"
"""Raised when a metric is computed otherwise, so that values kept from before are not taken."""


def compare_quality(
    comparison: Comparison,
    out: Path,
    config: QualityConfig,
    *,
    about: Mapping[str, Any],
    device: torch.device,
    seed: int = 0,
    track: Track = silent,
) -> dict[str, Any]:
    """Measures every input, writes the figures, and gives what ``quality.json`` holds.

    Args:
        comparison: the inputs.
        out: the output folder.
        config: preset, resamples, and finished task comparisons.
        about: what else to keep in the protocol, such as the data set's name.
        device: where to compute.
        seed: fixes the resamples.
        track: shows progress.

    Raises:
        InputError: not one picture is usable, a task comparison is not there, or an unknown input is asked for.
    """
    asked = parse_pairs(config.against, [item.name for item in comparison.inputs])
    preset = PRESETS[config.preset]
    measured, skipped = _measure_all(comparison, preset, config.preset, out / ".measured", device, track)
    names = list(measured)
    values = _by_input(measured, [item.name for item in comparison.inputs], preset)
    groups = comparison.data.groups(names)
    grouped = known_scenes(names, config.groups, comparison.data.scenes(names))
    result = {
        "data_set": comparison.data.card.name,
        "preset": config.preset,
        "images": len(names),
        "protocol": {**about, **_protocol(config, [*comparison.skipped, *skipped], grouped, seed)},
        "groups": list(groups),
        **_figures(values, names, groups, config, asked, grouped, seed),
    }
    _write(out, result, names, values)
    return result


def mean_estimate(values: Floats, draws: NDArray[np.int64]) -> Estimate:
    """The mean over the pictures that have a value, with its resamples.

    Args:
        values: ``(n,)``, NaN where a picture has none.
        draws: ``(R, n)``, resamples of the pictures.
    """
    defined, counts = np.isfinite(values), weightings(draws)
    drawn = counts @ defined
    sums = counts @ np.where(defined, values, 0)
    return Estimate.of(np.divide(sums, drawn, out=np.full(len(counts), np.nan), where=drawn > 0), len(draws))


def _by_input(measured: Mapping[str, Values], inputs: Sequence[str], preset: Preset) -> dict[str, dict[str, Floats]]:
    """Input name to metric name to the values of all pictures ``(n,)``; NaN where a picture has none."""
    return {
        name: {m: np.array([values[name].get(m, np.nan) for values in measured.values()]) for m in preset}
        for name in inputs
    }


def _figures(
    values: Mapping[str, Mapping[str, Floats]],
    names: Sequence[str],
    groups: Mapping[str, NDArray[np.bool_]],
    config: QualityConfig,
    asked: Sequence[tuple[str, str]],
    scenes: Sequence[str] | None,
    seed: int,
) -> dict[str, Any]:
    """Everything that ``quality.json`` says of the metrics that have a value."""
    measured = PRESETS[config.preset].items()
    preset = {m: d for m, d in measured if any(np.isfinite(v[m]).any() for v in values.values())}
    counts = resample_counts(len(names), config.resamples, seed, scenes)
    estimates = {name: {m: mean_estimate(v[m], counts) for m in preset} for name, v in values.items()}
    families = _families(estimates, preset, asked)
    return {
        "metrics": {m: _describe(preset[m]) for m in preset},
        "not_measured": {m: d.min_side_px for m, d in measured if m not in preset},
        "inputs": {name: {m: _entry(v[m], estimates[name][m], groups) for m in preset} for name, v in values.items()},
        "ranks": _ranks(estimates, preset),
        "won_by_a_source": _won_by_a_source(estimates, preset),
        "differences": [row for f in families.values() for row in f.rows()],
        "power": {metric: {"difference_80": family.difference_80} for metric, family in families.items()},
        "tasks": _tasks(config, values, names, preset, scenes, seed),
    }


def _protocol(
    config: QualityConfig, skipped: Sequence[Skipped], scenes: Sequence[str] | None, seed: int
) -> dict[str, Any]:
    bootstrap = {"resamples": config.resamples, "level": LEVEL, "seed": seed, "intervals": INTERVALS}
    return {
        "grey": "BT.601 luma, rounded to whole levels 0..255, of all pictures",
        "bootstrap": {**bootstrap, **in_protocol(scenes)},
        "sources": "infrared and visible are measured as if fused: no rank, and no difference to them where a "
        "metric compares with the sources",
        "against": list(config.against),
        "skipped": [asdict(s) for s in skipped],
    }


def _write(
    out: Path, result: Mapping[str, Any], names: Sequence[str], values: Mapping[str, Mapping[str, Floats]]
) -> None:
    write_json(out / "quality.json", result)
    write_csv(out / "quality.csv", csv_rows(result))
    for name, columns in values.items():
        write_csv(out / "per_image" / f"{name}.csv", picture_rows(result, names, columns))


def _measure_all(
    comparison: Comparison, preset: Preset, preset_name: str, kept: Path, device: torch.device, track: Track
) -> tuple[dict[str, Values], list[Skipped]]:
    """Measures every picture in all inputs, or reads what was measured of the same files before."""
    measured, skipped = {}, []
    for name in track(comparison.names, "measure", len(comparison.names)):
        files = {i.name: i.files[name] for i in comparison.inputs}
        try:
            measured[name] = _measure_picture(files, preset, preset_name, kept / f"{name}.json", device)
        except OutputError:
            raise
        except (ImageError, OSError) as error:
            skipped.append(Skipped(name, str(error)))
    if not measured:
        raise InputError(f"not one picture is usable; the first: {skipped[0].name}: {skipped[0].reason}")
    return measured, skipped


def _measure_picture(
    files: Mapping[str, Path], preset: Preset, preset_name: str, kept: Path, device: torch.device
) -> Values:
    hashes = {name: hash_file(path) for name, path in files.items()}
    sources = (DEFINITIONS, preset_name, hashes[INFRARED], hashes[VISIBLE])
    keys = {name: hash_text(*sources, found) for name, found in hashes.items()}
    known: dict[str, dict[str, float]] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    missing = [name for name, key in keys.items() if key not in known]
    if missing:
        ir, vis = (_picture(files[name], device) for name in SINGLES)
        for name in missing:
            try:
                found = measure(_picture(files[name], device), ir, vis, preset)
            except ImageError as error:
                raise ImageError(f"input {name}: {error}") from error
            known[keys[name]] = {metric: float(value) for metric, value in found.items()}
        write_json(kept, known)
    return {name: known[key] for name, key in keys.items()}


def _picture(path: Path, device: torch.device) -> Picture:
    return Picture(grey_levels(read_image(path)).to(device))


def _describe(metric: Any) -> dict[str, Any]:
    return {
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "against_sources": metric.against_sources,
        "definition": metric.definition,
    }


def _entry(values: Floats, estimate: Estimate, groups: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """What ``quality.json`` says about a metric of an input; the deviation is that over the pictures."""
    return {
        **_mean_std(values),
        "interval": estimate.interval,
        **{g: _mean_std(values[c]) if c.any() else None for g, c in groups.items()},
    }


def _mean_std(values: Floats) -> dict[str, Any]:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return {"mean": None, "std": None, "images": 0}
    return {"mean": float(defined.mean()), "std": float(defined.std()), "images": len(defined)}


def _ranks(estimates: Mapping[str, Mapping[str, Estimate]], preset: Preset) -> dict[str, dict[str, float]]:
    """Rank of every fused input by each metric, 1 the best, and the mean of its ranks; ties share theirs."""
    fused = [name for name in estimates if name not in SINGLES]
    by_metric = {m: shared_ranks([_oriented(estimates[name][m], preset, m) for name in fused]) for m in preset}
    return {
        name: {
            **{m: float(r[k]) for m, r in by_metric.items()},
            "mean": float(np.mean([r[k] for r in by_metric.values()])),
        }
        for k, name in enumerate(fused)
    }


def _won_by_a_source(estimates: Mapping[str, Mapping[str, Estimate]], preset: Preset) -> list[str]:
    """Metrics by which infrared or visible itself, handed through, beats every fused input."""
    best = {m: max(estimates, key=lambda name: _oriented(estimates[name][m], preset, m)) for m in preset}
    return [m for m, name in best.items() if name in SINGLES]


def _families(
    estimates: Mapping[str, Mapping[str, Estimate]], preset: Preset, asked: Sequence[tuple[str, str]]
) -> dict[str, Family]:
    """Every fused input against max, and against the cameras where that comparison means something."""
    fused = [name for name in estimates if name not in SINGLES]
    to_all = [pair for pair in pairs_of(list(estimates), (*SINGLES, BASELINE), fused, asked)
              if pair[0] in fused or pair in asked]  # fmt: skip
    to_fused = pairs_of(fused, (BASELINE,), (), [pair for pair in asked if set(pair) <= set(fused)])
    return {
        name: family_of(
            estimates,
            name,
            to_fused if metric.against_sources else to_all,
            SINGLES,
            higher_is_better=metric.higher_is_better,
        )
        for name, metric in preset.items()
    }


def _oriented(estimate: Estimate, preset: Preset, metric: str) -> float:
    """The mean, turned so that more is better."""
    value = -np.inf if estimate.value is None else estimate.value
    return value if preset[metric].higher_is_better else -value


def _tasks(
    config: QualityConfig,
    values: Mapping[str, Mapping[str, Floats]],
    names: Sequence[str],
    preset: Preset,
    scenes: Sequence[str] | None,
    seed: int,
) -> dict[str, Any]:
    """Correlations with the figures of finished task comparisons, over the fused inputs."""
    fused = [name for name in values if name not in SINGLES]
    runs = [reopen(task, folder, fused) for task, folder in config.runs().items()]
    oriented = {
        name: {m: v if preset[m].higher_is_better else -v for m, v in values[name].items() if m in preset}
        for name in fused
    }
    return {run.task: correlate(run, oriented, names, config.resamples, seed, scenes) for run in runs}
