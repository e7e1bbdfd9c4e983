"""Sparse autoencoders on a layer of a network: training, ONNX file, measurements, card.

DICTIONARIES maps a name to a Dictionary. The ONNX file takes `activations` [N, C], one row a position of the layer, and puts
out `latents` [N, M]; `mis` applies it to every position and averages, as it does with channels.
"""

import io
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

import cifar
from export import OPSET, restore
from measure import pixels_of, run_onnx


class SparseAutoencoder(nn.Module):
    """latents = ReLU(W x + b), reconstruction = D latents + c, the columns of D of length 1 (Bricken et al., 2023)."""

    def __init__(self, channels: int, latents: int):
        super().__init__()
        self.encode, self.decode = nn.Linear(channels, latents), nn.Linear(latents, channels)
        with torch.no_grad():
            self.decode.weight.copy_(F.normalize(torch.randn(channels, latents), dim=0))
            self.encode.weight.copy_(self.decode.weight.T)
            self.encode.bias.zero_()
            self.decode.bias.zero_()

    def forward(self, x):
        return F.relu(self.encode(x))


@dataclass(frozen=True)
class Dictionary:
    network: str
    module: str  # whose output is read, [B, C, H, W]
    tensor: str  # the same in the ONNX file, for the `layers` of a config
    latents: int
    sparsity: float  # weight of the mean sum of a row's latents beside the mean squared length of its error
    epochs: int
    batch: int = 1024
    rate: float = 1e-3
    seed: int = 0


DICTIONARIES = {
    "resnet-sae": Dictionary("resnet", "stages", "/stages/stages.2/stages.2.0/Relu_1_output_0", 512, 1.5, 6),
}


def rows_of(network, module, pixels):
    """The output of a module for all pixels, a row a position: float32 [images · H · W, C]."""
    found = []
    hook = dict(network.named_modules())[module].register_forward_hook(lambda _, __, out: found.append(out))
    with torch.no_grad():
        for start in range(0, len(pixels), 500):
            network(torch.from_numpy(pixels_of(pixels[start : start + 500])))
    hook.remove()
    return torch.cat([out.permute(0, 2, 3, 1).reshape(-1, out.shape[1]) for out in found])


def learned(entry: Dictionary, rows) -> SparseAutoencoder:
    """Adam on squared error and sparsity, of rows scaled to a mean squared length of C; the scale ends up in the weights."""
    torch.manual_seed(entry.seed)
    channels = rows.shape[1]
    model = SparseAutoencoder(channels, entry.latents)
    scale = (channels / rows.pow(2).sum(1).mean()).sqrt().item()
    with torch.no_grad():
        model.decode.bias.copy_(rows.mean(0) * scale)
        model.encode.bias.copy_(-model.encode.weight @ model.decode.bias)
    steps = len(rows) // entry.batch
    optimizer = torch.optim.Adam(model.parameters(), entry.rate, foreach=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, entry.rate, total_steps=steps * entry.epochs, pct_start=0.1, cycle_momentum=False
    )
    generator = torch.Generator().manual_seed(entry.seed)
    for epoch in range(entry.epochs):
        order, began, totals = torch.randperm(len(rows), generator=generator), time.time(), np.zeros(3)
        for step in range(steps):
            x = rows[order[step * entry.batch : (step + 1) * entry.batch]] * scale
            latents = model(x)
            error = (model.decode(latents) - x).pow(2).sum(1).mean()
            size = latents.sum(1).mean()
            optimizer.zero_grad(set_to_none=True)
            (error + entry.sparsity * size).backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.decode.weight.copy_(F.normalize(model.decode.weight, dim=0))
                totals += [error.item(), size.item(), (latents > 0).sum(1).float().mean().item()]
        error, size, active = totals / steps
        print(f"epoch {epoch + 1}/{entry.epochs} error {error:.3f} sum {size:.2f} active {active:.1f} {time.time() - began:.0f} s", flush=True)
    with torch.no_grad():
        model.encode.weight.mul_(scale)
        model.decode.weight.div_(scale)
        model.decode.bias.div_(scale)
    return model.eval()


def write_onnx(model: SparseAutoencoder, path: Path) -> None:
    buffer = io.BytesIO()
    torch.onnx.export(
        model,
        torch.zeros(2, model.encode.in_features),
        buffer,
        opset_version=OPSET,
        input_names=["activations"],
        output_names=["latents"],
        dynamic_axes={"activations": {0: "rows"}, "latents": {0: "rows"}},
    )
    graph = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(graph, full_check=True)
    path.parent.mkdir(exist_ok=True)
    cifar.write_atomically(path, graph.SerializeToString(deterministic=True))


def measure(model, network, entry, path, args, demo: Path) -> dict:
    """On the 5,000 images, which took no part in training."""
    images, labels, _ = cifar.read_shards(demo / "cifar10")
    rows = rows_of(network, entry.module, images)
    latents = torch.from_numpy(run_onnx(path, [rows.numpy()], args.runtime))
    with torch.no_grad():
        rebuilt = model.decode(latents)
        difference = (model(rows[:10_000]) - latents[:10_000]).abs().max().item()
        positions = len(rows) // len(images)
        logits = network.head(rebuilt.view(len(images), positions, -1).mean(1))
        plain = network.head(rows.view(len(images), positions, -1).mean(1))
    active = (latents > 0).float()
    by_image = (latents.view(len(images), positions, -1) > 0).any(1).float().mean(0)
    return {
        "difference": difference,
        "r2": 1 - ((rebuilt - rows).pow(2).sum() / (rows - rows.mean(0)).pow(2).sum()).item(),
        "active": active.sum(1).mean().item(),
        "dead": int((active.sum(0) == 0).sum()),
        "quantiles": np.quantile(by_image.numpy(), [0.05, 0.5, 0.95]).tolist(),
        "accuracy": (plain.argmax(1).numpy() == labels).mean(),
        "accuracy-rebuilt": (logits.argmax(1).numpy() == labels).mean(),
    }


def make(name: str, args, demo: Path) -> None:
    """Trains a dictionary (minutes), writes its ONNX file, the list that names it for `mis`, and its card."""
    entry = DICTIONARIES[name]
    network, _ = restore(entry.network, None, args)
    images, _ = cifar.read_package(args.package, "train")
    model = learned(entry, rows_of(network, entry.module, images))
    path = demo / "directions" / f"{name}.onnx"
    write_onnx(model, path)
    found = measure(model, network, entry, path, args, demo)
    print(f"{name}: {found}")
    cifar.write_atomically(path.with_suffix(".yaml"), listing(name, entry))
    cifar.write_atomically(path.with_suffix(".md"), card(name, entry, model, path, found, demo))


def listing(name: str, entry: Dictionary) -> str:
    return f"""# Directions for the `directions` of a model's config.
- name: sae
  layer: tensor:{entry.tensor}@1
  file: {name}.onnx
  per: position
"""


def card(name, entry, model, path, found, demo: Path) -> str:
    low, middle, high = found["quantiles"]
    channels = model.encode.in_features
    return f"""---
name: {name}
kind: directions
network: {entry.network}
network-sha256: {cifar.sha256(demo / "models" / f"{entry.network}.onnx")}
tensor: {entry.tensor}
input: activations [rows, {channels}]
output: latents [rows, {entry.latents}]
reconstruction-r2: {found["r2"]:.4f}
active-latents: {found["active"]:.2f}
dead-latents: {found["dead"]}
seed: {entry.seed}
sha256: {cifar.sha256(path)}
---
# Sparse autoencoder card: {name}

A sparse autoencoder (Bricken et al., 2023) on what the last block of `{entry.network}` puts out after its ReLU: {channels} channels at 4x4
positions. latents = ReLU(W x + b), {entry.latents} of them; reconstruction = D latents + c with columns of D of equal length. It belongs to
the weights of `{entry.network}.onnx` with the SHA-256 above and to no other.

| | |
|---|---|
| Training data | all positions of CIFAR-10's 50,000 training images, as they are (no shifts, no mirroring) |
| Loss | squared error + {entry.sparsity} times the sum of latents, both means over rows; rows scaled to a mean squared length of {channels} |
| Optimiser | Adam, one-cycle schedule, highest rate {entry.rate}, batches of {entry.batch} rows, {entry.epochs} epochs |
| Seed | {entry.seed} |
| Reconstruction | R² {found["r2"]:.4f} (share of the rows' variance); the network's top-1 accuracy with the reconstruction in place of the activations {found["accuracy-rebuilt"]:.2%}, without {found["accuracy"]:.2%} |
| Sparsity | {found["active"]:.2f} of {entry.latents} latents active at a position on average; the median latent is active somewhere in {middle:.1%} of the images (5 to 95 % of latents: {low:.2%} to {high:.1%}) |
| Dead latents | {found["dead"]} of {entry.latents} never active on the 5,000 images |
| Against PyTorch | largest difference of a latent {found["difference"]:.1e} on 10,000 rows |
| File | `{path.name}`, ONNX opset {OPSET}, {path.stat().st_size:,} bytes, SHA-256 `{cifar.sha256(path)}` |

Everything is measured on the 5,000 images of `../cifar10`, which took no part in training. A small dictionary on a small network, trained
once; it is here so that latents can be scored as units. Made by `train.py`; see `../README.md`.
"""
