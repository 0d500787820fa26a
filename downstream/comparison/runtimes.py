"""ONNX files and networks computed by onnxruntime or OpenVINO, where the user asks for one; torch is the default.

A network goes into a file for each size of pictures, a detector into one for all. What a file gives is held to torch's
own output before it is believed.
"""

import importlib
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dwsfusion.errors import InputError

Runtime = Literal["torch", "onnx", "openvino"]
Array = NDArray[Any]
TOLERANCE = 1e-4
"""The largest difference to torch's output, as a share of the largest magnitude in a channel, or of 1."""
_OPSET = 18
_SIZES = 4
"""So many sizes of pictures a network is kept for."""
_INSTALL = dict.fromkeys(("onnx", "onnxruntime"), "pip install 'dwsfusion[onnx]'") | {
    "openvino": "pip install openvino"
}


@dataclass(frozen=True)
class FileInput:
    """One input of an ONNX file."""

    name: str
    shape: tuple[int | None, ...]
    """None where any size will do."""
    number: str
    """The type of its numbers, float where it is single precision."""


class Session(Protocol):
    """An ONNX file that is ready to run on the CPU."""

    version: str
    """The library that computes it, and its version."""
    inputs: tuple[FileInput, ...]

    def __call__(self, values: Array) -> Array:
        """The first output for the first input.

        Raises:
            InputError: the file does not run on it.
        """


def open_session(path: Path, runtime: Runtime = "onnx", exported: str = "") -> Session:
    """Makes an ONNX file ready, on all cores: how many threads torch may use must not change the last digit.

    Args:
        path: the file.
        runtime: who computes it; for ``torch``, which runs no such files, onnxruntime does.
        exported: what it was made from here and now, for messages; without it the file is the user's.

    Raises:
        InputError: the library is missing, or cannot read the file.
    """
    what, cure = (exported, "leave out --runtime") if exported else (str(path), "export it anew")
    return _OpenVinoSession(path, what, cure) if runtime == "openvino" else _OnnxSession(path, what, cure)


def check_runtime(runtime: Runtime, device: torch.device, *, exporting: bool = True) -> None:
    """Refuses a runtime that cannot compute here.

    Args:
        runtime: what was asked for.
        device: where networks lie.
        exporting: whether a network has to be exported first.

    Raises:
        InputError: it is asked for beside a GPU, or a library is missing.
    """
    if runtime == "torch":
        return
    if device.type != "cpu":
        raise InputError(f"--runtime {runtime} computes on the CPU: leave it out, or do all on the CPU (--device cpu)")
    _library("openvino" if runtime == "openvino" else "onnxruntime", runtime)
    if exporting:
        _library("onnx", runtime)


def difference_of(found: Tensor, expected: Tensor) -> float:
    """The largest difference of two outputs ``(B, C, ...)``, as a share of their channel's largest magnitude or of 1.

    Raises:
        InputError: it is above `TOLERANCE`, or the shapes differ.
    """
    if found.shape != expected.shape:
        raise InputError(
            f"expected an output {tuple(expected.shape)} as in torch, found {tuple(found.shape)}: leave out --runtime"
        )
    channels = [x.double().transpose(0, 1).flatten(1) for x in (found, expected)]
    scale = channels[1].abs().amax(1).clamp(min=1)
    difference = float(((channels[0] - channels[1]).abs().amax(1) / scale).max())
    if not difference <= TOLERANCE:  # NaN is refused too
        raise InputError(
            f"expected the output of torch within {TOLERANCE:g}, found a difference of {difference:.2g}: leave out "
            "--runtime, or try another version of the library"
        )
    return difference


class ExportedNetwork(nn.Module):
    """A network of one input ``(B, C, H, W)`` and one output, on the CPU, computed by a runtime.

    Args:
        network: it, in evaluation mode.
        runtime: ``onnx`` or ``openvino``.
        size: of an input to begin with.

    Raises:
        InputError: a library is missing, the network cannot be exported, or the outputs differ; of other sizes, as they
            come.
    """

    def __init__(self, network: nn.Module, runtime: Runtime, size: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.difference = 0.0
        self._open: Callable[[torch.Size], Session] = lru_cache(_SIZES)(lambda size: self._held(network, size, runtime))
        self.version = self._open(torch.Size(size)).version

    def forward(self, x: Tensor) -> Tensor:
        """Gives what the network gives."""
        return torch.from_numpy(self._open(x.shape)(x.contiguous().numpy()))

    @torch.inference_mode()
    def _held(self, network: nn.Module, size: torch.Size, runtime: Runtime) -> Session:
        session, trial = _export(network, size, runtime), 4 * noise(*size) - 2
        found = torch.from_numpy(session(trial.numpy()))
        self.difference = max(self.difference, difference_of(found, network(trial)))
        return session


def noise(*shape: int) -> Tensor:
    """The same random numbers in [0, 1] each time, to try a network with."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def said_of(differences: Iterable[float | None]) -> dict[str, float]:
    """What a protocol says of the differences to torch of the networks that looked: nothing where torch computed."""
    known = [difference for difference in differences if difference is not None]
    return {"runtime_difference": max(known)} if known else {}


class _OnnxSession:
    def __init__(self, path: Path, what: str, cure: str) -> None:
        onnxruntime = _library("onnxruntime", "onnx", f"{what} needs onnxruntime, which")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # A thread that waits by turning in circles keeps the one from its core that reads the next picture.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own have no base of theirs
            raise InputError(f"{what} is not a readable ONNX file: {short(error)}: {cure}") from error
        self.version, self._what = f"onnxruntime {onnxruntime.__version__}", what
        self.inputs = tuple(
            FileInput(given.name, _sides(given.shape), str(given.type).removeprefix("tensor(").removesuffix(")"))
            for given in self._session.get_inputs()
        )

    def __call__(self, values: Array) -> Array:
        try:
            return np.asarray(self._session.run(None, {self.inputs[0].name: values})[0])
        except Exception as error:  # as above
            raise InputError(_refused(self._what, values, error)) from error


class _OpenVinoSession:
    def __init__(self, path: Path, what: str, cure: str) -> None:
        openvino = _library("openvino", "openvino")
        # Single precision, for where the processor has half of it, OpenVINO would take that.
        try:
            compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        except RuntimeError as error:
            raise InputError(f"OpenVINO cannot run {what}: {short(error)}: {cure}") from error
        self.version, self._what = f"OpenVINO {openvino.__version__.partition('-')[0]}", what
        self._request, self._output = compiled.create_infer_request(), compiled.output(0)
        self.inputs = tuple(
            FileInput(
                given.any_name,
                _sides(None if side.is_dynamic else side.get_length() for side in given.partial_shape),
                {"f32": "float"}.get(given.element_type.get_type_name(), given.element_type.get_type_name()),
            )
            for given in compiled.inputs
        )

    def __call__(self, values: Array) -> Array:
        try:
            found: Array = self._request.infer([values])[self._output]
        except RuntimeError as error:
            raise InputError(_refused(self._what, values, error)) from error
        return found.copy()  # the next picture takes its place


def short(error: Exception) -> str:
    """What an error says first, without where in a library's source it arose."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(("Exception from ", "Check '"))]
    return told[0][:160] if told else type(error).__name__


def _export(network: nn.Module, shape: torch.Size, runtime: Runtime) -> Session:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that decide, which the example settles, and of the older exporter
        path = Path(folder) / "network.onnx"
        try:
            torch.onnx.export(network, (noise(*shape),), str(path), dynamo=False, opset_version=_OPSET)
        except Exception as error:  # exporters raise whatever they like
            raise InputError(
                f"this network cannot be exported for {shape[3]}x{shape[2]} pixels: {short(error)}: leave out --runtime"
            ) from error
        return open_session(path, runtime, "this network")


def _library(name: str, runtime: str, what: str = "") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        what = what or f"--runtime {runtime} needs {name}, which"
        raise InputError(f"{what} is not here: {_INSTALL[name]}") from error


def _sides(shape: Any) -> tuple[int | None, ...]:
    return tuple(side if isinstance(side, int) else None for side in shape)


def _refused(what: str, values: Array, error: Exception) -> str:
    return f"{what} does not run on a picture of {values.shape[3]}x{values.shape[2]} pixels: {short(error)}"
