"""The networks of the demonstration set and how each one is trained.

NETWORKS maps a name to a Network: a constructor, a kind and a recipe. A new network is one entry in that table.
"""

from dataclasses import dataclass
from typing import Callable, Optional

from torch import nn

from architectures import VGG, ConvNeXt, DenseNet, MobileNet, Perceptual, ResNet, ViT, WideEncoder, group_norm
from perceptual import Dists, Lpips


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. `classify` learns from labels, `contrast` from two views of each image (no labels)."""

    epochs: int
    task: str = "classify"
    batch: int = 128
    optimizer: str = "sgd"  # or adamw
    rate: float = 0.2  # highest rate of the one-cycle schedule
    warmup: float = 0.2  # share of the steps in which the rate rises
    cooldown: tuple = ()  # two epochs: between them the rate also falls in a line to 0, and training ends at the second
    decay: float = 5e-4  # of matrices and kernels; biases, norms and scales have none
    smoothing: float = 0.1
    temperature: float = 0.2
    keep: tuple = ()  # epochs, also parts of one, whose weights are kept beside the last, for `export --epoch`
    attack: float = 0.0  # adversarial training: largest change of a pixel, of 255; 0 is plain training


@dataclass(frozen=True)
class Network:
    description: str
    build: Callable[[], nn.Module]
    recipe: Optional[Recipe]
    kind: str = "model"  # or encoder, pairwise, or backbone: part of encoders, no file itself
    seed: int = 0
    plain: str = ""  # the same architecture trained without attacks
    backbone: str = ""  # the network whose trained stages this one uses; it has no training of its own


NETWORKS = {
    "resnet": Network(
        "Residual network (He et al., 2016): a 3x3 stem at 32x32, three basic blocks of 32, 64 and 128 channels with "
        "batch norm at 16x16, 8x8 and 4x4, global mean, linear head.",
        lambda: ResNet(16, (32, 64, 128)),
        Recipe(epochs=24),
    ),
    "vgg": Network(
        "Plain convolutional network (after Simonyan and Zisserman, 2015): five 3x3 convolutions with batch norm and ReLU, "
        "maximum pooling, one hidden linear layer, linear head. No shortcuts.",
        lambda: VGG((24, 40, 48, 80, 96)),
        Recipe(epochs=24, rate=0.1),
    ),
    "convnext": Network(
        "ConvNeXt (Liu et al., 2022) for 32 pixels: a strided 4x4 stem, stages of 32, 64 and 128 channels at 16x16, 8x8 "
        "and 4x4; blocks of depthwise 5x5 convolution, layer norm, and two channels-last linear layers with GELU between.",
        lambda: ConvNeXt((32, 64, 128), (1, 2, 2)),
        Recipe(epochs=24, optimizer="adamw", rate=4e-3, decay=0.05),
    ),
    "densenet": Network(
        "Densely connected network (Huang et al., 2017): a strided 3x3 stem, three dense blocks of three layers each (batch "
        "norm, ReLU, 3x3 convolution, growth 24) at 16x16, 8x8 and 4x4, 1x1 transitions, linear head.",
        lambda: DenseNet(24, 24, (3, 3, 3)),
        Recipe(epochs=12),
    ),
    "resnet-w025": Network(
        "The residual network `resnet` with a quarter of its channels: stem 4, blocks of 8, 16 and 32.",
        lambda: ResNet(4, (8, 16, 32)),
        Recipe(epochs=24),
    ),
    "resnet-w050": Network(
        "The residual network `resnet` with half of its channels: stem 8, blocks of 16, 32 and 64.",
        lambda: ResNet(8, (16, 32, 64)),
        Recipe(epochs=24, keep=(0.02, 0.1, 0.3, 0.6, 1, 2, 4, 8, 16)),
    ),
    "resnet-d2": Network(
        "The residual network `resnet-w050` (stem 8, blocks of 16, 32 and 64 channels) with two blocks a stage.",
        lambda: ResNet(8, (16, 32, 64), (2, 2, 2)),
        Recipe(epochs=24),
    ),
    "resnet-d3": Network(
        "The residual network `resnet-w050` (stem 8, blocks of 16, 32 and 64 channels) with three blocks a stage.",
        lambda: ResNet(8, (16, 32, 64), (3, 3, 3)),
        Recipe(epochs=24),
    ),
    "resnet-gn": Network(
        "The residual network `resnet` with group norm (Wu and He, 2018; 8 groups) in place of batch norm.",
        lambda: ResNet(16, (32, 64, 128), norm=group_norm),
        Recipe(epochs=12, rate=0.1),
    ),
    "resnet-robust": Network(
        "The residual network `resnet`, trained on adversarial images.",
        lambda: ResNet(16, (32, 64, 128)),
        Recipe(epochs=16, attack=4),
        plain="resnet",
    ),
    "mobilenet": Network(
        "Inverted residuals (MobileNetV2; Sandler et al., 2018): a strided 3x3 stem, blocks of 1x1 expansion (4 times), "
        "depthwise 3x3 and linear 1x1 projection to 24, 40 and 80 channels at 16x16, 8x8 and 4x4, a 1x1 convolution, linear head.",
        lambda: MobileNet(24, (24, 40, 80), (1, 2, 2), 192),
        Recipe(epochs=16),
    ),
    "vit": Network(
        "Vision transformer (Dosovitskiy et al., 2021) for 32 pixels: 64 patches of 4x4, three pre-norm blocks of width 96 with "
        "three heads and one joined query, key and value layer, mean of the tokens, linear head.",
        lambda: ViT(4, 96, 3, 3),
        Recipe(epochs=16, optimizer="adamw", rate=2e-3, decay=0.05),
    ),
    "encoder": Network(
        "Wide pre-activation residual network (after Zagoruyko and Komodakis, 2016): a strided 3x3 stem, three blocks of "
        "40, 80 and 160 channels with batch norm at 16x16, 8x8 and 4x4. The embedding joins the global means of the last "
        "two blocks after batch norm and ReLU, each scaled to length 1.",
        lambda: WideEncoder(32, (40, 80, 160)),
        Recipe(epochs=28, cooldown=(13, 20), task="contrast", batch=256, optimizer="adamw", rate=2e-3, decay=0.02, warmup=0.1),
        kind="encoder",
    ),
    "perceptual": Network(
        "Plain convolutional network (after Simonyan and Zisserman, 2015): stages of 16, 32, 64 and 96 channels at 32x32 to 4x4, "
        "3x3 convolutions with batch norm and ReLU, L2 pooling between the stages, global mean, linear head.",
        lambda: Perceptual((16, 32, 64, 96), (1, 2, 2, 2)),
        Recipe(epochs=12),
        kind="backbone",
        seed=1,
    ),
    "lpips": Network(
        "A distance in the form of LPIPS (Zhang et al., 2018) on the four stages of the network `perceptual`, with equal weights. "
        "The stages are averaged to 4x4, 4x4, 2x2 and 2x2 positions; every position's channels are scaled to length 1.",
        lambda: Lpips(Perceptual((16, 32, 64, 96), (1, 2, 2, 2))),
        None,
        kind="encoder",
        backbone="perceptual",
    ),
    "dists": Network(
        "A similarity in the form of DISTS (Ding et al., 2022) on the image and the four stages of the network `perceptual`, with "
        "equal weights: means, variances and covariance of every channel.",
        lambda: Dists(Perceptual((16, 32, 64, 96), (1, 2, 2, 2))),
        None,
        kind="pairwise",
        backbone="perceptual",
    ),
}
