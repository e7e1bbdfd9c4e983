"""Exports a network and directions in the space of its layers to ONNX, and prints what PyTorch makes of them.

Reads {"folder": …} on standard input; prints {file, images, found: [{layer, file, per, values}]} with images as uint8
RGB [n][h][w][3], flat, and values as [n][units]. Network and directions have different operator sets.
"""

import json
import sys
import warnings

import numpy as np
import torch
from torch import nn

warnings.filterwarnings("ignore")


class Network(nn.Module):
    """Feature maps, channels-last maps, tokens, a vector."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, 2, 1)
        self.last = nn.Linear(6, 7)
        self.tokens = nn.TransformerEncoderLayer(7, 1, 9, batch_first=True, dropout=0)
        self.head = nn.Linear(7, 4)

    def forward(self, x):
        x = self.last(self.conv(x).relu().permute(0, 2, 3, 1)).relu()
        x = self.tokens(x.flatten(1, 2))
        return self.head(x.mean(1))


class Autoencoder(nn.Module):
    """The encoder of a sparse autoencoder: centre, project, k largest latents."""

    def __init__(self, width, latents):
        super().__init__()
        self.centre = nn.Parameter(torch.randn(width) * 0.1)
        self.encoder = nn.Linear(width, latents)

    def forward(self, x):
        z = self.encoder(x - self.centre).relu()
        bar = z.topk(5, dim=-1).values[..., -1:]
        return torch.where(z >= bar, z, torch.zeros_like(z))


def main():
    folder = json.load(sys.stdin)["folder"]
    torch.manual_seed(3)
    net = Network().eval()
    pixels = np.random.RandomState(1).randint(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    seen = {}
    for name in ("conv", "last", "tokens.linear1", "head"):
        net.get_submodule(name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    file = f"{folder}/network.onnx"
    # PyTorch's fused transformer layer has no ONNX form, and no hooks: gradients keep the plain one.
    net.requires_grad_(True)
    net(images)
    seen = {name: value.detach() for name, value in seen.items()}
    found = []
    for index, (layer, value) in enumerate(list(seen.items())):
        rows = value.permute(0, 2, 3, 1) if layer == "conv" else value
        rows = rows.flatten(1, -2) if rows.dim() > 2 else rows[:, None]
        encoder = Autoencoder(rows.shape[-1], 11 + index).eval()
        path = f"{folder}/{layer}.onnx"
        axes = {"x": {0: "n"}, "z": {0: "n"}}
        example = torch.randn(3, rows.shape[-1])
        torch.onnx.export(encoder, example, path, opset_version=11, input_names=["x"], output_names=["z"], dynamic_axes=axes)
        with torch.no_grad():
            per = {"position": encoder(rows).mean(1), "pooled": encoder(rows.mean(1))}
        found += [{"layer": layer, "file": path, "per": key, "values": values.tolist()} for key, values in per.items()]
    axes = {"input": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(net, images[:2], file, opset_version=16, input_names=["input"], output_names=["logits"], dynamic_axes=axes, training=torch.onnx.TrainingMode.PRESERVE)
    json.dump({"file": file, "images": pixels.ravel().tolist(), "found": found}, sys.stdout)


main()
