"""From a checkpoint to an ONNX file."""

import io
import warnings
from collections import Counter
from pathlib import Path

import onnx
import torch
from torch import nn

import cifar
from networks import NETWORKS

OPSET = 17
OUTPUT = {"model": "logits", "encoder": "embedding", "pairwise": "similarity"}


def target(name, epoch, demo: Path) -> Path:
    """Where the ONNX file of a network lies; `epoch` is None for the last one."""
    if NETWORKS[name].kind != "model":
        return demo / "encoders" / f"{name}.onnx"
    if epoch is None:
        return demo / "models" / f"{name}.onnx"
    return demo / "models" / ("checkpoints" if epoch else "untrained") / f"{name}-epoch-{epoch:g}.onnx"


def restore(name, epoch, args):
    """The network with the weights after `epoch` epochs (None: the last), and the checkpoint that they are from.

    Epoch 0 is what training starts from: it follows from the seed.
    """
    entry = NETWORKS[name]
    if entry.backbone:
        backbone, state = restore(entry.backbone, epoch, args)
        network = entry.build()
        network.stages.load_state_dict(backbone.stages.state_dict())
        return network.eval(), state
    kept = epoch if epoch else None
    state = torch.load(args.work / name / ("last.pt" if kept is None else f"epoch-{kept:g}.pt"))
    torch.manual_seed(state["origin"]["seed"])
    network = entry.build()
    if epoch == 0:
        state = {"origin": state["origin"], "epoch": 0}
    else:
        network.load_state_dict(state["modules"][0])
    return network.eval(), state


def epochs_of(name, args):
    """The states of a network that the command line asks for: None for the last epoch, else numbers."""
    if args.epoch == "all":
        return [None, 0, *NETWORKS[name].recipe.keep] if NETWORKS[name].kind == "model" else [None]
    return [None if args.epoch is None else float(args.epoch)]


def export(name, epoch, args, demo: Path) -> None:
    """PRESERVE with a network in evaluation mode: batch norms stay nodes of their own, in inference form.

    Constant folding then merges no norm; it only stores the matrices of linear layers the way MatMul takes them.
    """
    network, _ = restore(name, epoch, args)
    kind = NETWORKS[name].kind
    inputs, output = ["first", "second"] if kind == "pairwise" else ["input"], OUTPUT[kind]
    buffer = io.BytesIO()
    warnings.filterwarnings("ignore", message="It is recommended that constant folding be turned off")  # in training mode
    torch.onnx.export(
        network,
        tuple(torch.zeros(2, 3, 32, 32) for _ in inputs),
        buffer,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=True,
        keep_initializers_as_inputs=False,
        opset_version=OPSET,
        input_names=inputs,
        output_names=[output],
        dynamic_axes={name: {0: "batch"} for name in [*inputs, output]},
    )
    model = with_named_norms(network, unshared(onnx.load_from_string(buffer.getvalue())))
    check_graph(network, model, len(inputs))
    path = target(name, epoch, demo)
    path.parent.mkdir(exist_ok=True)
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


def with_named_norms(network, model):
    """Gives the scales and shifts of group norms, which the exporter folds to [C, 1, 1], the names of the module's parameters."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = {node.name: node for node in model.graph.node}
    for name, module in network.named_modules():
        if not isinstance(module, nn.GroupNorm):
            continue
        scope, label = "", ""
        for part in name.split("."):
            label = f"{label}.{part}" if part.isdigit() else part
            scope += f"/{label}"
        for operator, parameter in (("Mul", "weight"), ("Add", "bias")):
            node = nodes[f"{scope}/{operator}"]
            stored[node.input[1]].name = node.input[1] = f"{name}.{parameter}"
    return model


def operators(model) -> Counter:
    return Counter(node.op_type for node in model.graph.node)


def check_graph(network, model, runs: int) -> None:
    """The graph holds one operator for each of `runs` runs of each module, nothing folded, and its batch norms are in inference form."""
    onnx.checker.check_model(model, full_check=True)
    found = operators(model)
    modules = Counter(type(module) for module in network.modules())
    norms = sum(1 for module in network.modules() if isinstance(module, nn.LayerNorm))
    groups = sum(1 for module in network.modules() if isinstance(module, nn.GroupNorm))
    expected = {
        "Conv": modules[nn.Conv2d],
        "BatchNormalization": modules[nn.BatchNorm2d],
        "LayerNormalization": norms,
        "InstanceNormalization": groups,  # the exporter writes group norm as this and a scale
    }
    for operator, count in expected.items():
        if found[operator] != runs * count:
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
