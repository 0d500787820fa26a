"""Results in the forms of other tools: a FiftyOne folder, and TensorBoard events.

COCO's ground truth and results lie in ``detection/`` as they are.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dwsfusion.runs import write_json, write_text

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
    boxed = [task for task in results["tasks"].values() if "boxes" in task]
    samples = [
        {
            "filepath": f"../pictures/large/{name}/{picture['name']}.webp",
            "tags": [name, *picture["groups"]],
            "input": name,
            "picture": picture["name"],
            **{key: value for task in boxed for key, value in _boxes(task, name, picture).items()},
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
            for task, own in results["tasks"].items():
                entry = own["result"]["inputs"].get(name, {})
                for metric in own["titles"]:
                    if entry.get(metric) is not None:
                        writer.add_scalar(f"{task}/{metric}", entry[metric], 0)


def _boxes(task: Mapping[str, Any], name: str, picture: Mapping[str, Any]) -> dict[str, Any]:
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

    return {"ground_truth": detections(task["truth"]), "predictions": detections(task["boxes"][name])}
