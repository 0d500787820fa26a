"""Results in the forms of other tools: a FiftyOne folder, TensorBoard events, runs of Weights & Biases.

COCO's ground truth and results lie in ``detection/`` as they are.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from downstream.benchmark.networks import all_networks, judged
from dwsfusion.runs import write_json, write_text
from dwsfusion.wandb_runs import wandb_run

Results = Mapping[str, Any]
_README = """A data set for FiftyOne, a sample a picture of each input:

    import fiftyone as fo
    data = fo.Dataset.from_dir(dataset_dir="fiftyone", dataset_type=fo.types.LegacyFiftyOneDataset)
    fo.launch_app(data.match_tags("dwsfusion"))

Its pictures are the copies in ../pictures/large.
"""


def write_fiftyone(results: Results, out: Path) -> None:
    """Writes a folder that FiftyOne imports: ``samples.json`` and ``metadata.json``; the pictures lie beside it.

    Args:
        results: what ``results.json`` holds, with pictures.
        out: the folder.
    """
    boxed = [(field, task) for name in results["tasks"] for field, task in _seen_by(results, name) if "boxes" in task]
    samples = [
        {
            "filepath": f"../pictures/large/{name}/{picture['name']}.webp",
            "tags": [name, *picture["groups"]],
            "input": name,
            "picture": picture["name"],
            **{key: value for field, task in boxed for key, value in _boxes(task, name, picture, field).items()},
        }
        for name in results["shown"]["inputs"]
        for picture in results["pictures"]
    ]
    write_json(out / "metadata.json", {"name": "dwsfusion", "media_type": "image"})
    write_json(out / "samples.json", {"samples": samples})
    write_text(out / "README.txt", _README)


def write_events(results: Results, out: Path) -> None:
    """Writes every figure as a TensorBoard scalar: a run an input, a tag a figure.

    Args:
        results: what ``results.json`` holds.
        out: the folder of the events.
    """
    from torch.utils.tensorboard import SummaryWriter  # here, for it comes with an extra

    for name in results["inputs"]:
        for old in (out / name).glob("events.*"):
            old.unlink()
        with SummaryWriter(str(out / name)) as writer:
            for tag, figure in figures_of(results, name).items():
                writer.add_scalar(tag, figure, 0)


def write_wandb(results: Results, project: str, out: Path) -> None:
    """Sends every figure to Weights & Biases: a run an input, with the figures in its summary.

    Args:
        results: what ``results.json`` holds.
        project: where the runs belong.
        out: the folder of the benchmark; the runs' files go to ``wandb`` in it.

    Raises:
        InputError: a run cannot be started.
    """
    about = {"data": results["data"]["name"], "split": results["data"]["split"], **results["config"]}
    for name in results["inputs"]:
        with wandb_run(project, name, out, {"input": name, **about}, group=results["data"]["fingerprint"][:12]) as run:
            run.summary.update(figures_of(results, name))


def figures_of(results: Results, name: str) -> dict[str, float]:
    """Every figure of an input that is defined: ``TASK/METRIC``, of several networks their mean, and of each network
    ``TASK/NETWORK/METRIC``."""
    tasks = {task: judged(results, task) for task in results["tasks"]}
    tasks |= {f"{task}/{n}": own for task in results["tasks"] for n, own in all_networks(results, task).items()}
    return {
        f"{tag}/{metric}": figure
        for tag, own in tasks.items()
        for metric in own["titles"]
        if (figure := own["result"]["inputs"].get(name, {}).get(metric)) is not None
    }


def _seen_by(results: Results, task: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Fields of predictions with what they are of: the first network's has the plain name."""
    first, *others = all_networks(results, task).items() or [("", results["tasks"][task])]
    plain = re.compile(r"\W")
    return [("predictions", first[1]), *((f"predictions_{plain.sub('_', n)}", own) for n, own in others)]


def _boxes(task: Mapping[str, Any], name: str, picture: Mapping[str, Any], field: str) -> dict[str, Any]:
    """What is true of a picture, and what was detected in it; boxes in shares of its sides."""
    if picture["name"] not in task["names"] or name not in task["boxes"]:
        return {}
    index, (height, width), classes = task["names"].index(picture["name"]), picture["size"], task["result"]["classes"]

    def detection(box: list[float]) -> dict[str, Any]:
        left, top, wide, high = box[2:6]
        place = [left / width, top / height, wide / width, high / height]
        score = {"confidence": box[6]} if len(box) > 6 else {}
        return {"_cls": "Detection", "label": classes[int(box[1])], "bounding_box": place, **score}

    def detections(boxes: list[list[float]]) -> dict[str, Any]:
        return {"_cls": "Detections", "detections": [detection(box) for box in boxes if box[0] == index]}

    return {"ground_truth": detections(task["truth"]), field: detections(task["boxes"][name])}
