"""Makes images of many kinds, and what Pillow and torchvision make of them, as reference for the tests.

Reads {"folder", "count", "specs": [{"size": [h, w], "resize": int | [h, w] | null, "interpolation"}]} from standard
input; prints [{"file", "mode", "height", "width", "decoded", "exact", "upright", "prepared": [raw file a spec]}].
"""
import io
import json
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps
from torchvision import transforms as T

asked = json.load(sys.stdin)
folder = asked["folder"]
rng = np.random.default_rng(7)
MODES = {name: getattr(T.InterpolationMode, name.upper()) for name in ("bilinear", "bicubic", "nearest", "lanczos", "box")}


def picture(height, width, channels):
    """Waves, an edge and noise: something with detail at every scale."""
    y, x = np.mgrid[0:height, 0:width]
    f = rng.uniform(2, 40, 4)
    planes = [
        127 + 70 * np.sin(x / f[0] + i + y / f[1]) + 40 * np.sign(np.sin((x * (i + 1) - y) / f[2])) for i in range(channels)
    ]
    return (np.stack(planes, -1) + rng.normal(0, 10, (height, width, channels))).clip(0, 255).astype(np.uint8)


def png16(height, width, kind, channels):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + rng.integers(0, 256, width * channels * 2).astype(np.uint8).tobytes() for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def without_adobe(jpeg):
    """The same JPEG without its APP14 segment."""
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0] :]


def ycck(jpeg):
    """The same JPEG with its channels said to be YCCK: other colours, but both must decode it alike."""
    at = jpeg.index(b"\xff\xee") + 15
    return jpeg[:at] + b"\x02" + jpeg[at + 1 :]


def swapped_profile():
    """A valid sRGB profile whose red and blue primaries are exchanged: applying it would show."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def animated(image, **options):
    """The image, then a frame that is the same upside down."""
    return saved(image, save_all=True, append_images=[image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)], **options)


def oriented(number):
    exif = Image.Exif()
    exif[274] = number
    return exif


def draw():
    """A height and width, mostly small and odd."""
    return (int(v) for v in rng.integers(1, 520 if rng.random() < 0.1 else 170, 2))


def kinds():
    rgb = lambda: Image.fromarray(picture(*draw(), 3))
    rgba = lambda: Image.fromarray(picture(*draw(), 4), "RGBA")
    cmyk = lambda: Image.fromarray(picture(*draw(), 4), "CMYK")
    profile = swapped_profile()
    yield "jpg", lambda: saved(rgb(), format="JPEG", quality=int(rng.integers(30, 98)), subsampling=2)
    yield "jpg", lambda: saved(rgb(), format="JPEG", quality=int(rng.integers(30, 98)), subsampling=1)
    yield "JPEG", lambda: saved(rgb(), format="JPEG", quality=100, subsampling=0)
    yield "jpg", lambda: saved(rgb(), format="JPEG", quality=80, progressive=True)
    yield "jpeg", lambda: saved(rgb().convert("L"), format="JPEG", quality=85)
    yield "jpg", lambda: saved(cmyk(), format="JPEG", quality=90)
    yield "jpg", lambda: without_adobe(saved(cmyk(), format="JPEG", quality=90))
    yield "jpg", lambda: ycck(saved(cmyk(), format="JPEG", quality=90))
    yield "jpg", lambda: saved(rgb(), format="JPEG", icc_profile=profile)
    yield "png", lambda: saved(rgb(), format="PNG")
    yield "png", lambda: saved(rgb().convert("L"), format="PNG")
    yield "png", lambda: saved(Image.fromarray(picture(*draw(), 2), "LA"), format="PNG")
    yield "png", lambda: saved(rgba(), format="PNG")
    yield "png", lambda: saved(rgb().quantize(5), format="PNG")
    yield "png", lambda: saved(rgb().quantize(200), format="PNG", transparency=3)
    yield "png", lambda: saved(rgb().convert("1"), format="PNG")
    yield "png", lambda: png16(*draw(), 2, 3)
    yield "png", lambda: png16(*draw(), 6, 4)
    yield "png", lambda: png16(*draw(), 4, 2)
    yield "PNG", lambda: saved(rgb(), format="PNG", icc_profile=profile)
    yield "webp", lambda: saved(rgb(), format="WEBP", quality=int(rng.integers(20, 95)))
    yield "webp", lambda: saved(rgb(), format="WEBP", lossless=True)
    yield "webp", lambda: saved(rgba(), format="WEBP", quality=70)
    yield "webp", lambda: animated(rgb(), format="WEBP", lossless=True)
    yield "tif", lambda: saved(rgb(), format="TIFF", compression="tiff_lzw")
    yield "tiff", lambda: saved(cmyk(), format="TIFF")
    yield "gif", lambda: animated(rgb().quantize(60), format="GIF")
    for number in range(1, 9):
        yield "jpg", lambda: saved(rgb(), format="JPEG", quality=90, exif=oriented(number))
    yield "png", lambda: saved(rgb(), format="PNG", exif=oriented(6))
    yield "webp", lambda: saved(rgb(), format="WEBP", exif=oriented(8))


def bordered(image, scale, size, fill, mode):
    """timm's crop mode "border", after its description: the whole image scaled into `scale`, then set into or cut to `size`."""
    ratio = max(image.height / scale[0], image.width / scale[1])
    image = T.functional.resize(image, [round(image.height / ratio), round(image.width / ratio)], mode)
    frame = Image.new("RGB", (max(size[1], image.width), max(size[0], image.height)), tuple(fill))
    frame.paste(image, ((frame.width - image.width) // 2, (frame.height - image.height) // 2))
    return T.functional.center_crop(frame, size)


def compose(spec):
    if "fill" in spec:
        return lambda image: bordered(image, spec["resize"], spec["size"], spec["fill"], MODES[spec["interpolation"]])
    steps = []
    if spec["resize"] is not None:
        steps.append(T.Resize(spec["resize"], interpolation=MODES[spec["interpolation"]]))
    return T.Compose(steps + [T.CenterCrop(spec["size"])])


def raw(name, image):
    np.asarray(image).tofile(f"{folder}/{name}")
    return name


found = []
number = 0
while number < asked["count"]:
    for ending, make in kinds():
        name = f"{number:04}.{ending}"
        with open(f"{folder}/{name}", "wb") as file:
            file.write(make())
        opened = Image.open(f"{folder}/{name}")
        upright = ImageOps.exif_transpose(opened).convert("RGB")
        plain = opened.convert("RGB")
        found.append({
            "file": name, "mode": opened.mode, "height": upright.height, "width": upright.width,
            "plain": raw(f"{name}.plain", plain), "upright": raw(f"{name}.upright", upright),
            "prepared": [raw(f"{name}.{i}", compose(spec)(upright)) for i, spec in enumerate(asked["specs"])],
        })
        number += 1
        if number == asked["count"]:
            break
json.dump(found, sys.stdout)
