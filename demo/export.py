"""From a checkpoint to an ONNX file, and from an ONNX file to its measured figures and its card."""

import io
import subprocess
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

import cifar
from networks import NETWORKS

OPSET = 17


def target(name, args, demo: Path) -> Path:
    suffix = "" if args.epoch is None else f"-epoch-{args.epoch}"
    return demo / ("encoders" if NETWORKS[name].kind == "encoder" else "models") / f"{name}{suffix}.onnx"


def restore(name, args):
    state = torch.load(args.work / name / ("last.pt" if args.epoch is None else f"epoch-{args.epoch}.pt"))
    network = NETWORKS[name].build()
    network.load_state_dict(state["modules"][0])
    return network.eval(), state


def export(name, args, demo: Path) -> None:
    """PRESERVE with a network in evaluation mode: batch norms stay nodes of their own, in inference form.

    Constant folding then merges no norm; it only stores the matrices of linear layers the way MatMul takes them.
    """
    network, _ = restore(name, args)
    output = "embedding" if NETWORKS[name].kind == "encoder" else "logits"
    buffer = io.BytesIO()
    warnings.filterwarnings("ignore", message="It is recommended that constant folding be turned off")  # in training mode
    torch.onnx.export(
        network,
        torch.zeros(2, 3, 32, 32),
        buffer,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=True,
        keep_initializers_as_inputs=False,
        opset_version=OPSET,
        input_names=["input"],
        output_names=[output],
        dynamic_axes={"input": {0: "batch"}, output: {0: "batch"}},
    )
    model = unshared(onnx.load_from_string(buffer.getvalue()))
    check_graph(network, model)
    path = target(name, args, demo)
    cifar.write_atomically(path, model.SerializeToString(deterministic=True))
    print(f"{path} {path.stat().st_size:,} bytes")


def unshared(model):
    """Gives back to each module the parameters that the exporter merged because their values are equal.

    It puts an Identity in their place. (Two norms whose outputs are added learn the same bias, for one.)
    """
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [n for n in model.graph.node if n.op_type == "Identity" and n.input[0] in stored]:
        copy = model.graph.initializer.add()
        copy.CopyFrom(stored[node.input[0]])
        copy.name = node.output[0]
        model.graph.node.remove(node)
    return model


def operators(model) -> Counter:
    return Counter(node.op_type for node in model.graph.node)


def check_graph(network, model) -> None:
    """The graph holds one operator for each module, nothing folded, and its batch norms are in inference form."""
    onnx.checker.check_model(model, full_check=True)
    found = operators(model)
    modules = Counter(type(module) for module in network.modules())
    norms = sum(1 for module in network.modules() if isinstance(module, nn.LayerNorm))
    expected = {
        "Conv": modules[nn.Conv2d],
        "BatchNormalization": modules[nn.BatchNorm2d],
        "LayerNormalization": norms,
        "InstanceNormalization": modules[nn.GroupNorm],  # the exporter writes group norm as this and a scale
    }
    for operator, count in expected.items():
        if found[operator] != count:
            raise SystemExit(f"{count} modules but {found[operator]} nodes of {operator}")
    stored = {tensor.name for tensor in model.graph.initializer}
    linear = sum(1 for node in model.graph.node if node.op_type in ("Gemm", "MatMul") and node.input[1] in stored)
    if linear != modules[nn.Linear]:
        raise SystemExit(f"{modules[nn.Linear]} linear modules, nodes {dict(found)}")
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            training = [a.i for a in node.attribute if a.name == "training_mode"]
            if len(node.output) != 1 or any(training):
                raise SystemExit(f"{node.name} is not in inference form")


def run_onnx(path: Path, pixels, runtime: Path) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "in"), Path(folder, "out")
        np.ascontiguousarray(pixels, np.float32).tofile(source)
        script = Path(__file__).with_name("evaluate.mjs")
        subprocess.run(["node", script, runtime, path, source, str(len(pixels)), result], check=True)
        return np.fromfile(result, np.float32).reshape(len(pixels), -1)


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


def multiply_adds(network) -> int:
    """Of convolutions and linear layers, for one image."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        positions = output.shape[2] * output.shape[3] if isinstance(module, nn.Conv2d) else output[0].numel() // output.shape[-1]
        total += module.weight.numel() * positions

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        network(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return total


def evaluate(name, args, demo: Path) -> None:
    network, state = restore(name, args)
    path = target(name, args, demo)
    images, labels, _ = cifar.read_shards(demo / "cifar10")
    pixels = pixels_of(images)
    outputs = run_onnx(path, pixels, args.runtime)
    with torch.no_grad():
        difference = np.abs(network(torch.from_numpy(pixels[:64])).numpy() - outputs[:64]).max()
    if not difference < 1e-4:
        raise SystemExit(f"{path} differs from the checkpoint by {difference}: export it again")
    if NETWORKS[name].kind == "encoder":
        train_images, train_labels = cifar.read_package(args.package, "train")
        train = run_onnx(path, pixels_of(train_images), args.runtime)
        accuracy, figure = neighbours_accuracy(train, train_labels, outputs, labels), "nearest-neighbour accuracy"
    else:
        accuracy, figure = float((outputs.argmax(1) == labels).mean()), "top-1 accuracy"
    cifar.write_atomically(path.with_suffix(".md"), card(name, path, network, state, figure, accuracy, difference, outputs))
    print(f"{path.stem}: {figure} {accuracy:.4f}, largest difference from PyTorch {difference:.1e}")


def card(name, path, network, state, figure, accuracy, difference, outputs) -> str:
    entry, origin = NETWORKS[name], state["origin"]
    recipe = origin["recipe"]
    model = onnx.load(path)
    nodes = operators(model)
    layers = ", ".join(
        f"{nodes[kind]} {kind}" for kind in ("Conv", "BatchNormalization", "LayerNormalization", "Gemm", "MatMul") if nodes[kind]
    )
    contrast = recipe["task"] == "contrast"
    end = recipe["cooldown"][1] if recipe.get("cooldown") else recipe["epochs"]
    unfinished = "" if state["epoch"] >= end else f" of {end} (training is not finished)"
    schedule = "one-cycle schedule"
    if recipe.get("cooldown"):
        schedule += f" of {recipe['epochs']} epochs, cut short by a linear fall to 0 between epochs {recipe['cooldown'][0]} and {end}"
    method = "AdamW" if recipe["optimizer"] == "adamw" else "SGD with Nesterov momentum 0.9"
    if contrast:
        how = (
            f"without labels: NT-Xent (SimCLR; Chen et al., 2020) at temperature {recipe['temperature']} through a "
            "projection head that is not shipped; views by resized crops of 25-100 % of the area, mirroring, and in 80 % of "
            "the views changes of brightness, contrast and saturation up to 40 % and of hue up to 17 degrees"
        )
    else:
        how = (
            f"cross-entropy with label smoothing {recipe['smoothing']}; random shifts by up to 4 pixels (padding 0) and "
            "mirroring"
        )
    if entry.kind == "encoder":
        measured = (
            f"{accuracy:.2%} of the 5,000 images get their class from a weighted vote of their 20 nearest training images by "
            "cosine (a check of sanity; labels took no part in training)"
        )
        use = f"""Output `embedding` [batch, {outputs.shape[1]}]: compare two by their cosine (each part has length 1, the whole has not).

**For demonstration only.** A small network trained on the same 32-pixel photographs stands in for a perceptual metric so that
everything runs without a download. It was never compared with human judgements of similarity; no published number
should rest on it. Use DreamSim for that. Its training teaches it to disregard mirroring, position and scale within limits, and
mild changes of colour, which a person may well see."""
    else:
        measured = f"{accuracy:.2%} top-1 on the 5,000 images"
        use = """Output `logits` [batch, 10], classes in CIFAR-10's order.

**Limits:** a small network trained for a short time, far from the best accuracy on CIFAR-10. It is here to be looked into. It was
trained once, with one seed: differences between networks of this set say nothing about their families in general."""
    return f"""---
name: {path.stem}
kind: {entry.kind}
input: input [batch, 3, 32, 32]
mean: {list(cifar.MEAN)}
std: {list(cifar.STD)}
parameters: {sum(p.numel() for p in network.parameters())}
multiply-adds: {multiply_adds(network)}
epochs: {state["epoch"]}
seed: {origin["seed"]}
{figure.replace(" ", "-")}: {accuracy:.4f}
images: {len(outputs)}
sha256: {cifar.sha256(path)}
---
# {"Encoder" if entry.kind == "encoder" else "Model"} card: {path.stem}

{entry.description}

| | |
|---|---|
| Parameters | {sum(p.numel() for p in network.parameters()):,} |
| Multiply-adds an image | {multiply_adds(network) / 1e6:.1f} million (convolutions and linear layers) |
| Training data | CIFAR-10's 50,000 training images |
| Training | {how} |
| Optimiser | {method}, {schedule}, highest rate {recipe["rate"]}, weight decay {recipe["decay"]}, batches of {recipe["batch"]} |
| Epochs | {state["epoch"]}{unfinished} |
| Seed | {origin["seed"]} |
| Precision | trained in {origin["precision"]}{" (autocast)" if origin["precision"] != "float32" else ""}, exported in float32 |
| Made with | PyTorch {origin["torch"]} |
| Measured | {measured}; the ONNX file in onnxruntime-node, images decoded from the tars in `../cifar10` |
| Against PyTorch | largest difference of an output {difference:.1e} on 64 images |
| Layers | {layers} |
| File | `{path.name}`, ONNX opset {OPSET}, {path.stat().st_size:,} bytes, SHA-256 `{cifar.sha256(path)}` |

Input `input` [batch, 3, 32, 32]: RGB / 255, then (x - mean) / deviation with mean {list(cifar.MEAN)} and deviation
{list(cifar.STD)}, no resizing; this is not part of the file. {use}

The 5,000 images are from CIFAR-10's test set and took no part in training; the weights are those of the epoch named above.
Made by `train.py`; see `../README.md`.
"""
