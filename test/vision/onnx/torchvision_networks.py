"""Exports one of torchvision's (or timm's) networks with random weights and writes down what forward hooks see.

Reads {"folder", "network", "exporter": "torchscript" | "dynamo", "opset", "size", "options": {…}} on standard input.
Writes FOLDER/model.onnx and FOLDER/pixels (uint8 RGB [2, size, size, 3]); prints {"layers": {module: {kind, values}},
"output"} with values as means over every axis that is neither batch nor channel, [2][units].

Options: `fold` constants and norms (TrainingMode.EVAL), keep `initializers` as inputs, `fixed` batch, and `untouched`
weights, as the network's constructor leaves them (norms are then all alike). `cls`: the first token alone, not the mean.
"""

import contextlib
import json
import sys
import warnings

import numpy as np
import torch
import torchvision.models as zoo
from torch import nn
from torchvision.models.convnext import LayerNorm2d

warnings.filterwarnings("ignore")

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d)


def build(name, size):
    if name.startswith("timm/"):
        import timm

        sized = {"img_size": size} if any(part in name for part in ("vit", "deit", "beit", "swin", "mixer")) else {}
        return timm.create_model(name[5:], pretrained=False, **sized)
    sized = {"image_size": size} if name.startswith("vit") else {}
    if name == "googlenet":
        sized = {"init_weights": False, "aux_logits": False}
    return zoo.__dict__[name](weights=None, **sized)


def kind_of(module):
    """The kind of layer, and the axis of its channels; what a module with an activation inside puts out is not it."""
    if isinstance(module, CONVOLUTIONS + TRANSPOSED):
        return "conv", 1
    if isinstance(module, nn.Linear):
        return "linear", -1
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return "batch-norm", 1
    if isinstance(module, nn.GroupNorm):
        return "group-norm", 1
    if isinstance(module, INSTANCE_NORMS):
        return "instance-norm", 1
    if isinstance(module, nn.LayerNorm):
        return "layer-norm", 1 if isinstance(module, LayerNorm2d) or "2d" in type(module).__name__ else -1
    return None


def randomise(net):
    """Statistics and scales that make every layer's output differ from its input's."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, value in [*net.named_parameters(), *net.named_buffers()]:
            if not value.is_floating_point() or "relative_position" in name:
                continue
            noise = torch.randn(value.shape, generator=generator)
            if name.endswith("running_var"):
                value.copy_(noise.abs() + 0.5)
            elif value.dim() <= 1 or "layer_scale" in name:
                value.copy_(noise * 0.2 + (0.8 if name.endswith("weight") or "scale" in name else 0.1))
            elif value.abs().max() == 0:
                value.copy_(noise / value.shape[-1] ** 0.5)


def record(net, images, cls):
    layers, hooks = {}, []

    def keep(name, kind, axis, out):
        axes = [a for a in range(1, out.dim()) if a != axis % out.dim()]
        value = out[:, 0] if cls and out.dim() == 3 else out.mean(axes) if axes else out
        count = sum(1 for known in layers if known.split("#")[0] == name)
        # What shares a row of images with others inside (windows, crops) comes back as rows of images.
        value = value.unflatten(0, (len(images), -1)).mean(1) if len(value) != len(images) else value
        layers[name if count == 0 else f"{name}#{count + 1}"] = {"kind": kind, "values": value.tolist()}

    for name, module in net.named_modules():
        found = kind_of(module)
        inner = getattr(module, "drop", None) if hasattr(module, "act") else None
        if found and isinstance(inner, nn.Module):  # timm's norms with an activation: before it
            hooks.append(inner.register_forward_pre_hook(lambda _, given, n=name, f=found: keep(n, *f, given[0])))
        elif found:
            hooks.append(module.register_forward_hook(lambda _, __, out, n=name, f=found: keep(n, *f, out)))
        if isinstance(module, nn.MultiheadAttention):
            # Its last layer is applied without being called, and is what the module puts out.
            hooks.append(module.register_forward_hook(lambda _, __, out, n=name: keep(f"{n}.out_proj", "linear", -1, out[0])))
    with torch.no_grad():
        output = net(images)
    for handle in hooks:
        handle.remove()
    return layers, output


def export(net, images, request, file):
    options, opset = request["options"], request["opset"]
    net.requires_grad_(True)
    fold, fixed = options.get("fold", False), options.get("fixed")
    common = {"opset_version": opset, "input_names": ["input"], "output_names": ["logits"]}
    if request["exporter"] == "dynamo":
        shapes = None if fixed else ({0: torch.export.Dim("batch")},)
        with contextlib.redirect_stdout(sys.stderr):
            torch.onnx.export(
                net,
                (images,),
                file,
                dynamo=True,
                optimize=fold,  # which folds norms into convolutions
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
                **common,
            )
        return
    if torch.__version__.split(".")[0] != "1":
        common["dynamo"] = False
    with contextlib.redirect_stdout(sys.stderr):
        torch.onnx.export(
            net,
            images,
            file,
            do_constant_folding=fold or opset >= 13,
            training=torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE,
            keep_initializers_as_inputs=options.get("initializers", False),
            dynamic_axes=None if fixed else {"input": {0: "batch"}, "logits": {0: "batch"}},
            **common,
        )


def main():
    request = json.load(sys.stdin)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    size = request["size"]
    net = build(request["network"], size)
    if not request["options"].get("untouched"):
        randomise(net)
    net.eval()
    pixels = np.random.RandomState(1).randint(0, 256, (2, size, size, 3), dtype=np.uint8)
    pixels.tofile(f"{request['folder']}/pixels")
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    layers, output = record(net, images, request["options"].get("cls", False))
    export(net, images, request, f"{request['folder']}/model.onnx")
    json.dump({"layers": layers, "output": output.tolist()}, sys.stdout)


main()
