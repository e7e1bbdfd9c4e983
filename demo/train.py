#!/usr/bin/env python3
"""Makes the demonstration set: images, trained networks, ONNX files and cards. See README.md for the commands."""

import argparse
import contextlib
import os
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import cifar
import directions
from export import epochs_of, export
from measure import evaluate
from networks import NETWORKS, Recipe

DEMO = Path(__file__).resolve().parent


def shifted(images, generator):
    """uint8 [B, 32, 32, 3]: a random 32x32 window of each image padded by 4, mirrored half of the time."""
    count = len(images)
    padded = F.pad(images, (0, 0, 4, 4, 4, 4))
    windows = padded.unfold(1, 32, 1).unfold(2, 32, 1)  # [B, 9, 9, 3, 32, 32], no copy
    y, x = torch.randint(0, 9, (2, count), generator=generator)
    windows = windows[torch.arange(count), y, x]
    mirror = torch.rand(count, generator=generator) < 0.5
    return normalised(torch.where(mirror[:, None, None, None], windows.flip(3), windows))


def normalised(images):
    """uint8 [B, 3, 32, 32] to what the networks take: RGB / 255, then mean and deviation of each channel."""
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (cifar.MEAN, cifar.STD))
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def view(images, generator):
    """uint8 [B, 32, 32, 3]: one contrastive view; resized crop, mirroring and mild changes of colour, each image its own."""
    count = len(images)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    area, ratio = uniform(0.25, 1), torch.exp(uniform(-0.288, 0.288))
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = width * torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = height
    theta[:, 0, 2], theta[:, 1, 2] = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    pixels = images.permute(0, 3, 1, 2).float() / 255
    grid = F.affine_grid(theta, [count, 3, 32, 32], align_corners=False)
    pixels = F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)

    # brightness, contrast, saturation and hue in one 3x3 matrix and an offset per image
    luma = torch.tensor([0.299, 0.587, 0.114])
    grey = luma.expand(3, 3)
    to_yiq = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    angle, saturation = uniform(-0.3, 0.3), uniform(0.6, 1.4)
    rotation = torch.zeros(count, 3, 3)
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = angle.cos()
    rotation[:, 1, 2], rotation[:, 2, 1] = -angle.sin(), angle.sin()
    colour = to_yiq.inverse() @ rotation @ to_yiq
    saturation, contrast, brightness = (s[:, None, None] for s in (saturation, uniform(0.6, 1.4), uniform(0.6, 1.4)))
    colour = (grey * (1 - saturation) + colour * saturation) * brightness * contrast
    level = (pixels.mean((2, 3)) @ luma)[:, None, None] * brightness * (1 - contrast)
    changed = (colour @ pixels.flatten(2) + level).clamp(0, 1).view_as(pixels)
    pixels = torch.where((uniform(0, 1) < 0.8)[:, None, None, None], changed, pixels)
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (cifar.MEAN, cifar.STD))
    return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)


def contrastive_loss(first, second, temperature):
    """NT-Xent (Chen et al., 2020): every view must find the other view of its image among all views of the batch."""
    count = len(first)
    projected = F.normalize(torch.cat([first, second]), dim=1)
    logits = projected @ projected.T / temperature
    logits = logits.masked_fill(torch.eye(2 * count, dtype=torch.bool), -1e9)
    return F.cross_entropy(logits, torch.arange(2 * count).roll(count))


def attacked(network, inputs, labels, size, generator, args):
    """FGSM from a random start (Wong et al., 2020): `inputs`, no pixel changed by more than `size` / 255, all of them valid."""
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (cifar.MEAN, cifar.STD))
    low, high, reach = (0 - mean) / std, (1 - mean) / std, size / 255 / std
    start = inputs + reach * (2 * torch.rand(inputs.shape, generator=generator) - 1)
    start = torch.max(torch.min(start, high), low).requires_grad_()
    with precision(args):
        logits = network(start)
    (slope,) = torch.autograd.grad(F.cross_entropy(logits.float(), labels), start)
    moved = start.detach() + 1.25 * reach * slope.sign()
    moved = torch.max(torch.min(moved, inputs + reach), inputs - reach)
    return torch.max(torch.min(moved, high), low)


def make_optimizer(modules, recipe, steps):
    parameters = [p for module in modules for p in module.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        optimizer = torch.optim.AdamW(groups, recipe.rate, foreach=True)
    else:
        optimizer = torch.optim.SGD(groups, recipe.rate, momentum=0.9, nesterov=True, foreach=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=steps, pct_start=recipe.warmup, cycle_momentum=False, final_div_factor=1e3
    )
    return optimizer, schedule


def precision(args):
    return torch.autocast("cpu", torch.bfloat16) if args.precision == "bfloat16" else contextlib.nullcontext()


def quick_accuracy(network, images, labels):
    """Share of right classes, for the log only."""
    network.eval()
    with torch.no_grad():
        found = [network(normalised(part.permute(0, 3, 1, 2))).argmax(1) for part in images.split(500)]
    network.train()
    return (torch.cat(found) == labels).float().mean().item()


def keep(folder, epoch, origin, modules):
    """The weights after `epoch` epochs, for `export --epoch`."""
    torch.save({"origin": origin, "epoch": epoch, "modules": [m.state_dict() for m in modules]}, folder / f"epoch-{epoch:g}.pt")


def train(name, args):
    entry = NETWORKS[name]
    recipe = entry.recipe if args.epochs is None else replace(entry.recipe, epochs=args.epochs, cooldown=())
    seed = entry.seed if args.seed is None else args.seed
    folder = args.work / name
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = (torch.from_numpy(part) for part in cifar.read_package(args.package, "train"))
    check_images, check_labels, _ = cifar.read_shards(DEMO / "cifar10")
    check_images, check_labels = torch.from_numpy(check_images), torch.from_numpy(check_labels)

    torch.manual_seed(seed)
    network = entry.build().to(memory_format=torch.channels_last)
    modules = [network]
    if recipe.task == "contrast":
        inner = network.dimensions
        modules.append(nn.Sequential(nn.Linear(inner, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 128)))
    steps = len(images) // recipe.batch
    optimizer, schedule = make_optimizer(modules, recipe, steps * recipe.epochs)
    origin = {"recipe": asdict(recipe), "seed": seed, "precision": args.precision, "torch": torch.__version__}
    first, last = 0, folder / "last.pt"
    if last.exists():
        state = torch.load(last)
        made = {**state["origin"], "recipe": {**asdict(Recipe(epochs=0)), **state["origin"]["recipe"]}}  # fields added since
        if made != origin:
            raise SystemExit(f"{last} was made with {state['origin']}, not {origin}: use another --work or remove it")
        for module, weights in zip(modules, state["modules"]):
            module.load_state_dict(weights)
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        first = state["epoch"]

    inside = {max(1, round(share * steps)): share for share in recipe.keep if share < 1}  # steps of the first epoch
    end = recipe.cooldown[1] if recipe.cooldown else recipe.epochs
    for epoch in range(first, end if args.until is None else min(args.until, end)):
        generator = torch.Generator().manual_seed(1000 * seed + epoch)  # so that a resumed run sees the same batches
        order, began, total = torch.randperm(len(images), generator=generator), time.time(), 0.0
        for module in modules:
            module.train()
        for step in range(steps):
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            batch = images[chosen]
            if recipe.task == "contrast":
                both = torch.cat([view(batch, generator), view(batch, generator)])
                with precision(args):
                    embedded = network(both)
                loss = contrastive_loss(*modules[1](embedded.float()).chunk(2), recipe.temperature)
            else:
                inputs = shifted(batch, generator)
                if recipe.attack:
                    inputs = attacked(network, inputs, labels[chosen], recipe.attack, generator, args)
                with precision(args):
                    logits = network(inputs)
                loss = F.cross_entropy(logits.float(), labels[chosen], label_smoothing=recipe.smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if recipe.cooldown:
                share = (end - epoch - (step + 1) / steps) / (end - recipe.cooldown[0])
                for group in optimizer.param_groups:
                    group["lr"] *= min(1.0, share)
            total += loss.item()
            if epoch == 0 and step + 1 in inside:
                keep(folder, inside[step + 1], origin, modules)
        line = f"{name} epoch {epoch + 1}/{end} loss {total / steps:.4f} {time.time() - began:.0f} s"
        if recipe.task == "classify" and ((epoch + 1) % 4 == 0 or epoch + 1 == end):
            line += f" top-1 {quick_accuracy(network, check_images, check_labels):.4f}"
        print(line, flush=True)
        state = {
            "origin": origin,
            "epoch": epoch + 1,
            "modules": [module.state_dict() for module in modules],
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
        }
        torch.save(state, folder / "next.pt")
        os.replace(folder / "next.pt", last)
        if epoch + 1 in recipe.keep:
            keep(folder, epoch + 1, origin, modules)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("demo-work"), help="folder for checkpoints (default: demo-work)")
    parser.add_argument("--package", type=Path, default=Path("package"), help=f"unpacked {cifar.PACKAGE} (default: package)")
    parser.add_argument("--threads", type=int, default=2)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("data", help="write the tars and their card")
    command = commands.add_parser("train", help="train networks; goes on from the last checkpoint")
    trained = [name for name, entry in NETWORKS.items() if entry.recipe]
    command.add_argument("names", nargs="+", choices=trained, metavar="NAME")
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--until", type=int, help="stop after this epoch; a later call goes on")
    command.add_argument("--seed", type=int, help="instead of the table's")
    command.add_argument("--precision", choices=["bfloat16", "float32"], default="bfloat16", help="of training")
    for verb, text in (("export", "write the ONNX file"), ("evaluate", "measure the ONNX file, write its card")):
        command = commands.add_parser(verb, help=text)
        files = [name for name, entry in NETWORKS.items() if entry.kind != "backbone"]
        command.add_argument("names", nargs="+", choices=files, metavar="NAME")
        command.add_argument("--epoch", metavar="E", help="a kept epoch, 0 for the initial weights, or all; by default the last")
        command.add_argument("--runtime", type=Path, default=DEMO, help="folder from which Node finds onnxruntime-node")
    command = commands.add_parser("directions", help="make a sparse autoencoder of a trained network: file, list, card")
    command.add_argument("names", nargs="+", choices=directions.DICTIONARIES, metavar="NAME")
    command.add_argument("--runtime", type=Path, default=DEMO, help="folder from which Node finds onnxruntime-node")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.command == "data":
        for shard in cifar.write_shards(args.package, DEMO / "cifar10"):
            print(shard)
        return
    for name in args.names:
        if args.command == "train":
            train(name, args)
        elif args.command == "directions":
            directions.make(name, args, DEMO)
        elif args.command == "evaluate":
            evaluate(name, epochs_of(name, args), args, DEMO)
        else:
            for epoch in epochs_of(name, args):
                export(name, epoch, args, DEMO)


if __name__ == "__main__":
    main()
