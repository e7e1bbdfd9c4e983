"""Exports LPIPS (Zhang et al., 2018, version 0.1) as an encoder: squared Euclidean distances of its embeddings are LPIPS.

    python tools/export_lpips.py alex            # needs torchvision and the package lpips, for their weights
    python tools/export_lpips.py vgg --size 64 -o lpips-vgg.onnx

LPIPS is, over five layers, the mean over positions of sum_c w_c (a_c - b_c)^2, where a and b are the channels of a position
scaled to length 1. So the embedding holds these times sqrt(w_c / positions), and `similarity: squared-euclidean` gives the
negative of LPIPS. Its length grows with the size of the images: LPIPS was trained on patches of 64 × 64, the default (alex:
31,872 numbers an image; at 224 × 224 it would be 484,992).
"""

import argparse
from pathlib import Path

import torch
from torch import nn

import onnx_file

# Where the trunk is cut: after which of its `features` a layer is taken.
CUTS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}


class Lpips(nn.Module):
    """Images in [-1, 1], [N, 3, H, W], to embeddings [N, D]. `weights`: for each layer a value a channel, none negative."""

    def __init__(self, features, cuts, weights):
        super().__init__()
        starts = (0, *(cut + 1 for cut in cuts[:-1]))
        self.slices = nn.ModuleList(features[start : cut + 1] for start, cut in zip(starts, cuts))
        for module in self.slices.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        self.roots = nn.ParameterList(nn.Parameter(w.detach().reshape(1, -1, 1, 1).sqrt()) for w in weights)
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))

    def forward(self, x):
        x = (x - self.shift) / self.scale
        parts = []
        for layers, root in zip(self.slices, self.roots):
            x = layers(x)
            unit = x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)
            positions = float(x.shape[2] * x.shape[3])
            parts.append((unit * root).flatten(1) / positions**0.5)
        return torch.cat(parts, 1)


def trunk(kind, pretrained=True):
    from torchvision import models

    if kind == "alex":
        return models.alexnet(weights=models.AlexNet_Weights.IMAGENET1K_V1 if pretrained else None).features
    return models.vgg16(weights=models.VGG16_Weights.IMAGENET1K_V1 if pretrained else None).features


def channel_weights(kind, file=None):
    """The five weights of channels, from the file that the package has, or another of the same form."""
    if file is None:
        import lpips

        file = Path(lpips.__file__).parent / f"weights/v0.1/{kind}.pth"
    state = torch.load(file, map_location="cpu")
    weights = [state[f"lin{layer}.model.1.weight"].flatten() for layer in range(5)]
    if any((weight < 0).any() for weight in weights):
        raise SystemExit(f"{file} has negative weights: that is no LPIPS")
    return weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["alex", "vgg"])
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--weights", help="file with the weights of channels, in place of the package's")
    parser.add_argument("--trunk", help="state of the whole torchvision network, in place of the ImageNet weights")
    args = parser.parse_args()
    features = trunk(args.kind, pretrained=args.trunk is None)
    if args.trunk:
        state = onnx_file.state_of(args.trunk)
        features.load_state_dict({k.removeprefix("features."): v for k, v in state.items() if k.startswith("features.")})
    net = Lpips(features, CUTS[args.kind], channel_weights(args.kind, args.weights))
    preprocess = {"size": args.size, "interpolation": "bilinear", "range": [-1, 1]}
    onnx_file.write(
        net,
        (torch.zeros(2, 3, args.size, args.size),),
        args.output or Path(f"lpips-{args.kind}.onnx"),
        output="embedding",
        metadata={"preprocess": preprocess, "similarity": "squared-euclidean", "source": f"LPIPS 0.1, {args.kind}"},
    )


if __name__ == "__main__":
    main()
