"""Time the fusion network beside its plain computation: a table, where the time goes, and how it grows with size."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from downstream.command import check_writable, track
from downstream.comparison.timing import Stopwatch
from downstream.messages import keep_log
from downstream.report.tables import measured, print_table
from downstream.report.time_over_size import plot_sizes
from dwsfusion.checkpoints import DEFAULT_WEIGHTS, load_generator
from dwsfusion.cost import Timing, compare_sizes, cost_rows, count_flops, count_parameters, profile_stages
from dwsfusion.generator import Generator
from dwsfusion.machine import describe_machine, first_pictures
from dwsfusion.runs import write_csv, write_json, write_run
from dwsfusion.training.cost import compare_steps

NEEDS = ("matplotlib",)


@dataclass(frozen=True)
class Config:
    weights: Path = DEFAULT_WEIGHTS
    """Weights, ours (.safetensors) or the authors' (.pth)."""
    sizes: tuple[tuple[int, int], ...] = ((240, 320), (480, 640), (720, 1280), (1080, 1920))
    """Height and width of the pictures in pixels, one pair of numbers a size."""
    stages: tuple[int, int] = (480, 640)
    """Height and width at which each stage is timed."""
    patch: tuple[int, int] = (240, 320)
    """Height and width of the patches of a training step, four a batch."""
    rounds: int = 7
    """How often each method is timed, in turn; three times where that takes longer than a minute."""
    threads: int = 2
    """CPU threads for every method."""
    first_use: bool = True
    """Start the program anew twice, without and with kept machine code, and time its first picture."""
    out: Path = Path("out/profile")
    """Where profile.csv, profile.json, the plot and the ONNX file go."""


def main(config: Config) -> int:
    check_writable(config.out)
    keep_log(config.out)
    torch.set_num_threads(config.threads)
    net, clock = load_generator(config.weights), Stopwatch()
    with clock.step("time"):
        timings = compare_sizes(net, config.out / "dwsfusion.onnx", config.sizes, config.rounds, track)
        rows, stages = cost_rows(timings, net), profile_stages(net, config.stages, config.rounds)
        steps = [asdict(step) for step in compare_steps(net, config.patch, config.rounds)]
        machine = _machine(net, timings, config.stages)
        starts = first_pictures(config.stages, config.threads) if config.first_use else []
    found = {"parameters": count_parameters(net), "timings": rows, "stages": stages, "training": steps}
    found |= {"machine": machine, "starts": starts}
    print_table(f"The machine, and the network's share of what it can do at {config.stages}", measured([machine]))
    print_table(f"{count_parameters(net)} parameters, {config.threads} CPU threads, medians", measured(rows))
    print_table(f"Where the time goes at {config.stages}, and the least that memory allows", measured(stages))
    print_table(f"A training step, four patches of {config.patch}, without critics", measured(steps))
    if starts:
        print_table("From the start of a program to its first picture, in seconds", measured(starts))
    write_csv(config.out / "profile.csv", rows)
    write_json(config.out / "profile.json", found)
    write_run(config.out, config, device="cpu", seed=0, data="random pictures", results={"stages": clock.stages()})
    plot_sizes(timings, config.out / "time_over_size.png")
    return 0


def _machine(
    net: Generator, timings: Mapping[tuple[int, int], Sequence[Timing]], size: tuple[int, int]
) -> dict[str, Any]:
    """The machine and the engine's share of its rate, at the size of the stages where that was timed."""
    (ms,) = [timing.ms for timing in timings.get(size, ()) if timing.name == "dwsfusion"] or [None]
    return describe_machine(count_flops(net, *size), ms)
