"""Runs the demo's networks in PyTorch, with forward hooks, over images read by Pillow, and compares what `mis` stored.

Reads from standard input {"demo": folder, "images": [files], "networks": [{"name", "onnx", "mean", "std", "embedding":
file or null, "layers": {name: raw float32 file}}]}, and with "resize" and "crop" what torchvision is to do to the images
(bicubic, upright). Prints for each network {"layers": {name: largest difference over
the layer's largest value}, "missing": [modules that weren't stored], "embedding": the same for the embedding or null}.
"""
import json
import sys

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from PIL import Image, ImageOps

asked = json.load(sys.stdin)
sys.path.insert(0, asked["demo"])
import networks  # noqa: E402

torch.set_num_threads(2)
KINDS = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.GroupNorm, torch.nn.Linear, torch.nn.LayerNorm)


def weights(file, network):
    """The file's initializers under the names of the network's own state."""
    graph = onnx.load(file).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    state = {name: stored[name] for name in network.state_dict() if name in stored}
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Linear) and f"{name}.weight" not in state:
            add = next(n for n in graph.node if n.op_type == "Add" and f"{name}.bias" in n.input)
            product = next(n for n in graph.node if n.op_type == "MatMul" and n.output[0] in add.input)
            state[f"{name}.weight"] = stored[product.input[1]].T
    shapes = {name: value.shape for name, value in network.state_dict().items()}  # group norms' are stored as [C, 1, 1]
    return {name: torch.from_numpy(value.reshape(shapes[name]).copy()) for name, value in state.items()}


def load(asked_network):
    network = networks.NETWORKS[asked_network["name"].split("-epoch-")[0]].build().eval()
    missing, unexpected = network.load_state_dict(weights(asked_network["onnx"], network), strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise SystemExit(f"{asked_network['onnx']}: missing {missing}, unexpected {unexpected}")
    return network


def spatial_mean(module, output):
    last = isinstance(module, (torch.nn.Linear, torch.nn.LayerNorm)) and type(module).__name__ != "ChannelsLastNorm"
    channel = output.ndim - 1 if last else 1
    axes = [axis for axis in range(1, output.ndim) if axis != channel]
    return output.double().mean(axes) if axes else output.double()


def relative(file, expected):
    found = np.fromfile(file, np.float32).reshape(expected.shape)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def prepare(file):
    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    if "resize" in asked:
        from torchvision import transforms as T

        image = T.Resize(asked["resize"], T.InterpolationMode.BICUBIC)(image)
        image = T.CenterCrop(asked["crop"])(image)
    return np.asarray(image, np.float32) / 255


pixels = np.stack([prepare(file) for file in asked["images"]])
answer = {}
for each in asked["networks"]:
    network = load(each)
    kept = {name: [] for name, module in network.named_modules() if isinstance(module, KINDS)}
    for name, module in network.named_modules():
        if name in kept:
            module.register_forward_hook(
                lambda module, inputs, output, name=name: kept[name].append(spatial_mean(module, output).numpy())
            )
    outputs = []
    x = (pixels - np.float32(each["mean"])) / np.float32(each["std"])
    with torch.no_grad():
        for part in torch.from_numpy(x.transpose(0, 3, 1, 2)).contiguous().split(100):
            outputs.append(network(part).numpy())
    answer[each["name"]] = {
        "layers": {
            name: relative(file, np.concatenate(kept[name])) for name, file in each["layers"].items() if name in kept
        },
        "missing": sorted(set(kept) ^ set(each["layers"])) if each["layers"] else [],
        "embedding": relative(each["embedding"], np.concatenate(outputs)) if each["embedding"] else None,
    }
print(json.dumps(answer))
