"""The text of the cards that lie beside the ONNX files."""

from pathlib import Path

import onnx

import cifar
from export import OPSET, operators
from networks import NETWORKS

FIGURES = ("top-1-accuracy", "robust-accuracy", "plain-robust-accuracy", "nearest-neighbour-accuracy")
LAYERS = ("Conv", "BatchNormalization", "InstanceNormalization", "LayerNormalization", "Gemm", "MatMul")
PIXELS = f"RGB / 255, then (x - mean) / deviation with mean {list(cifar.MEAN)} and deviation\n{list(cifar.STD)}, no resizing"
ORIGIN = """The 5,000 images are from CIFAR-10's test set and took no part in training{weights}.
Made by `train.py`; see `../{up}README.md`."""
CONTRAST = """Output `embedding` [batch, {dimensions}]: compare two by their cosine (each part has length 1, the whole has not).

**For demonstration only.** A small network trained on the same 32-pixel photographs stands in for a perceptual metric so that
everything runs without a download. It was never compared with human judgements of similarity; no published number
should rest on it. Use DreamSim for that. Its training teaches it to disregard mirroring, position and scale within limits, and
mild changes of colour, which a person may well see."""
LPIPS = """Output `embedding` [batch, {dimensions}]: compare two by their squared Euclidean distance, which lies between 0 and 2. It is the sum
over the four stages of w times the mean over positions of the squared difference of the channels, w = 1/4.

**For demonstration only.** It has the form of LPIPS, not its weights: LPIPS learns weights of channels from human judgements on top
of a network trained on ImageNet. Here all weights are equal and the network is small and knows CIFAR-10 only; it was never compared
with human judgements of similarity, and no published number should rest on it. It serves as one more similarity function.
The network `perceptual` is none of the networks that are judged."""
DISTS = """Output `similarity` [batch]: 1 for the same image, lower for less similar ones
(1 minus the DISTS distance). For 2,500 pairs of different images of the set it lay between {range[0]:.3f} and {range[4]:.3f}, 90 %
of them between {range[1]:.3f} and {range[3]:.3f}, the median at {range[2]:.3f}; for 100 images beside themselves it was at least {same-image:.6f}.

**For demonstration only.** It has the form of DISTS, not its weights: DISTS learns weights of channels from human judgements on top
of a network trained on ImageNet. Here all weights are equal and the network is small and knows CIFAR-10 only; it was never compared
with human judgements of similarity, and no published number should rest on it. It serves as a pairwise similarity function.
The network `perceptual` is none of the networks that are judged."""
MODEL = """Output `logits` [batch, 10], classes in CIFAR-10's order.

**Limits:** a small network trained for a short time, far from the best accuracy on CIFAR-10. It is here to be looked into. It was
trained once, with one seed: differences between networks of this set say nothing about their families in general."""


def share(value: float) -> str:
    return f"{value:.2%}"


def how_trained(recipe) -> str:
    if recipe["task"] == "contrast":
        return (
            f"without labels: NT-Xent (SimCLR; Chen et al., 2020) at temperature {recipe['temperature']} through a "
            "projection head that is not shipped; views by resized crops of 25-100 % of the area, mirroring, and in 80 % of "
            "the views changes of brightness, contrast and saturation up to 40 % and of hue up to 17 degrees"
        )
    how = f"cross-entropy with label smoothing {recipe['smoothing']}; random shifts by up to 4 pixels (padding 0) and mirroring"
    if recipe.get("attack"):
        how += (
            f"; every image attacked before it is learned from: one step of FGSM from a random start (Wong et al., 2020), no pixel "
            f"changed by more than {recipe['attack']}/255, step 1.25 times that"
        )
    return how


def optimiser(recipe) -> str:
    method = "AdamW" if recipe["optimizer"] == "adamw" else "SGD with Nesterov momentum 0.9"
    schedule = "one-cycle schedule"
    if recipe.get("cooldown"):
        first, end = recipe["cooldown"]
        schedule += f" of {recipe['epochs']} epochs, cut short by a linear fall to 0 between epochs {first} and {end}"
    return f"{method}, {schedule}, highest rate {recipe['rate']}, weight decay {recipe['decay']}, batches of {recipe['batch']}"


def what_measured(found) -> str:
    where = "the ONNX file in onnxruntime-node, images decoded from the tars in `../cifar10`"
    if "top-1-accuracy" in found:
        return f"{share(found['top-1-accuracy'])} top-1 on the 5,000 images; {where}"
    if "nearest-neighbour-accuracy" in found:
        labels = "labels took no part in training" if not NETWORKS[found["name"]].backbone else "the stages were trained with labels"
        return (
            f"{share(found['nearest-neighbour-accuracy'])} of the 5,000 images get their class from a weighted vote of their 20 nearest "
            f"training images by cosine (a check of sanity; {labels}); {where}"
        )
    return f"similarities of 2,500 pairs of images, below; {where}"


def robustness(found) -> str:
    if "robust-accuracy" not in found:
        return ""
    size = found["origin"]["recipe"]["attack"]
    twin = NETWORKS[found["name"]].plain
    return (
        f"| Robustness | {share(found['robust-accuracy'])} top-1 on the first 1,000 images under PGD (Madry et al., 2018; 10 steps of "
        f"{size / 4:g}/255, random start, no pixel changed by more than {size}/255), in PyTorch; `{twin}`, the same architecture "
        f"trained plainly: {share(found['plain-robust-accuracy'])} |\n"
    )


def layers(model) -> str:
    nodes = operators(model)
    return ", ".join(f"{nodes[kind]} {kind}" for kind in LAYERS if nodes[kind])


def front(found, kind: str) -> str:
    """The part of a card for programs."""
    figures = "\n".join(f"{key}: {found[key]:.4f}" for key in FIGURES if key in found)
    return f"""---
name: {found["path"].stem}
kind: {kind}
input: {"first and second" if kind == "pairwise" else "input"} [batch, 3, 32, 32]
mean: {list(cifar.MEAN)}
std: {list(cifar.STD)}
parameters: {found["parameters"]}
multiply-adds: {found["multiply-adds"]}
epochs: {found["epoch"]:g}
seed: {found["origin"]["seed"]}
{figures}
images: {found["images"]}
sha256: {cifar.sha256(found["path"])}
---""".replace("\n\n", "\n")


def inputs(entry) -> str:
    return f"{'Inputs `first` and `second`' if entry.kind == 'pairwise' else 'Input `input`'} [batch, 3, 32, 32]"


def card(found) -> str:
    """The card of a trained network or of an encoder."""
    entry, origin, path = NETWORKS[found["name"]], found["origin"], found["path"]
    recipe = origin["recipe"]
    end = recipe["cooldown"][1] if recipe.get("cooldown") else recipe["epochs"]
    unfinished = "" if found["epoch"] >= end else f" of {end} (training is not finished)"
    of = f" (of `{entry.backbone}`)" if entry.backbone else ""
    if entry.kind == "model":
        use = MODEL
    elif entry.kind == "pairwise":
        use = DISTS.format(**found)
    else:
        use = (LPIPS if entry.backbone else CONTRAST).format(**found)
    autocast = " (autocast)" if origin["precision"] != "float32" else ""
    return f"""{front(found, entry.kind)}
# {"Model" if entry.kind == "model" else "Encoder"} card: {path.stem}

{entry.description}

| | |
|---|---|
| Parameters | {found["parameters"]:,} |
| Multiply-adds {"a pair" if entry.kind == "pairwise" else "an image"} | {found["multiply-adds"] / 1e6:.1f} million (convolutions and linear layers) |
| Training data | CIFAR-10's 50,000 training images |
| Training{of} | {how_trained(recipe)} |
| Optimiser | {optimiser(recipe)} |
| Epochs | {found["epoch"]}{unfinished} |
| Seed | {origin["seed"]} |
| Precision | trained in {origin["precision"]}{autocast}, exported in float32 |
| Made with | PyTorch {origin["torch"]} |
| Measured | {what_measured(found)} |
{robustness(found)}| Against PyTorch | largest difference of an output {found["difference"]:.1e} on 64 {"pairs" if entry.kind == "pairwise" else "images"} |
| Layers | {layers(onnx.load(path))} |
| File | `{path.name}`, ONNX opset {OPSET}, {path.stat().st_size:,} bytes, SHA-256 `{cifar.sha256(path)}` |

{inputs(entry)}: {PIXELS}; this is not part of the file. {use}

{ORIGIN.format(weights="; the weights are those of the epoch named above", up="")}
"""


def untrained_card(found) -> str:
    """The card of a network with the weights that its training starts from."""
    origin, path = found["origin"], found["path"]
    graph = onnx.load(path)
    norms = " Batch norms have mean 0 and variance 1." if operators(graph)["BatchNormalization"] else ""
    return f"""{front(found, "model")}
# Model card: {path.stem}

The network `{found["name"]}` (see [its card](../{found["name"]}.md)) before training: the weights that its training starts from, by seed
{origin["seed"]} and PyTorch's own initialisation.{norms} Top-1 accuracy on the 5,000 images is
{share(found["top-1-accuracy"])}; guessing gives 10 %. It is here so that a trained network can be compared with itself before it learned anything.

| | |
|---|---|
| Against PyTorch | largest difference of an output {found["difference"]:.1e} on 64 images |
| Layers | {layers(graph)} |
| File | `{path.name}`, ONNX opset {OPSET}, {path.stat().st_size:,} bytes, SHA-256 `{cifar.sha256(path)}` |

{ORIGIN.format(weights="", up="../")}
"""


def run_card(name, run) -> str:
    """One card for the checkpoints of a training run; `run` goes by epoch."""
    origin = run[0]["origin"]
    steps = 50_000 // origin["recipe"]["batch"]
    rows = "\n".join(
        f"| {found['epoch']:g} | {round(found['epoch'] * steps):,} | {share(found['top-1-accuracy'])} | "
        f"[`{found['path'].name}`]({link(found['path'])}) | {found['path'].stat().st_size:,} | `{cifar.sha256(found['path'])}` |"
        for found in run
    )
    return f"""# Checkpoints: {name}

One training run of the network `{name}` (see [its card](../{name}.md)), from the weights it starts from to the last epoch.
Parts of an epoch are steps of the first one (an epoch has {steps} steps of {origin["recipe"]["batch"]} images). Top-1 accuracy is
measured on the 5,000 images, with the ONNX file in onnxruntime-node. The learning rate rises until
epoch {origin["recipe"]["epochs"] * origin["recipe"]["warmup"]:g} and falls from then on (one-cycle).

Training: {how_trained(origin["recipe"])}. {optimiser(origin["recipe"])}. Seed {origin["seed"]}, trained in {origin["precision"]}, PyTorch {origin["torch"]}.

| epoch | steps | top-1 | file | bytes | SHA-256 |
|---|---|---|---|---|---|
{rows}

{ORIGIN.format(weights="", up="../")}
"""


def link(path: Path) -> str:
    return path.name if path.parent.name == "checkpoints" else f"../{path.name}" if path.parent.name == "models" else f"../untrained/{path.name}"


def read_front(path: Path) -> dict:
    """The part of a card for programs, as text by key."""
    lines = path.read_text().split("---\n")[1].splitlines()
    return dict(line.split(": ", 1) for line in lines)


def overview(models: Path) -> str:
    """The list of the trained networks, from their cards and those of their untrained twins."""
    rows = []
    for path in sorted(models.glob("*.onnx"), key=lambda path: path.stem):
        if not path.with_suffix(".md").exists():  # exported and not yet measured
            continue
        found = read_front(path.with_suffix(".md"))
        twin = models / "untrained" / f"{path.stem}-epoch-0.md"
        before = share(float(read_front(twin)["top-1-accuracy"])) if twin.exists() else ""
        rows.append(
            f"| [`{path.stem}`]({path.stem}.md) | {int(found['parameters']):,} | {int(found['multiply-adds']) / 1e6:.1f} | "
            f"{found['epochs']} | {share(float(found['top-1-accuracy']))} | {before} | {path.stat().st_size / 1e6:.2f} |"
        )
    table = "\n".join(rows)
    return f"""# Trained networks

Made by `train.py evaluate` from the cards. Top-1 accuracy on the 5,000 images; untrained: with the weights that training started
from ([`untrained/`](untrained)). [`checkpoints/`](checkpoints) holds states of one run between the two.

| network | parameters | multiply-adds, million | epochs | top-1 | untrained | MB |
|---|---|---|---|---|---|---|
{table}
"""
