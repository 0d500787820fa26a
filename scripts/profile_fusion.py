"""Time the fusion network beside its plain computation: a table, where the time goes, and how it grows with size."""

from dataclasses import dataclass
from pathlib import Path
from runpy import run_path

import torch

from downstream.report.tables import Row, print_table, write_csv
from dwsfusion import InputError
from dwsfusion.checkpoints import load_generator
from dwsfusion.command import check_writable, run_command
from dwsfusion.cost import compare_sizes, cost_rows, count_parameters, plot_sizes, profile_stages
from dwsfusion.generator import RELEASED, Generator
from dwsfusion.runs import write_json, write_run


@dataclass(frozen=True)
class Config:
    weights: Path | None = None
    """Weights, ours (.safetensors) or the authors' (.pth); without it untrained ones."""
    sizes: tuple[tuple[int, int], ...] = ((240, 320), (480, 640), (720, 1280), (1080, 1920))
    """Height and width of the pictures in pixels, one pair of numbers a size."""
    stages: tuple[int, int] = (480, 640)
    """Height and width at which each stage is timed."""
    rounds: int = 7
    """How often each method is timed, in turn; three times where that takes longer than a minute."""
    threads: int = 2
    """CPU threads for every method."""
    out: Path = Path("out/profile")
    """Where profile.csv, profile.json, the plot and the ONNX file go."""


def main(config: Config) -> int:
    reference = Path(__file__).parent.parent / "tests/reference_network.py"
    if not reference.is_file():
        raise InputError(f"expected the plain computation in {reference}, found none: run this in a checkout")
    check_writable(config.out)
    torch.set_num_threads(config.threads)
    net = load_generator(config.weights) if config.weights else Generator(RELEASED).eval()
    plain, onnx_file = run_path(str(reference))["generator"], config.out / "dwsfusion.onnx"
    timings = compare_sizes(plain, net, onnx_file, config.sizes, config.rounds)
    rows = cost_rows(timings, net)
    stages, parameters = profile_stages(net, config.stages, config.rounds), count_parameters(net)
    print_table(f"{parameters} parameters, {config.threads} CPU threads, medians", texts(rows))
    print_table(f"Where the time goes at {config.stages}, and the least that memory allows", texts(stages))
    write_csv(config.out / "profile.csv", rows)
    write_json(config.out / "profile.json", {"parameters": parameters, "timings": rows, "stages": stages})
    write_run(config.out, config, device="cpu", seed=0, data="random pictures", results={})
    plot_sizes(timings, config.out / "time_over_size.png")
    return 0


def texts(rows: list[Row]) -> list[Row]:
    shown = {type(None): lambda _: "not measured here", float: "{:.2f}".format}
    return [{key: shown.get(type(value), str)(value) for key, value in row.items()} for row in rows]


if __name__ == "__main__":
    run_command(main, Config)
