import pytest
import torch

from dwsfusion import InputError
from dwsfusion.devices import CPU, pick_device, to_device, wait_for
from dwsfusion.images import ir_tensor


def test_auto_is_the_best_device_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: there)
        assert pick_device().type == expected


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="use --device cpu"):
        pick_device("cuda:0")
    with pytest.raises(InputError, match="expected a device"):
        pick_device("gpu!")


def test_on_the_cpu_nothing_is_copied() -> None:
    x = torch.rand(3)
    assert to_device(x, CPU) is x
    wait_for(CPU)


def test_counts_travel_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight bits a pixel on the way to the device, and floats only there."""
    sent: list[torch.dtype] = []

    def send(x: torch.Tensor, device: torch.device) -> torch.Tensor:
        sent.append(x.dtype)
        return x.to(device)

    monkeypatch.setattr("dwsfusion.images.to_device", send)
    found = ir_tensor(torch.full((16, 16), 51, dtype=torch.uint8).numpy(), device=torch.device("meta"))
    assert sent == [torch.uint8]
    assert (found.dtype, found.device.type) == (torch.float32, "meta")


@pytest.mark.gpu
def test_a_tensor_arrives_on_the_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device = torch.device("cuda")
    x = torch.arange(1000, dtype=torch.uint8)
    sent = to_device(x, device)
    wait_for(device)
    assert sent.device.type == "cuda"
    assert torch.equal(sent.cpu(), x)
