"""Similarity functions in the form of LPIPS and of DISTS on the stages of one trained backbone, as modules to be exported.

Both have learned weights of channels in their papers, learned from human judgements. There are none here: all weights are equal.
"""

import torch
from torch import nn

import cifar
from architectures import Perceptual


class Lpips(nn.Module):
    """An embedding whose squared Euclidean distance has the form of LPIPS (Zhang et al., 2018).

    Each stage's output is averaged to a grid of `sides`, each position's channels are scaled to length 1, and all of it is
    multiplied by sqrt(w / positions). The squared distance of two embeddings is then the sum over stages of w times the mean
    over positions of the squared difference: LPIPS with the same weight w = 1 / stages for every channel. It lies between 0
    and 2; the embedding has length 1, or less where a position has no active channel.
    """

    def __init__(self, backbone: Perceptual, sides=(4, 4, 2, 2)):
        super().__init__()
        self.stages, self.sides = backbone.stages, sides
        self.dimensions = sum(width * side * side for width, side in zip(backbone.widths, sides))

    def forward(self, x):
        parts = []
        for index, (feature, side) in enumerate(zip(Perceptual.features(self, x), self.sides)):
            feature = nn.functional.avg_pool2d(feature, (32 >> index) // side)
            length = feature.pow(2).sum(1, keepdim=True).sqrt() + 1e-10
            parts.append((feature / length).flatten(1) * (len(self.sides) * side * side) ** -0.5)
        return torch.cat(parts, 1)


class Dists(nn.Module):
    """Two batches of images to the similarity of each pair in the form of DISTS (Ding et al., 2022), 1 for the same image.

    The stages are the image itself (RGB between 0 and 1) and the backbone's. For each channel, from the means, variances
    and covariance over positions: texture (2 m m' + c) / (m^2 + m'^2 + c) and structure (2 cov + c) / (v + v' + c). The
    similarity is the mean of both over all channels of all stages, that is DISTS with the same weight for all; their
    distance is 1 minus it.
    """

    def __init__(self, backbone: Perceptual, constant: float = 1e-6):
        super().__init__()
        self.stages, self.constant = backbone.stages, constant
        self.terms = 2 * (3 + sum(backbone.widths))
        self.register_buffer("mean", torch.tensor(cifar.MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(cifar.STD).view(1, 3, 1, 1), persistent=False)

    def features(self, x):
        return [x * self.std + self.mean, *Perceptual.features(self, x)]

    def forward(self, first, second):
        total = 0
        for a, b in zip(self.features(first), self.features(second)):
            mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))
            off_a, off_b = a - mean_a[:, :, None, None], b - mean_b[:, :, None, None]
            texture = (2 * mean_a * mean_b + self.constant) / (mean_a**2 + mean_b**2 + self.constant)
            covariance = (off_a * off_b).mean((2, 3))
            variances = (off_a**2).mean((2, 3)) + (off_b**2).mean((2, 3))
            total = total + (texture + (2 * covariance + self.constant) / (variances + self.constant)).sum(1)
        return total / self.terms
