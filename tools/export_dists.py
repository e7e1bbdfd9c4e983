"""Exports DISTS (Ding et al., 2022) as a pairwise model: two batches of images in, a distance a pair out.

    python tools/export_dists.py        # needs torchvision and the package dists-pytorch, for their weights

In a config: `similarity: pairwise`, `distance: true`. For every channel of the image and of five stages of VGG-16 (its max
pooling replaced by a Hann-weighted root of the mean square), with means m, variances v and the covariance c over positions:
texture (2 m m' + e) / (m^2 + m'^2 + e), structure (2 c + e) / (v + v' + e), e = 1e-6. DISTS is 1 minus the sum of both, weighted
by alpha and beta, which add up to 1.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import onnx_file

CHANNELS = (3, 64, 128, 256, 512, 512)
# The convolutions of VGG-16's `features` by stage; each stage but the first begins with the pooling.
STAGES = (range(0, 4), range(5, 9), range(10, 16), range(17, 23), range(24, 30))


class HannPool(nn.Module):
    """sqrt of the Hann-weighted mean of squares, 3 × 3 with stride 2."""

    def __init__(self, channels):
        super().__init__()
        window = torch.hann_window(5, periodic=False)[1:-1]
        kernel = window[:, None] * window[None, :]
        self.register_buffer("kernel", (kernel / kernel.sum()).repeat(channels, 1, 1, 1))

    def forward(self, x):
        mean = F.conv2d(x**2, self.kernel, stride=2, padding=1, groups=self.kernel.shape[0])
        return (mean + 1e-12).sqrt()


class Dists(nn.Module):
    """Images in [0, 1], [N, 3, H, W] each, to distances [N]; `alpha` and `beta`: a value for each of the 1,475 channels."""

    def __init__(self, features, alpha, beta):
        super().__init__()
        layers = [[features[i] for i in stage] for stage in STAGES]
        pools = [[], *([HannPool(channels)] for channels in CHANNELS[1:5])]
        self.stages = nn.ModuleList(nn.Sequential(*pool, *stage) for pool, stage in zip(pools, layers))
        for module in self.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        total = alpha.sum() + beta.sum()
        self.alpha = nn.Parameter(alpha.detach().flatten() / total)
        self.beta = nn.Parameter(beta.detach().flatten() / total)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def features(self, x):
        found = [x]
        x = (x - self.mean) / self.std
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found

    def forward(self, first, second):
        alike, e = 0, 1e-6
        weights = zip(self.alpha.split(CHANNELS), self.beta.split(CHANNELS))
        for a, b, (alpha, beta) in zip(self.features(first), self.features(second), weights):
            mean_a, mean_b = a.mean((2, 3), keepdim=True), b.mean((2, 3), keepdim=True)
            a, b = a - mean_a, b - mean_b
            mean_a, mean_b = mean_a.flatten(1), mean_b.flatten(1)
            texture = (2 * mean_a * mean_b + e) / (mean_a**2 + mean_b**2 + e)
            spread = (a**2).mean((2, 3)) + (b**2).mean((2, 3))
            structure = (2 * (a * b).mean((2, 3)) + e) / (spread + e)
            alike = alike + (alpha * texture).sum(1) + (beta * structure).sum(1)
        return 1 - alike


def learned(file=None):
    """alpha and beta, from the file that the package has, or another of the same form."""
    places = [file] if file else [Path(sys.prefix) / "weights.pt"]
    if file is None:
        import DISTS_pytorch

        places.append(Path(DISTS_pytorch.__file__).parent / "weights.pt")
    found = next((place for place in places if Path(place).exists()), None)
    if found is None:
        raise SystemExit("The weights of DISTS (weights.pt of its package) aren't found. Name the file: --weights FILE")
    state = torch.load(found, map_location="cpu")
    return state["alpha"], state["beta"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("dists.onnx"))
    parser.add_argument("--size", type=int, default=256, help="DISTS resizes the shorter side to 256")
    parser.add_argument("--weights", help="file with alpha and beta, in place of the package's")
    parser.add_argument("--trunk", help="state of torchvision's VGG-16, in place of the ImageNet weights")
    args = parser.parse_args()
    from torchvision import models

    vgg = models.vgg16(weights=None if args.trunk else models.VGG16_Weights.IMAGENET1K_V1)
    if args.trunk:
        vgg.load_state_dict(onnx_file.state_of(args.trunk))
    example = torch.rand(2, 3, args.size, args.size)
    preprocess = {"size": args.size, "interpolation": "bilinear", "range": [0, 1]}
    onnx_file.write(
        Dists(vgg.features, *learned(args.weights)),
        (example, example.flip(0)),
        args.output,
        inputs=("first", "second"),
        output="distance",
        metadata={"preprocess": preprocess, "similarity": "pairwise", "distance": True, "source": "DISTS"},
    )


if __name__ == "__main__":
    main()
