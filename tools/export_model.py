"""Exports a network to ONNX for mis: any of timm, torchvision or open_clip by name, or a module of your own.

    python tools/export_model.py timm/resnet50.a1_in1k
    python tools/export_model.py torchvision/convnext_base:IMAGENET1K_V1 -o models/convnext.onnx
    python tools/export_model.py open_clip/ViT-B-32:laion2b_s34b_b79k
    python tools/export_model.py my/code.py:build --state weights.pt --preprocess '{"size": 224, "preset": "imagenet"}'

Batch norms stay apart from convolutions, modules keep their names, and preprocessing and accuracy are written into the file,
where `mis models add FILE` finds them. The file's results are compared with PyTorch's. Needs torch and onnx, onnxruntime for
the comparison, and the package that the network is from. A module of your own is what a function without arguments returns;
it may have an attribute `preprocess`, a dictionary with the keys of `preprocess` in a config.
"""

import argparse
import importlib.util
import json
from pathlib import Path

import torch
from torch import nn

import onnx_file


def from_timm(name, pretrained, size):
    import timm

    timm.layers.set_exportable(True)
    sized = {} if size is None else {"img_size": size}
    try:
        net = timm.create_model(name, pretrained=pretrained, **sized)
    except TypeError:  # convolutional networks take any size
        net = timm.create_model(name, pretrained=pretrained)
    data = timm.data.resolve_model_data_config(net)
    preprocess = {
        "size": size or list(data["input_size"][1:]),
        "crop-pct": data["crop_pct"],
        "crop-mode": data.get("crop_mode", "center"),
        "interpolation": data["interpolation"],
        "mean": list(data["mean"]),
        "std": list(data["std"]),
    }
    return net, {"preprocess": preprocess, "source": f"timm {timm.__version__}: {name}", "pretrained": pretrained}


def from_torchvision(name, pretrained, size):
    import torchvision

    name, _, tag = name.partition(":")
    enum = torchvision.models.get_model_weights(name)
    weights = enum[tag] if tag else enum.DEFAULT
    sized = {} if size is None or not name.startswith("vit") else {"image_size": size}
    net = torchvision.models.get_model(name, weights=weights if pretrained else None, **sized)
    recipe = weights.transforms()
    preprocess = {
        "size": size or recipe.crop_size[0],
        "resize": recipe.resize_size[0] if size is None else size,
        "interpolation": recipe.interpolation.value,
        "mean": list(recipe.mean),
        "std": list(recipe.std),
    }
    accuracy = weights.meta.get("_metrics", {}).get("ImageNet-1K", {}).get("acc@1")
    return net, {
        "preprocess": preprocess,
        "source": f"torchvision {torchvision.__version__}: {name}, {weights}",
        "pretrained": pretrained,
        "accuracy": {"top1": accuracy / 100, "data": "ImageNet-1K"} if accuracy and pretrained else None,
    }


class ImageTower(nn.Module):
    def __init__(self, visual):
        super().__init__()
        self.visual = visual

    def forward(self, x):
        return self.visual(x)


def from_open_clip(name, pretrained, size):
    import open_clip

    name, _, tag = name.partition(":")
    sized = {} if size is None else {"force_image_size": size}
    net = open_clip.create_model(name, pretrained=tag if pretrained and tag else None, **sized)
    data = open_clip.get_model_preprocess_cfg(net)
    side = data["size"] if isinstance(data["size"], int) else data["size"][0]
    preprocess = {
        "size": side,
        "crop-mode": "squash" if data.get("resize_mode") == "squash" else "center",
        "interpolation": data["interpolation"],
        "mean": list(data["mean"]),
        "std": list(data["std"]),
    }
    source = f"open_clip {open_clip.__version__}: {name} {tag}".strip()
    return ImageTower(net.visual), {"preprocess": preprocess, "source": source, "pretrained": bool(pretrained and tag)}


def from_file(place, pretrained, size):
    file, _, function = place.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net = getattr(module, function)()
    preprocess = dict(getattr(net, "preprocess", {}))
    return net, {"preprocess": {**preprocess, **({} if size is None else {"size": size})}, "source": f"{Path(file).name}: {function}"}


def build(place, pretrained=True, size=None):
    """The network, and what is known of it."""
    library, _, name = place.partition("/")
    makers = {"timm": from_timm, "torchvision": from_torchvision, "open_clip": from_open_clip}
    if Path(place.rpartition(":")[0]).is_file():
        return from_file(place, pretrained, size)
    if library in makers:
        return makers[library](name, pretrained, size)
    raise SystemExit(f"{place} is neither timm/NAME, torchvision/NAME[:WEIGHTS], open_clip/NAME[:TAG] nor FILE.py:FUNCTION")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", help="timm/NAME, torchvision/NAME[:WEIGHTS], open_clip/NAME[:TAG] or FILE.py:FUNCTION")
    parser.add_argument("-o", "--output", type=Path, help="default: NAME.onnx")
    parser.add_argument("--size", type=int, help="side of the images, where it isn't to be the network's own")
    parser.add_argument("--state", help="weights to load, a file of torch.save or safetensors")
    parser.add_argument("--untrained", action="store_true", help="leave the weights as they are when the network is made")
    parser.add_argument("--preprocess", type=json.loads, default={}, help="keys of `preprocess` as JSON, in place of those found")
    parser.add_argument("--opset", type=int, default=onnx_file.OPSET)
    parser.add_argument("--exporter", choices=["torchscript", "dynamo"], default="torchscript")
    parser.add_argument("--no-check", action="store_true", help="don't compare with PyTorch")
    args = parser.parse_args()
    torch.manual_seed(0)
    net, about = build(args.network, pretrained=not args.untrained and args.state is None, size=args.size)
    if args.state:
        net.load_state_dict(onnx_file.state_of(args.state))
        about["source"] += f", weights {Path(args.state).name}"
    about["preprocess"] = {**about["preprocess"], **args.preprocess}
    about.pop("pretrained", None)
    size = about["preprocess"].get("size", 224)
    height, width = size if isinstance(size, list) else (size, size)
    name = args.network.rpartition("/")[2].replace(":", "-").replace(".py", "")
    onnx_file.write(
        net,
        (torch.zeros(2, 3, height, width),),
        args.output or Path(f"{name}.onnx"),
        output="logits",
        metadata=about,
        opset=args.opset,
        exporter=args.exporter,
        checked=not args.no_check,
    )


if __name__ == "__main__":
    main()
