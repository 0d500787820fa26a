import json
import shutil
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from reference_network import disturbed
from reference_network import generator as plain
from runtimes import FIRST_WITH_DEFORM_CONV
from torch import Tensor

from dwsfusion import InputError
from dwsfusion.checkpoints import load_generator
from dwsfusion.engines import onnx
from dwsfusion.engines.onnx import TOLERANCE, OnnxNetwork, export_onnx, largest_difference
from dwsfusion.generator import FREE, PAPER, RELEASED, Generator, GeneratorConfig
from dwsfusion.images import ir_tensor, luma, vis_tensor
from dwsfusion.layers import FADC
from dwsfusion.pairs import find_pairs

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime", minversion=FIRST_WITH_DEFORM_CONV)


Exported = tuple[Generator, Path, OnnxNetwork]


@pytest.fixture(scope="module", params=[RELEASED, PAPER, FREE], ids=["released", "paper", "free"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    torch.manual_seed(0)
    net = disturbed(Generator(request.param), 0.1)
    net.fuse.reduce.bias.data.fill_(0.5)  # grey, for in black and white all networks agree
    path = tmp_path_factory.mktemp("onnx") / "new" / "net.onnx"
    net.train()
    assert 0 < export_onnx(net, path) <= TOLERANCE
    assert net.training
    assert type(net.fuse.reduce) is FADC
    assert [found.name for found in path.parent.iterdir()] == ["net.onnx"]
    return net.eval(), path, OnnxNetwork(path, threads=1)


@pytest.fixture
def traced_before(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing takes seconds."""
    monkeypatch.setattr(onnx, "_trace", lambda _net, path: shutil.copy(exported[1], path))


@pytest.mark.parametrize("size", [(16, 16), (18, 19), (31, 32), (50, 37), (64, 90)])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_file_computes_what_the_plain_network_does(exported: Exported, size: tuple[int, int], batch: int) -> None:
    net, _, runtime = exported
    pair = torch.rand(2, batch, 1, *size)
    with torch.no_grad():
        singles = [plain(net, *pair[:, index : index + 1])[0] for index in range(batch)]
    expected = torch.cat(singles)
    assert expected.std() > 0.02
    assert (runtime(*pair) - expected).abs().max() < 2e-5


def test_the_file_says_what_it_is(exported: Exported) -> None:
    import onnx as library

    net, path, _ = exported
    model = library.load(path)
    library.checker.check_model(model)
    said = {prop.key: prop.value for prop in model.metadata_props}
    assert GeneratorConfig(**json.loads(said["config"])) == net.config
    assert len(said["weights_sha256"]) == 64
    assert [value.name for value in model.graph.input] == ["ir", "vis_y"]
    assert [value.name for value in model.graph.output] == ["fused"]
    assert all(said[name] for name in ("ir", "vis_y", "fused"))
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in shape] == ["batch", 1, "height", "width"]
    assert str(Path(onnx.__file__).parent).encode() not in path.read_bytes()
    other = disturbed(Generator(PAPER), 0.1)
    assert onnx.metadata(other)["weights_sha256"] != said["weights_sha256"] == onnx.metadata(net)["weights_sha256"]


def test_a_difference_in_one_pixel_of_one_picture_is_found(exported: Exported) -> None:
    net, _, runtime = exported

    def wrong(value: float) -> float:
        def network(ir: Tensor, vis_y: Tensor) -> Tensor:
            fused = runtime(ir, vis_y)
            if len(ir) == 3 and ir.shape[2] % 2:
                fused[-1, 0, -1, -1] += value
            return fused

        return largest_difference(net, network)

    assert wrong(0.0) < 2e-5
    assert wrong(0.01) == pytest.approx(0.01, abs=1e-4)
    assert not wrong(float("nan")) <= TOLERANCE


@pytest.mark.usefixtures("traced_before")
def test_a_file_that_computes_something_else_is_refused(exported: Exported, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"as before")
    other = deepcopy(exported[0])
    other.fuse.reduce.bias.data += 2e-4
    with pytest.raises(InputError, match=r"expected ONNX output within 0.0001 .* difference of 0.0002"):
        export_onnx(other, path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("net.onnx", b"as before")]


@pytest.mark.usefixtures("traced_before")
def test_no_rounding_error_passes_a_tolerance_of_nothing(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "TOLERANCE", 0.0)
    with pytest.raises(InputError, match="was not written"):
        export_onnx(exported[0], tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("traced_before")
@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*pip install 'dwsfusion\[onnx\]'"):
        export_onnx(Generator(RELEASED), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_a_file_that_the_runtime_cannot_run_is_refused(exported: Exported, tmp_path: Path) -> None:
    import onnx as library

    model = library.load(exported[1])
    model.graph.node[-1].op_type = "NoSuchOperator"
    library.save(model, tmp_path / "net.onnx")
    with pytest.raises(InputError, match="cannot run"):
        OnnxNetwork(tmp_path / "net.onnx")


@pytest.mark.real_data
def test_real_pictures_by_the_released_weights(real_data: Path, tmp_path: Path) -> None:
    net = load_generator(real_data / "official/best_network.pth")
    export_onnx(net, tmp_path / "net.onnx")
    runtime = OnnxNetwork(tmp_path / "net.onnx")
    for pair in find_pairs(real_data / "data/MSRS").pairs[::40]:
        ir, vis = pair.read()
        tensors = ir_tensor(ir), luma(vis_tensor(vis))
        with torch.no_grad():
            assert (runtime(*tensors) - net(*tensors)).abs().max() <= TOLERANCE
