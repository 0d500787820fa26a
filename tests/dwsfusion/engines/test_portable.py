"""The file for one size: the network's own output, in operations that every runtime has."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_network import disturbed

from dwsfusion import InputError
from dwsfusion.engines.onnx import OnnxNetwork, sample_pairs
from dwsfusion.engines.openvino import OpenVinoNetwork
from dwsfusion.engines.portable import PORTABLE_TOLERANCE, PortableGenerator, _low_pass, export_portable
from dwsfusion.frequencies import low_pass
from dwsfusion.generator import PAPER, RELEASED, Generator, GeneratorConfig

COMMON = {
    "Abs", "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Constant", "Conv", "ConvTranspose", "Flatten",
    "Gemm", "GlobalAveragePool", "GlobalMaxPool", "GridSample", "Identity", "MatMul", "Max", "MaxPool", "Mul", "Pad",
    "ReduceMean", "Relu", "Reshape", "Resize", "Sigmoid", "Slice", "Split", "Squeeze", "Sub", "Transpose", "Unsqueeze",
}  # fmt: skip


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (50, 47), (24, 20), (16, 30), (23, 64)])
def test_products_with_constants_are_the_ideal_low_pass(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size)
    for ours, expected in zip(_low_pass(x, *size), low_pass(x), strict=True):
        torch.testing.assert_close(ours, expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("config", [PAPER, RELEASED])
@pytest.mark.parametrize("size", [(16, 16), (37, 50)])
def test_said_in_other_operations_the_network_computes_the_same(config: GeneratorConfig, size: tuple[int, int]) -> None:
    network = disturbed(Generator(config), 0.1).eval()
    portable = PortableGenerator(network)
    with torch.inference_mode():
        for pair in sample_pairs(size, 2):
            torch.testing.assert_close(portable(*pair), network(*pair), atol=1e-4, rtol=0)
    assert type(network.fuse.extract).__name__ == "FADC"  # the network itself is as it was


def test_the_file_runs_in_onnxruntime_and_openvino_without_special_operations(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    network = disturbed(Generator(PAPER), 0.1).eval()
    path = tmp_path / "folder/small.onnx"
    assert export_portable(network, path, (33, 50), batch=2) < PORTABLE_TOLERANCE
    model = onnx.load(path)
    assert {node.op_type for node in model.graph.node} <= COMMON
    assert [own.domain for own in model.opset_import] == [""]
    constants = [(tuple(c.dims), c.raw_data) for c in model.graph.initializer if c.raw_data]
    assert len(constants) == len(set(constants))
    assert {p.key: p.value for p in model.metadata_props}["size"] == "[2, 1, 33, 50]"
    pair = sample_pairs((33, 50), 2)[1]
    with torch.inference_mode():
        expected = network(*pair)
    torch.testing.assert_close(OnnxNetwork(path)(*pair), expected, atol=PORTABLE_TOLERANCE, rtol=0)
    pytest.importorskip("openvino")
    for found in (OpenVinoNetwork(path)(*pair), OpenVinoNetwork(path, threads=1)(*pair)):
        torch.testing.assert_close(found, expected, atol=PORTABLE_TOLERANCE, rtol=0)


def test_openvino_says_what_it_cannot_run(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "x.onnx").write_bytes(b"none")
    with pytest.raises(InputError, match="cannot run"):
        OpenVinoNetwork(tmp_path / "x.onnx")


@pytest.mark.slow
def test_ncnn_computes_the_same(tmp_path: Path) -> None:
    ncnn, pnnx = pytest.importorskip("ncnn"), pytest.importorskip("pnnx")
    network = disturbed(Generator(PAPER), 0.1).eval()
    export_portable(network, tmp_path / "small.onnx", (32, 48))
    shape = "inputshape=[1,1,32,48],[1,1,32,48]"
    command = [pnnx.EXEC_PATH, "small.onnx", shape, "fp16=0"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.load_param(str(tmp_path / "small.ncnn.param"))
    net.load_model(str(tmp_path / "small.ncnn.bin"))
    for pair in sample_pairs((32, 48), 1):
        extractor = net.create_extractor()
        for name, side in zip(("in0", "in1"), pair, strict=True):
            extractor.input(name, ncnn.Mat(side[0].numpy()).clone())
        found = np.array(extractor.extract("out0")[1])
        with torch.inference_mode():
            np.testing.assert_allclose(found[None], network(*pair).numpy(), atol=1e-4)


def test_sizes_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for size, batch in (((15, 64), 1), ((64, 8), 1), ((64, 64), 0)):
        with pytest.raises(InputError, match="expected sides of 16 pixels or more"):
            export_portable(Generator(PAPER), tmp_path / "x.onnx", size, batch)
    assert not list(tmp_path.iterdir())
