"""Spatial means of every convolution and batch norm over images, as users take them today: forward hooks and a DataLoader.

    python3 bench/pytorch/hooks.py --network torchvision:resnet50 --weights weights.json --images images.txt \
        --resize 256 --crop 224 --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225 --setting 2,2,channels_last

Each --setting THREADS,WORKERS,LAYOUT (threads of PyTorch, processes of the DataLoader, `contiguous` or `channels_last`) runs
over all images once, after a first batch that isn't counted, and prints a line of JSON: {"threads", "workers", "layout",
"images", "seconds", "cpu" (seconds of all processes), "peak" (bytes of the largest)}. The clock runs from the start of the
DataLoader's processes to the last activations on disk (--out: LAYER.f32, float32 [images, units], in the order of the images).

--network is `torchvision:NAME` or `demo:NAME` (demo/networks.py). --weights names a JSON file {tensor: {"dims", "offset" (in
float32 values)}} beside a file of the same name with .f32 in place of .json, which holds the values. --images names a text file
with a path a line.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms

HOOKED = (nn.Conv2d, nn.BatchNorm2d)


class Images(Dataset):
    def __init__(self, paths, transform):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))


def transform_of(args):
    sized = [] if args.resize is None else [transforms.Resize(args.resize), transforms.CenterCrop(args.crop)]
    return transforms.Compose([*sized, transforms.ToTensor(), transforms.Normalize(args.mean, args.std)])


def build(network):
    kind, name = network.split(":")
    if kind == "torchvision":
        return getattr(models, name)(weights=None)
    sys.path.insert(0, str(Path(__file__).parents[2] / "demo"))
    from networks import NETWORKS

    return NETWORKS[name].build()


def with_weights(network, file):
    entries = json.loads(file.read_text())
    values = np.fromfile(file.with_suffix(".f32"), np.float32)
    state = {
        name: torch.from_numpy(values[entry["offset"] : entry["offset"] + int(np.prod(entry["dims"]))]).reshape(entry["dims"])
        for name, entry in entries.items()
    }
    missing, unexpected = network.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        sys.exit(f"{file} doesn't fit the network: missing {missing}, unexpected {unexpected}")
    return network


def hook(network):
    """Hooks on every convolution and batch norm; returns what they keep: for each a list of [batch, units]."""
    kept = {name: [] for name, module in network.named_modules() if isinstance(module, HOOKED)}
    for name, module in network.named_modules():
        if name in kept:
            module.register_forward_hook(lambda _, __, output, name=name: kept[name].append(output.mean((2, 3))))
    return kept


def run(network, kept, loader, layout, out):
    """Runs all batches and writes what the hooks kept."""
    with torch.inference_mode():
        for batch in loader:
            network(batch.contiguous(memory_format=layout))
    for name, parts in kept.items():
        values = torch.cat(parts).numpy()
        parts.clear()
        if out:
            values.tofile(out / f"{name}.f32")


def cpu_seconds():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def peak_bytes():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return max(each.ru_maxrss for each in both) * 1024


def measure(args, setting, images):
    threads, workers, layout = setting
    torch.set_num_threads(threads)
    memory_format = getattr(torch, f"{layout}_format" if layout == "contiguous" else layout)
    network = with_weights(build(args.network), args.weights).eval().to(memory_format=memory_format)
    kept = hook(network)

    def loader(paths):
        return DataLoader(Images(paths, transform_of(args)), batch_size=args.batch, num_workers=workers)

    run(network, kept, loader(images[: args.batch]), memory_format, None)
    cpu, start = cpu_seconds(), time.perf_counter()
    run(network, kept, loader(images), memory_format, args.out)
    return {
        "threads": threads,
        "workers": workers,
        "layout": layout,
        "images": len(images),
        "seconds": time.perf_counter() - start,
        "cpu": cpu_seconds() - cpu,
        "peak": peak_bytes(),
    }


def setting(text):
    threads, workers, layout = text.split(",")
    if layout not in ("contiguous", "channels_last"):
        raise ValueError(layout)
    return int(threads), int(workers), layout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--resize", type=int, help="shorter side; left out: images are taken as they are")
    parser.add_argument("--crop", type=int, help="side of the square in the middle that is kept")
    parser.add_argument("--mean", type=float, nargs=3, required=True)
    parser.add_argument("--std", type=float, nargs=3, required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--setting", type=setting, action="append", required=True)
    parser.add_argument("--first", type=int, help="only so many of the images")
    parser.add_argument("--out", type=Path, help="folder for the activations")
    args = parser.parse_args()
    images = args.images.read_text().splitlines()[: args.first]
    for each in args.setting:
        print(json.dumps(measure(args, each, images)), flush=True)


if __name__ == "__main__":
    main()
