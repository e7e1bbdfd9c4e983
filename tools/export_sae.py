"""Exports the encoder of a sparse autoencoder for the `directions` of a model: activations [N, C] in, latents [N, M] out.

    python tools/export_sae.py sae.safetensors --layer layer4.2.conv3 -o sae.onnx

Reads a state (torch.save or safetensors) and finds its encoder's matrix and biases by their usual names: W_enc, b_enc, b_dec
(SAELens, Prisma), encoder.weight, encoder.bias, decoder.bias or pre_bias (dictionary_learning, OpenAI); others with --names.
Latents are f((x - b_dec) W_enc + b_enc) with f = ReLU, the k largest (--top-k), or ReLU above thresholds (a `threshold` or
`log_threshold` in the state: JumpReLU). Writes a list of directions beside the file, to be named by `directions` in the model's YAML.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

import onnx_file

NAMES = {
    "matrix": ("W_enc", "encoder.weight", "encoder"),
    "bias": ("b_enc", "encoder.bias", "latent_bias", "encoder_bias"),
    "before": ("b_dec", "decoder.bias", "pre_bias"),
}


class Encoder(nn.Module):
    """`matrix` [C, M]; `bias` [M]; `before` [C], which is subtracted first; `threshold` [M] or none; `top`: how many latents
    of a row stay, or none for all."""

    def __init__(self, matrix, bias, before, threshold=None, top=None):
        super().__init__()
        self.matrix, self.bias = nn.Parameter(matrix), nn.Parameter(bias)
        self.before, self.top = nn.Parameter(before), top
        self.threshold = None if threshold is None else nn.Parameter(threshold)

    def forward(self, x):
        latents = (x - self.before) @ self.matrix + self.bias
        if self.threshold is not None:
            return torch.where(latents > self.threshold, latents, torch.zeros_like(latents)).relu()
        latents = latents.relu()
        if self.top is None:
            return latents
        values, places = latents.topk(self.top, dim=1)
        return torch.zeros_like(latents).scatter(1, places, values)


def encoder_of(state, names=None, top=None, centred=True):
    """The encoder that a state holds. Throws SystemExit where its parts can't be told."""
    names = names or {}

    def find(part):
        candidates = (names[part],) if part in names else NAMES[part]
        return next((name for name in candidates if name in state), None)

    name = find("matrix")
    if name is None or state[name].dim() != 2:
        raise SystemExit(f"The encoder's matrix can't be told; the state has {', '.join(state)}. Name it: --names matrix=NAME")
    # A Linear keeps a row for each output.
    matrix = state[name].float().T if name.endswith(".weight") else state[name].float()
    channels, latents = matrix.shape
    vector = lambda part, length: state[find(part)].float() if find(part) else torch.zeros(length)
    bias, before = vector("bias", latents), vector("before", channels)
    if bias.shape != (latents,) or before.shape != (channels,):
        raise SystemExit(
            f"The parts of the encoder don't fit each other: a matrix from {channels} channels to {latents} latents, biases "
            f"{list(bias.shape)} and, subtracted first, {list(before.shape)}. Name them: --names matrix=… bias=… before=…"
        )
    threshold = state["threshold"].float() if "threshold" in state else None
    threshold = state["log_threshold"].float().exp() if "log_threshold" in state else threshold
    return Encoder(matrix.contiguous(), bias, before if centred else torch.zeros(channels), threshold, top)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", help="file of torch.save or safetensors")
    parser.add_argument("--layer", required=True, help="layer that it was trained on, as `mis models inspect` calls it, or tensor:NAME")
    parser.add_argument("-o", "--output", type=Path, default=Path("sae.onnx"))
    parser.add_argument("--names", nargs="*", default=[], metavar="PART=NAME", help="matrix, bias, before: names in the state")
    parser.add_argument("--top-k", type=int)
    parser.add_argument("--not-centred", action="store_true", help="the decoder's bias isn't subtracted from what is encoded")
    parser.add_argument("--per", choices=["position", "pooled"], default="position")
    args = parser.parse_args()
    names = dict(pair.split("=", 1) for pair in args.names)
    encoder = encoder_of(onnx_file.state_of(args.state), names, args.top_k, not args.not_centred)
    onnx_file.write(encoder, (torch.rand(3, encoder.matrix.shape[0]),), args.output, inputs=("activations",), output="latents")
    listed = args.output.with_suffix(".yaml")
    listed.write_text(
        f"# Units that are the latents of a sparse autoencoder on {args.layer}; a model's YAML names this file as `directions`.\n"
        f"- name: {args.output.stem}\n  layer: {args.layer!r}\n  file: {args.output.name}\n  per: {args.per}\n"
    )
    print(f"{listed}: {encoder.matrix.shape[1]} units on {encoder.matrix.shape[0]} channels of {args.layer}")


if __name__ == "__main__":
    main()
