"""A segmentation network of one convolution as an ONNX file."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def export(
    path: Path, shape: tuple[object, ...], classes: int = 9, kind: int = TensorProto.FLOAT, seed: int = 1
) -> np.ndarray:
    """A 2x2 convolution of stride 2 as an ONNX file; gives its kernel."""
    kernel = np.random.default_rng(seed).normal(size=(classes, 3, 2, 2)).astype(np.float32)
    node = helper.make_node("Conv", ["pixels", "kernel"], ["logits"], kernel_shape=[2, 2], strides=[2, 2])
    if kind != TensorProto.FLOAT:
        node = helper.make_node("Identity", ["pixels"], ["logits"])
    values = [numpy_helper.from_array(kernel, "kernel")] if kind == TensorProto.FLOAT else []
    ends = [helper.make_tensor_value_info("pixels", kind, shape), helper.make_tensor_value_info("logits", kind, None)]
    graph = helper.make_graph([node], "small", ends[:1], ends[1:], values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return kernel
