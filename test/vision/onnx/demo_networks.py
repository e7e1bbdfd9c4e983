"""Rebuilds networks of the demonstration set in PyTorch from ONNX files' weights and prints what hooks see.

Reads {"demo": folder, "networks": [{"name", "weights": {name: {dims, data (base64 float32), transposed}}}], "size",
"pixels": base64 uint8 RGB [n][h][w][3], "mean", "std"}; prints a list of {"layers": {module: [n][units]},
"output": [n][…]}.
"""

import base64
import json
import sys

import numpy as np
import torch
from torch import nn

request = json.load(sys.stdin)
sys.path.insert(0, request["demo"])
from networks import NETWORKS  # noqa: E402


def restored(name, weights):
    network = NETWORKS[name].build().eval()
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    state = {}
    for key, weight in weights.items():
        value = np.frombuffer(base64.b64decode(weight["data"]), np.float32).reshape(weight["dims"])
        value = value.T if weight["transposed"] else value
        # the scale of a group norm is stored as [C, 1, 1]
        state[key] = torch.from_numpy(value.reshape(shapes.get(key, value.shape)).copy())
    report = network.load_state_dict(state, strict=False)
    missing = [key for key in report.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or report.unexpected_keys:
        raise SystemExit(f"{name}: weights don't fit: {missing} {report.unexpected_keys}")
    return network


def channel_axis(module):
    """Axis of the channels in what a module puts out; None for modules without units."""
    if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm)) or type(module).__name__ == "ChannelsLastNorm":
        return 1
    return -1 if isinstance(module, (nn.LayerNorm, nn.Linear)) else None


def record(network, images):
    layers = {}

    def keep(name, axis):
        def hook(_, __, out):
            axes = [a for a in range(1, out.dim()) if a != axis % out.dim()]
            layers[name] = (out.mean(axes) if axes else out).tolist()

        return hook

    for name, module in network.named_modules():
        axis = channel_axis(module)
        if axis is not None:
            module.register_forward_hook(keep(name, axis))
    with torch.no_grad():
        output = network(images)
    return {"layers": layers, "output": output.tolist()}


size = request["size"]
pixels = np.frombuffer(base64.b64decode(request["pixels"]), np.uint8).reshape(-1, size, size, 3)
images = torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255
images = (images - torch.tensor(request["mean"]).view(3, 1, 1)) / torch.tensor(request["std"]).view(3, 1, 1)
results = [record(restored(**network), images) for network in request["networks"]]
json.dump(results, sys.stdout)
