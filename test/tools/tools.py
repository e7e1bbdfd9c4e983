"""Runs the scripts in tools/ on random weights, and computes what their files must give by the formulas themselves.

Reads {"tools": …, "folder": …}; writes the ONNX files and their inputs (raw bytes) into the folder; prints what is expected.
"""

import contextlib
import json
import os
import runpy
import sys
import textwrap
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torchvision import models

request = json.load(sys.stdin)
folder, tools = Path(request["folder"]), Path(request["tools"])
sys.path.insert(0, str(tools))
sys.dont_write_bytecode = True
torch.manual_seed(0)
rng = np.random.RandomState(0)
SIZE = 48
pixels = rng.randint(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)
pixels.tofile(folder / "pixels")
images = torch.from_numpy(pixels).permute(0, 3, 1, 2).double() / 255
expected = {}


def run(script, *args):
    """As `python tools/SCRIPT ARGS` does in the folder, without loading PyTorch again."""
    before = sys.argv, os.getcwd()
    sys.argv = [script, *map(str, args)]
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            runpy.run_path(str(tools / script), run_name="__main__")
    finally:
        sys.argv = before[0]
        os.chdir(before[1])


def lpips_by_definition(features, cuts, weights, a, b):
    shift, scale = (torch.tensor(v).double().view(1, 3, 1, 1) for v in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]))
    total = torch.zeros(len(a)).double()
    for cut, weight in zip(cuts, weights):
        one, two = (features[: cut + 1]((2 * x - 1 - shift) / scale) for x in (a, b))
        one, two = (x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10) for x in (one, two))
        total += ((one - two).square() * weight.double().view(1, -1, 1, 1)).sum(1).mean((1, 2))
    return total


def lpips():
    import export_lpips

    widths = (64, 192, 384, 256, 256)
    weights = [torch.rand(width) for width in widths]
    torch.save({f"lin{i}.model.1.weight": w.view(1, -1, 1, 1) for i, w in enumerate(weights)}, folder / "lin.pth")
    features = export_lpips.trunk("alex", pretrained=False)
    torch.save({f"features.{k}": v for k, v in features.state_dict().items()}, folder / "alex.pth")
    run("export_lpips.py", "alex", "--size", SIZE, "--weights", "lin.pth", "--trunk", "alex.pth", "-o", "lpips.onnx")
    features = features.double().eval()
    for module in features.modules():
        module.inplace = False
    with torch.no_grad():
        distances = lpips_by_definition(features, (1, 4, 7, 9, 11), weights, images[:2], images[2:])
    expected["lpips"] = distances.tolist()


def hann_pool(x):
    window = np.hanning(5)[1:-1]
    kernel = torch.from_numpy(np.outer(window, window) / np.outer(window, window).sum())
    n, c, h, w = x.shape
    patches = F.unfold(x.square(), 3, padding=1, stride=2).view(n, c, 9, -1)
    side = ((h - 1) // 2 + 1, (w - 1) // 2 + 1)
    return ((patches * kernel.reshape(1, 1, 9, 1)).sum(2) + 1e-12).sqrt().view(n, c, *side)


def dists():
    import export_dists
    import onnx_file

    features = models.vgg.make_layers(models.vgg.cfgs["D"])
    alpha, beta = torch.rand(1, 1475, 1, 1), torch.rand(1, 1475, 1, 1)
    net = export_dists.Dists(features, alpha, beta)
    x = images.float()
    with contextlib.redirect_stdout(sys.stderr):
        onnx_file.write(net, (x[:2], x[2:]), folder / "dists.onnx", inputs=("first", "second"), output="distance", checked=False)
    features = features.double().eval()
    mean, std = (torch.tensor(v).double().view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))

    def stages(image):
        found, x = [image], (image - mean) / std
        for index, module in enumerate(features):
            if isinstance(module, torch.nn.MaxPool2d):
                found.append(x)
                x = hann_pool(x)
            else:
                x = module(x)
        return found if index == 30 else None  # the last pooling only ends the fifth stage

    total = float(alpha.sum() + beta.sum())
    distances, offset = [], 0
    with torch.no_grad():
        for one, two in zip(images[:2], images[2:]):
            alike, offset = 0.0, 0
            for a, b in zip(stages(one[None]), stages(two[None])):
                for c in range(a.shape[1]):
                    x, y = a[0, c].numpy(), b[0, c].numpy()
                    texture = (2 * x.mean() * y.mean() + 1e-6) / (x.mean() ** 2 + y.mean() ** 2 + 1e-6)
                    covariance = np.cov(x.ravel(), y.ravel(), bias=True)[0, 1]
                    structure = (2 * covariance + 1e-6) / (x.var() + y.var() + 1e-6)
                    alike += float(alpha[0, offset + c]) * texture + float(beta[0, offset + c]) * structure
                offset += a.shape[1]
            distances.append(1 - alike / total)
    expected["dists"] = {"values": distances, "channels": offset}


STUB = '''
import torch
from torch import nn

class Branch:
    def __init__(self, width):
        self.model = nn.Sequential(nn.Conv2d(3, width, 32, 32), nn.Flatten(2))

class Model(nn.Module):
    """As the package has it: branches in a plain list, squeezed, joined, scaled to length 1, their mean subtracted."""
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.extractor_list = [Branch(5), Branch(7)]
        self.mlp = nn.Identity()
    def embed(self, img):
        parts = [branch.model(img).mean(2).squeeze() for branch in self.extractor_list]
        embed = self.mlp(torch.cat(parts, dim=-1))
        embed = embed.unsqueeze(0) if embed.dim() <= 1 else embed
        embed = (embed.T / torch.norm(embed, dim=1)).T
        return (embed.T - torch.mean(embed, dim=1)).T

def dreamsim(pretrained, device, cache_dir, dreamsim_type):
    assert pretrained and device == "cpu"
    return Model(), None
'''


def dreamsim():
    (folder / "stub").mkdir()
    (folder / "stub/dreamsim.py").write_text(STUB)
    sys.path.insert(0, str(folder / "stub"))
    run("export_dreamsim.py")
    import dreamsim as stub

    square = rng.randint(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    square.tofile(folder / "square")
    with torch.no_grad():
        embeddings = stub.Model().embed(torch.from_numpy(square).permute(0, 3, 1, 2).float() / 255)
    expected["dreamsim"] = embeddings.tolist()


def autoencoders():
    x = torch.randn(5, 6)
    x.numpy().tofile(folder / "rows")
    matrix, bias, before, threshold = torch.randn(6, 11), torch.randn(11), torch.randn(6), torch.rand(11)
    latents = (x - before) @ matrix + bias
    torch.save({"W_enc": matrix, "b_enc": bias, "b_dec": before}, folder / "relu.pt")
    torch.save({"encoder.weight": matrix.T, "encoder.bias": bias, "decoder.bias": before}, folder / "top.pt")
    torch.save({"state_dict": {"W_enc": matrix, "b_enc": bias, "threshold": threshold}}, folder / "jump.pt")
    run("export_sae.py", "relu.pt", "--layer", "layer1.0.conv1", "-o", "relu.onnx")
    run("export_sae.py", "top.pt", "--layer", "layer1.0.conv1", "--top-k", 3, "-o", "top.onnx")
    run("export_sae.py", "jump.pt", "--layer", "tensor:/relu@1", "-o", "jump.onnx")
    relu = latents.clamp(min=0)
    kept = relu >= relu.sort(1, descending=True).values[:, 2:3]
    jumped = x @ matrix + bias
    expected["sae"] = {
        "relu": relu.tolist(),
        "top": (relu * kept).tolist(),
        "jump": (jumped * (jumped > threshold)).tolist(),
        "list": (folder / "jump.yaml").read_text(),
    }


def networks():
    run("export_model.py", "torchvision/resnet18", "--untrained", "--size", 64, "-o", "resnet18.onnx", "--no-check")
    code = """
        from torch import nn

        def build():
            net = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 15 * 15, 3))
            net.preprocess = {"size": 31, "mean": [0.5, 0.5, 0.5]}
            return net
    """
    (folder / "mine.py").write_text(textwrap.dedent(code))
    run("export_model.py", "mine.py:build", "--preprocess", '{"std": [0.2, 0.2, 0.2]}', "-o", "mine.onnx", "--no-check")


lpips()
dists()
dreamsim()
autoencoders()
networks()
json.dump(expected, sys.stdout)
