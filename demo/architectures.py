"""The architectures of the demonstration set's networks. All take [batch, 3, 32, 32]."""

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


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise 3x3, linear 1x1 projection; a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int):
        super().__init__()
        width = expansion * inputs
        self.expand = nn.Sequential(conv(inputs, width, 1), nn.BatchNorm2d(width), nn.ReLU())
        self.depthwise = nn.Sequential(conv(width, width, 3, stride, width), nn.BatchNorm2d(width), nn.ReLU())
        self.project = nn.Sequential(conv(width, outputs, 1), nn.BatchNorm2d(outputs))
        self.shortcut = inputs == outputs and stride == 1

    def forward(self, x):
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class MobileNet(nn.Module):
    """Inverted residuals on 16x16, 8x8 and 4x4 after a strided stem, then a 1x1 convolution."""

    def __init__(self, stem: int, widths, blocks, last: int, expansion: int = 4, classes: int = 10):
        super().__init__()
        self.stem = nn.Sequential(conv(3, stem, 3, 2), nn.BatchNorm2d(stem), nn.ReLU())
        stages, inputs = [], stem
        for index, (width, count) in enumerate(zip(widths, blocks)):
            stage = []
            for i in range(count):
                stage.append(InvertedResidual(inputs, width, 2 if index and i == 0 else 1, expansion))
                inputs = width
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        self.last = nn.Sequential(conv(inputs, last, 1), nn.BatchNorm2d(last), nn.ReLU())
        self.head = nn.Linear(last, classes)

    def forward(self, x):
        return self.head(self.last(self.stages(self.stem(x))).mean((2, 3)))


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and two linear layers with GELU between, on [B, tokens, width]."""

    def __init__(self, tokens: int, width: int, heads: int, expansion: int):
        super().__init__()
        self.tokens, self.heads, self.scale = tokens, heads, (width // heads) ** -0.5
        self.norm1, self.norm2 = LayerNorm(width, eps=1e-6), LayerNorm(width, eps=1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.project = nn.Linear(width, expansion * width), nn.Linear(expansion * width, width)

    def forward(self, x):
        width = self.out.in_features
        parts = self.qkv(self.norm1(x)).reshape(-1, self.tokens, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        attention = (q @ k.transpose(2, 3) * self.scale).softmax(3)
        x = x + self.out((attention @ v).transpose(1, 2).reshape(-1, self.tokens, width))
        return x + self.project(F.gelu(self.expand(self.norm2(x))))


class ViT(nn.Module):
    """Vision transformer on square patches; the mean of the tokens goes to the head."""

    def __init__(self, patch: int, width: int, depth: int, heads: int, expansion: int = 2, classes: int = 10):
        super().__init__()
        tokens = (32 // patch) ** 2
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.position = nn.Parameter(0.02 * torch.randn(1, tokens, width))
        self.blocks = nn.Sequential(*[TransformerBlock(tokens, width, heads, expansion) for _ in range(depth)])
        self.norm = LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(x + like(self.position, x))).mean(1))


class Perceptual(nn.Module):
    """Plain convolutions whose stage outputs LPIPS and DISTS compare; L2 pooling between the stages (Ding et al., 2020)."""

    def __init__(self, widths=(16, 32, 64, 96), layers=(1, 2, 2, 2), classes: int = 10):
        super().__init__()
        stages, inputs = [], 3
        for width, count in zip(widths, layers):
            stage = []
            for _ in range(count):
                stage += [conv(inputs, width), nn.BatchNorm2d(width), nn.ReLU()]
                inputs = width
            stages.append(nn.Sequential(*stage))
        self.stages, self.widths = nn.ModuleList(stages), widths
        self.head = nn.Linear(inputs, classes)

    def features(self, x):
        """[B, 3, 32, 32] to the output of each stage, [B, C, H, W]."""
        found = []
        for index, stage in enumerate(self.stages):
            if index:
                x = (F.avg_pool2d(x * x, 2) + 1e-6).sqrt()
            x = stage(x)
            found.append(x)
        return found

    def forward(self, x):
        return self.head(self.features(x)[-1].mean((2, 3)))


class GroupNorm(nn.GroupNorm):
    """GroupNorm that computes in float32 under autocast."""

    def forward(self, x):
        return like(super().forward(like(x, self.weight)), x)


def group_norm(channels: int) -> nn.GroupNorm:
    return GroupNorm(8, channels)
