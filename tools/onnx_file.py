"""From a PyTorch module to an ONNX file that mis can read layer by layer; used by the scripts beside it."""

import contextlib
import io
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

import onnx
import torch

OPSET = 17


def write(
    net,
    examples,
    path,
    output="output",
    inputs=("input",),
    metadata=None,
    opset=OPSET,
    exporter="auto",
    tolerance=1e-4,
    checked=True,
):
    """Exports a module in evaluation mode, writes what is known of it into the file, and compares its results with PyTorch's.

    `examples` is a tuple of input batches [2, …]; the first axis of every input and of the output stays free. Every
    normalisation stays a node of its own, and parameters keep the names that they have in the module. `metadata` is a
    dictionary; its values are stored as JSON under keys `mis.…`. Weights above 1.5 GB go into a file beside it.
    """
    net = net.eval().float()
    for parameter in net.parameters():
        parameter.requires_grad_(True)  # PyTorch 1.13 names no frozen parameters
    # With gradients on, attention isn't replaced by one fused operator that ONNX hasn't.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = exported(net, examples, inputs, output, opset, exporter)
    separate(model)
    for key, value in (metadata or {}).items():
        if value is not None:
            model.metadata_props.add(key=f"mis.{key}", value=json.dumps(value))
    save(model, Path(path))
    worst = difference(net, examples, path) if checked else None
    if worst is None:
        print(f"{path}: not compared with PyTorch (install onnxruntime for that)", file=sys.stderr)
    elif not worst <= tolerance:
        raise SystemExit(f"{path} gives other results than PyTorch: they differ by {worst:.1e} of the largest value")
    size = Path(path).stat().st_size
    print(f"{path} {size:,} bytes" + ("" if worst is None else f", differs from PyTorch by {worst:.1e} of the largest value"))


def exported(net, examples, inputs, output, opset, exporter):
    """By the TorchScript exporter, which every PyTorch from 1.12 on has, or the newer one (`dynamo`)."""
    axes = {name: {0: "batch"} for name in (*inputs, output)}
    names = {"input_names": list(inputs), "output_names": [output], "opset_version": opset}
    if exporter == "dynamo":
        shapes = tuple({0: torch.export.Dim("batch")} for _ in examples)
        # Its optimiser would fold batch norms into convolutions.
        program = torch.onnx.export(net, examples, dynamo=True, optimize=False, dynamic_shapes=shapes, **names)
        return program.model_proto
    newer = {"dynamo": False} if tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 5) else {}
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "model.onnx")
        # PRESERVE with a module in evaluation mode: norms aren't folded, and work as in evaluation.
        training = torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(net, examples, file, training=training, dynamic_axes=axes, **newer, **names)
        return onnx.load(file)


def separate(model):
    """Gives each module its own parameters again where the exporter stored equal ones once, behind an Identity."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [n for n in model.graph.node if n.op_type == "Identity" and n.input[0] in stored]:
        copy = model.graph.initializer.add()
        copy.CopyFrom(stored[node.input[0]])
        copy.name = node.output[0]
        model.graph.node.remove(node)


def save(model, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".data")
    beside.unlink(missing_ok=True)
    if model.ByteSize() > 1_500_000_000:
        onnx.save_model(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=beside.name)
        return
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(model.SerializeToString(deterministic=True))
    temporary.replace(path)


def difference(net, examples, path):
    """Largest difference of a result, relative to the largest; None where nothing is installed that runs ONNX."""
    generator = torch.Generator().manual_seed(0)
    given = [torch.rand(example.shape, generator=generator) for example in examples]
    with torch.no_grad():
        expected = net(*given)
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
    except ImportError:
        try:
            from onnx.reference import ReferenceEvaluator
        except ImportError:
            return None
        session = ReferenceEvaluator(str(path))
        names = session.input_names
    (found,) = session.run(None, {name: value.numpy() for name, value in zip(names, given)})
    return float((torch.from_numpy(found) - expected).abs().max() / expected.abs().max().clamp(min=1e-12))


def state_of(file):
    """Weights in a file: safetensors, or what torch.save wrote (a state, or one under a usual key)."""
    if str(file).endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(file)
    state = torch.load(file, map_location="cpu")
    for key in ("state_dict", "model_state_dict", "model"):
        state = state[key] if isinstance(state.get(key), dict) else state
    return {name.removeprefix("module."): value for name, value in state.items()}
