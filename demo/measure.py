"""Measures exported files: classes, robustness, agreement with PyTorch. The numbers in the cards come from here."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import cards
import cifar
from export import restore, target
from networks import NETWORKS


def run_onnx(path: Path, inputs, runtime: Path) -> np.ndarray:
    """The first output of a file for float32 arrays, one for each of its inputs, in onnxruntime-node."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "out")
        for index, array in enumerate(inputs):
            np.ascontiguousarray(array, np.float32).tofile(Path(folder, f"in{index}"))
        files = [Path(folder, f"in{index}") for index in range(len(inputs))]
        script = Path(__file__).with_name("evaluate.mjs")
        sizes = ",".join(str(size) for size in inputs[0].shape)
        subprocess.run(["node", script, runtime, path, sizes, result, *files], check=True)
        return np.fromfile(result, np.float32).reshape(len(inputs[0]), -1)


def pixels_of(images) -> np.ndarray:
    mean, std = np.float32(cifar.MEAN), np.float32(cifar.STD)
    return ((images.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2)


def neighbours_accuracy(train, train_labels, test, labels, k=20, temperature=0.1) -> float:
    """Weighted vote of the k nearest training images by cosine (Wu et al., 2018)."""
    train, test = (torch.nn.functional.normalize(torch.from_numpy(part), dim=1) for part in (train, test))
    right = 0
    for start in range(0, len(test), 500):
        similarity, nearest = (test[start : start + 500] @ train.T).topk(k)
        votes = torch.zeros(len(similarity), len(cifar.CLASSES))
        votes.scatter_add_(1, torch.from_numpy(train_labels)[nearest], (similarity / temperature).exp())
        right += (votes.argmax(1).numpy() == labels[start : start + 500]).sum()
    return right / len(test)


def multiply_adds(network, inputs: int = 1) -> int:
    """Of convolutions and linear layers, for one image."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        positions = output.shape[2] * output.shape[3] if isinstance(module, nn.Conv2d) else output[0].numel() // output.shape[-1]
        total += module.weight.numel() * positions

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        network(*[torch.zeros(1, 3, 32, 32)] * inputs)
    for hook in hooks:
        hook.remove()
    return total


def robust_accuracy(network, images, labels, size: float, steps: int = 10) -> float:
    """Share of right classes under PGD (Madry et al., 2018): `steps` steps of a quarter of `size` / 255 from a random start."""
    generator = torch.Generator().manual_seed(0)
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (cifar.MEAN, cifar.STD))
    low, high, reach = (0 - mean) / std, (1 - mean) / std, size / 255 / std
    right = 0
    for start in range(0, len(images), 250):
        plain, truth = torch.from_numpy(images[start : start + 250]), torch.from_numpy(labels[start : start + 250])
        moved = plain + reach * (2 * torch.rand(plain.shape, generator=generator) - 1)
        for _ in range(steps):
            moved = torch.max(torch.min(moved, high), low).requires_grad_()
            (slope,) = torch.autograd.grad(F.cross_entropy(network(moved), truth), moved)
            moved = moved.detach() + reach / 4 * slope.sign()
            moved = torch.max(torch.min(moved, plain + reach), plain - reach)
        with torch.no_grad():
            found = network(torch.max(torch.min(moved, high), low)).argmax(1)
        right += (found == truth).sum().item()
    return right / len(images)


def compare(network, path, inputs, args):
    """What the file puts out for all inputs, and its largest difference from PyTorch on 64."""
    outputs = run_onnx(path, inputs, args.runtime)
    with torch.no_grad():
        expected = network(*[torch.from_numpy(array[:64]) for array in inputs]).numpy().reshape(64, -1)
    difference = float(np.abs(expected - outputs[:64]).max())
    if not difference < 1e-4:
        raise SystemExit(f"{path} differs from the checkpoint by {difference}: export it again")
    return outputs, difference


def measured(name, epoch, args, demo: Path) -> dict:
    """What a card tells of one file."""
    entry = NETWORKS[name]
    network, state = restore(name, epoch, args)
    path = target(name, epoch, demo)
    images, labels, _ = cifar.read_shards(demo / "cifar10")
    pixels = pixels_of(images)
    inputs = [pixels[0::2], pixels[1::2]] if entry.kind == "pairwise" else [pixels]
    outputs, difference = compare(network, path, inputs, args)
    found = {
        "name": name,
        "path": path,
        "epoch": state["epoch"],
        "origin": state["origin"],
        "difference": difference,
        "images": len(images),
        "dimensions": outputs.shape[1],
        "parameters": sum(p.numel() for p in network.parameters()),
        "multiply-adds": multiply_adds(network, len(inputs)),
    }
    if entry.kind == "model":
        found["top-1-accuracy"] = float((outputs.argmax(1) == labels).mean())
    elif entry.kind == "encoder":
        train_images, train_labels = cifar.read_package(args.package, "train")
        train = run_onnx(path, [pixels_of(train_images)], args.runtime)
        found["nearest-neighbour-accuracy"] = neighbours_accuracy(train, train_labels, outputs, labels)
    else:
        found["same-image"] = float(run_onnx(path, [pixels[:100], pixels[:100]], args.runtime).min())
        found["range"] = [float(v) for v in np.quantile(outputs, [0, 0.05, 0.5, 0.95, 1])]
    if entry.plain and epoch is None:
        size = entry.recipe.attack
        found["robust-accuracy"] = robust_accuracy(network, pixels[:1000], labels[:1000], size)
        twin, _ = restore(entry.plain, None, args)
        found["plain-robust-accuracy"] = robust_accuracy(twin, pixels[:1000], labels[:1000], size)
    return found


def evaluate(name, epochs, args, demo: Path) -> None:
    """Measures the files of one network and writes their cards; one for all checkpoints of a run."""
    run = []
    for epoch in epochs:
        found = measured(name, epoch, args, demo)
        run.append(found)
        figures = {key: found[key] for key in cards.FIGURES if key in found}
        print(f"{found['path'].stem}: {figures}, largest difference from PyTorch {found['difference']:.1e}", flush=True)
        if epoch in (None, 0):
            text = cards.card(found) if epoch is None else cards.untrained_card(found)
            cifar.write_atomically(found["path"].with_suffix(".md"), text)
    if any(found["path"].parent.name == "checkpoints" for found in run):
        path = demo / "models" / "checkpoints" / f"{name}.md"
        cifar.write_atomically(path, cards.run_card(name, sorted(run, key=lambda found: found["epoch"])))
    if (demo / "models").exists():
        cifar.write_atomically(demo / "models" / "README.md", cards.overview(demo / "models"))
