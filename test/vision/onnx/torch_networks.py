"""Exports networks with random weights to ONNX and prints what forward hooks see.

Reads {"folder": …, "wanted": [[network, opset, options], …]} on standard input; prints a JSON list of
{file, size, images, layers: {module: {kind, values, first}}, output} with images as uint8 RGB [n][h][w][3], flat, and
values as the means over every axis that is neither batch nor channel, [n][units]. `first` is the same of the first token
alone where there is one axis of tokens.
"""

import json
import sys
import warnings

import numpy as np
import onnx
import torch
import torchvision.models as zoo
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

warnings.filterwarnings("ignore")


class Plain(nn.Module):
    """Convolutions of several kinds, batch norms, a transposed one, linear layers."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1, groups=8),
            nn.Sequential(nn.Conv2d(8, 12, 1, groups=2), nn.BatchNorm2d(12), nn.Hardswish()),
            nn.ConvTranspose2d(12, 6, 2, 2, groups=3),
        )
        self.hidden = nn.Linear(6, 10)
        self.norm = nn.BatchNorm1d(10)
        self.head = nn.Linear(10, 5, bias=False)

    def forward(self, x):
        x = self.features(x).mean((2, 3))
        return self.head(self.norm(self.hidden(x)).relu())


class WrittenNorm(nn.Module):
    """ConvNeXt's LayerNorm over channels, written by hand."""

    def __init__(self, width):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(width)), nn.Parameter(torch.randn(width))

    def forward(self, x):
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        return self.weight[:, None, None] * ((x - u) / torch.sqrt(s + 1e-6)) + self.bias[:, None, None]


class Norms(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 3, 2, 1)
        self.group = nn.GroupNorm(4, 12)
        self.plain = nn.GroupNorm(3, 12, affine=False)
        self.instance = nn.InstanceNorm2d(12, affine=True)
        self.written = WrittenNorm(12)
        self.shared = nn.Conv2d(12, 12, 1)
        self.layer = nn.LayerNorm(12)
        self.bare = nn.LayerNorm(12, elementwise_affine=False)
        self.linear = nn.Linear(12, 7)
        self.wide = nn.Linear(7, 9, bias=False)

    def forward(self, x):
        x = self.written(self.instance(self.plain(self.group(self.conv(x)).relu())))
        x = self.shared(self.shared(x).relu())
        x = self.bare(self.layer(x.permute(0, 2, 3, 1)))
        return self.wide(self.linear(x).relu()).mean((1, 2))


def vit():
    return VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=12, mlp_dim=20, num_classes=6)


def swin():
    return SwinTransformer([2, 2], 8, [2, 1], [2, 2], [4, 4], num_classes=6)


def convnext():
    return ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=6)


NETWORKS = {
    "plain": (Plain, 16),
    "norms": (Norms, 16),
    "vit": (vit, 32),
    "swin": (swin, 32),
    "convnext": (convnext, 32),
    "mobilenet": (lambda: zoo.mobilenet_v2(weights=None, width_mult=0.25, num_classes=6), 32),
    "densenet": (lambda: zoo.DenseNet(8, (2, 2), 8, num_classes=6), 32),
}

KINDS = [
    (nn.Conv2d, "conv", 1),
    (nn.ConvTranspose2d, "conv", 1),
    (nn.Linear, "linear", -1),
    (nn.BatchNorm2d, "batch-norm", 1),
    (nn.BatchNorm1d, "batch-norm", 1),
    (nn.GroupNorm, "group-norm", 1),
    (nn.InstanceNorm2d, "instance-norm", 1),
    (WrittenNorm, "layer-norm", 1),
    (zoo.convnext.LayerNorm2d, "layer-norm", 1),
    (nn.LayerNorm, "layer-norm", -1),
]


def kind_of(module):
    return next(((kind, axis) for cls, kind, axis in KINDS if type(module) is cls or isinstance(module, cls)), None)


def randomise(net):
    """Weights and statistics that make every layer's output differ from its input's."""
    with torch.no_grad():
        for name, value in [*net.named_parameters(), *net.named_buffers()]:
            if not value.is_floating_point():
                continue
            if name.endswith("running_var"):
                value.copy_(torch.rand_like(value) + 0.5)
            elif value.dim() <= 1:
                value.copy_(torch.randn_like(value) * 0.3 + (0.8 if name.endswith("weight") else 0.1))
            else:
                value.copy_(torch.randn_like(value) * (1.2 / max(1, value[0].numel()) ** 0.5))


def record(net, images):
    layers, hooks = {}, []

    def hook(name, kind, axis):
        def keep(_, __, out):
            out = out[0] if isinstance(out, tuple) else out
            axes = [a for a in range(1, out.dim()) if a != axis % out.dim()]
            value = out.mean(axes) if axes else out
            count = sum(1 for known in layers if known.split("#")[0] == name)
            first = out[:, 0] if out.dim() == 3 and axis == -1 else value
            layers[name if count == 0 else f"{name}#{count + 1}"] = {
                "kind": kind,
                "values": value.tolist(),
                "first": first.tolist(),
            }

        return keep

    for name, module in net.named_modules():
        found = kind_of(module)
        if found:
            hooks.append(module.register_forward_hook(hook(name, *found)))
        if isinstance(module, nn.MultiheadAttention):
            # Its last layer is applied without being called, and is what the module puts out.
            hooks.append(module.register_forward_hook(hook(f"{name}.out_proj", "linear", -1)))
    with torch.no_grad():
        output = net(images)
    for handle in hooks:
        handle.remove()
    return layers, output


def halve(file, form):
    """Makes a file's weights and activations float16, and its input too unless the form is `inside`."""
    model = onnx.load(file)
    graph = model.graph

    def half(tensor):
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))

    for tensor in graph.initializer:
        half(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                half(attribute.t)
            if node.op_type == "Cast" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
        if form == "inside":
            node.input[:] = ["half" if name == "input" else name for name in node.input]
    if form == "inside":
        graph.node.insert(0, helper.make_node("Cast", ["input"], ["half"], to=TensorProto.FLOAT16))
    else:
        graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    for output in graph.output:
        output.type.tensor_type.elem_type = TensorProto.FLOAT16
    del graph.value_info[:]
    onnx.save(model, file)


def main():
    request = json.load(sys.stdin)
    results = []
    for index, (name, opset, options) in enumerate(request["wanted"]):
        torch.manual_seed(index)
        build, size = NETWORKS[name]
        net = build()
        randomise(net)
        net.eval()
        pixels = np.random.RandomState(index).randint(0, 256, (5, size, size, 3), dtype=np.uint8)
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        layers, output = record(net, images)
        file = f"{request['folder']}/{name}-{opset}-{index}.onnx"
        fixed = options.get("batch")
        net.requires_grad_(True)
        torch.onnx.export(
            net,
            images[:fixed or 2],
            file,
            opset_version=opset,
            input_names=["input"],
            output_names=["logits"],
            do_constant_folding=options.get("fold", False),
            training=torch.onnx.TrainingMode.EVAL if options.get("fold") else torch.onnx.TrainingMode.PRESERVE,
            dynamic_axes=None if fixed else {"input": {0: "batch"}, "logits": {0: "batch"}},
        )
        if options.get("half"):
            halve(file, options["half"])
        results.append(
            {"file": file, "size": size, "images": pixels.ravel().tolist(), "layers": layers, "output": output.tolist()}
        )
    json.dump(results, sys.stdout)


main()
