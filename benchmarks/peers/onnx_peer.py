"""onnxruntime: the same network as an ONNX file of Gemm and Relu, float32, one thread."""

from __future__ import annotations

from typing import Any

from ..jobs import FLOAT32, Job, PredictionJob
from ..tasks.kinds import Prediction
from .contract import Peer, load
from .numpy_peer import NumpyPeer

OPSET, IR_VERSION = 13, 8  # old enough for every onnxruntime of recent years


class OnnxPrediction(PredictionJob):
    tolerance = FLOAT32

    def __init__(self, np: Any, onnxruntime: Any, onnx: Any, task: Prediction) -> None:
        self.np = np
        self.rows = task.inputs()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            _model(np, onnx, task), options, providers=["CPUExecutionProvider"]
        )

    def predict(self, row: list[float]) -> Any:
        x = self.np.array([row], dtype=self.np.float32)
        return self.session.run(None, {"x": x})[0][0].tolist()


def _model(np: Any, onnx: Any, task: Prediction) -> Any:
    helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT
    nodes, tensors, last = [], [], "x"
    layers = task.start()
    for k, (W, b) in enumerate(layers):
        for name, value in ((f"W{k}", W), (f"b{k}", b)):
            tensors.append(onnx.numpy_helper.from_array(np.array(value, np.float32), name))
        nodes.append(helper.make_node("Gemm", [last, f"W{k}", f"b{k}"], [f"z{k}"]))
        last = f"z{k}"
        if k < len(layers) - 1:
            nodes.append(helper.make_node("Relu", [last], [f"a{k}"]))
            last = f"a{k}"
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", FLOAT, [1, task.sizes[0]])],
        [helper.make_tensor_value_info(last, FLOAT, [1, task.sizes[-1]])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model.SerializeToString()


class OnnxPeer(Peer):
    name = "onnxruntime"
    title = "onnxruntime"
    module = distribution = "onnxruntime"

    def prediction(self, task: Prediction) -> Job:
        onnxruntime = self.load()
        return OnnxPrediction(NumpyPeer().load(), onnxruntime, load("onnx", "onnx"), task)
