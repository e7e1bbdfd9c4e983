"""The networks of the demonstration set and how each one is trained.

NETWORKS maps a name to a Network: a constructor, a kind (`model` puts out class scores, `encoder` puts out an
embedding) and a recipe. A new network is one entry in that table. All take [batch, 3, 32, 32].
"""

from dataclasses import dataclass
from typing import Callable

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)


def like(x, other):
    """x in the number type of `other`, which differs under autocast; else x itself, so that no Cast is exported."""
    return x if x.dtype == other.dtype else x.to(other.dtype)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut; normalisation after each convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Callable[[int], nn.Module]):
        super().__init__()
        self.conv1, self.norm1 = conv(inputs, outputs, 3, stride), norm(outputs)
        self.conv2, self.norm2 = conv(outputs, outputs), norm(outputs)
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Sequential(conv(inputs, outputs, 1, stride), norm(outputs))
        )

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """Residual network; the first stage keeps 32x32 only in its stem unless `early` is 1."""

    def __init__(self, stem: int, widths, blocks=(1, 1, 1), early: int = 2, norm=nn.BatchNorm2d, classes: int = 10):
        super().__init__()
        self.stem = nn.Sequential(conv(3, stem), norm(stem), nn.ReLU())
        stages, inputs = [], stem
        for index, (width, count) in enumerate(zip(widths, blocks)):
            stride = early if index == 0 else 2
            stage = [BasicBlock(inputs if i == 0 else width, width, stride if i == 0 else 1, norm) for i in range(count)]
            stages.append(nn.Sequential(*stage))
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).mean((2, 3)))


class VGG(nn.Module):
    """Plain convolutions with batch norm, then a hidden linear layer."""

    def __init__(self, widths=(24, 48, 64, 96, 128), pool_after=(0, 2, 4), hidden: int = 128, classes: int = 10):
        super().__init__()
        layers, inputs = [], 3
        for index, width in enumerate(widths):
            layers += [conv(inputs, width), nn.BatchNorm2d(width), nn.ReLU()]
            if index in pool_after:
                layers.append(nn.MaxPool2d(2))
            inputs = width
        self.features = nn.Sequential(*layers)
        side = 32 >> len(pool_after)
        self.hidden = nn.Linear(inputs * (side // 2) ** 2, hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        x = F.max_pool2d(self.features(x), 2)
        return self.head(F.relu(self.hidden(x.flatten(1))))


class LayerNorm(nn.LayerNorm):
    """LayerNorm over the last axis that computes in float32 under autocast, which is faster on a CPU."""

    def forward(self, x):
        return like(super().forward(like(x, self.weight)), x)


class ChannelsLastNorm(LayerNorm):
    """LayerNorm over the channels of [B, C, H, W], done in channels-last order."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, width: int, kernel: int, expansion: int, scale: float = 0.1):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, expansion * width)
        self.project = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.project(F.gelu(self.expand(y)))
        return x + (like(self.scale, y) * y).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, widths=(32, 64, 128), blocks=(2, 2, 2), kernel: int = 5, expansion: int = 4, classes: int = 10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, 2, 1), ChannelsLastNorm(widths[0], eps=1e-6))
        stages, inputs = [], widths[0]
        for index, (width, count) in enumerate(zip(widths, blocks)):
            stage = []
            if index:
                stage += [ChannelsLastNorm(inputs, eps=1e-6), nn.Conv2d(inputs, width, 2, 2)]
            stage += [ConvNeXtBlock(width, kernel, expansion) for _ in range(count)]
            stages.append(nn.Sequential(*stage))
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.norm = LayerNorm(inputs, eps=1e-6)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.head(self.norm(self.stages(self.stem(x)).mean((2, 3))))


class DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth: int):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inputs), conv(inputs, growth)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class Transition(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inputs), conv(inputs, outputs, 1)

    def forward(self, x):
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2, count_include_pad=False)


class DenseNet(nn.Module):
    """Densely connected blocks on 16x16, 8x8 and 4x4 after a strided stem."""

    def __init__(self, stem: int = 32, growth: int = 24, layers=(4, 4, 4), classes: int = 10):
        super().__init__()
        self.stem = conv(3, stem, 3, 2)
        stages, width = [], stem
        for index, count in enumerate(layers):
            stage = []
            if index:
                stage.append(Transition(width, width // 2))
                width //= 2
            for _ in range(count):
                stage.append(DenseLayer(width, growth))
                width += growth
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(F.relu(self.norm(self.stages(self.stem(x)))).mean((2, 3)))


class PreActivationBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, outputs, 3, stride)
        self.norm2, self.conv2 = nn.BatchNorm2d(outputs), conv(outputs, outputs)
        self.shortcut = None if inputs == outputs and stride == 1 else conv(inputs, outputs, 1, stride)

    def forward(self, x):
        y = F.relu(self.norm1(x))
        shortcut = x if self.shortcut is None else self.shortcut(y)
        return self.conv2(F.relu(self.norm2(self.conv1(y)))) + shortcut


class WideEncoder(nn.Module):
    """Wide pre-activation residual network; the embedding joins the pooled last two stages, each of length 1."""

    def __init__(self, stem: int = 32, widths=(48, 96, 192), blocks=(1, 1, 1)):
        super().__init__()
        self.stem = conv(3, stem, 3, 2)
        stages, inputs = [], stem
        for index, (width, count) in enumerate(zip(widths, blocks)):
            first = PreActivationBlock(inputs, width, 1 if index == 0 else 2)
            stages.append(nn.Sequential(first, *[PreActivationBlock(width, width, 1) for _ in range(count - 1)]))
            inputs = width
        self.stages = nn.ModuleList(stages)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width) for width in widths[-2:]])
        self.dimensions = sum(widths[-2:])

    def forward(self, x):
        x, pooled = self.stem(x), []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            tail = index - (len(self.stages) - 2)
            if tail >= 0:
                feature = F.relu(self.norms[tail](x)).mean((2, 3))
                pooled.append(feature / (feature.pow(2).sum(1, keepdim=True) + 1e-12).sqrt())
        return torch.cat(pooled, 1)


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
    keep: tuple = ()  # epochs whose weights are kept beside the last, for `export --epoch`


@dataclass(frozen=True)
class Network:
    description: str
    build: Callable[[], nn.Module]
    recipe: Recipe
    kind: str = "model"  # or encoder
    seed: int = 0


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
    "encoder": Network(
        "Wide pre-activation residual network (after Zagoruyko and Komodakis, 2016): a strided 3x3 stem, three blocks of "
        "40, 80 and 160 channels with batch norm at 16x16, 8x8 and 4x4. The embedding joins the global means of the last "
        "two blocks after batch norm and ReLU, each scaled to length 1.",
        lambda: WideEncoder(32, (40, 80, 160)),
        Recipe(epochs=28, cooldown=(13, 20), task="contrast", batch=256, optimizer="adamw", rate=2e-3, decay=0.02, warmup=0.1),
        kind="encoder",
    ),
}
