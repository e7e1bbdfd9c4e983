"""Exports DreamSim (Fu et al., 2023) as an encoder: cosines of its embeddings are 1 minus DreamSim's distance.

    python tools/export_dreamsim.py                          # the ensemble, which alpha = 0.16 was fitted with
    python tools/export_dreamsim.py --branch open_clip_vitb32

Needs the package dreamsim, which downloads its weights (into --weights). In a config: `similarity: cosine`, `alpha: 0.16` for the
ensemble. Images are resized to 224 × 224 whatever their proportions, as the package does; what each branch subtracts and divides
by is part of the file.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

import onnx_file

BRANCHES = ["ensemble", "dino_vitb16", "open_clip_vitb32", "clip_vitb32"]


class DreamSim(nn.Module):
    """Images in [0, 1], [N, 3, 224, 224], to embeddings [N, D]."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        # The package keeps its branches in a list that PyTorch doesn't see as modules.
        branches = [getattr(branch, "model", branch) for branch in getattr(model, "extractor_list", [])]
        self.branches = nn.ModuleList(branch for branch in branches if isinstance(branch, nn.Module))

    def forward(self, x):
        return self.model.embed(x).reshape(x.shape[0], -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--branch", choices=BRANCHES, default="ensemble")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--weights", default="./models", help="where the package keeps its weights")
    args = parser.parse_args()
    from dreamsim import dreamsim

    model, _ = dreamsim(pretrained=True, device="cpu", cache_dir=args.weights, dreamsim_type=args.branch)
    fitted = {"alpha": 0.16} if args.branch == "ensemble" else {}
    onnx_file.write(
        DreamSim(model),
        (torch.rand(2, 3, 224, 224),),
        args.output or Path("dreamsim.onnx" if args.branch == "ensemble" else f"dreamsim-{args.branch}.onnx"),
        output="embedding",
        metadata={
            "preprocess": {"size": 224, "crop-mode": "squash", "interpolation": "bicubic"},
            "similarity": "cosine",
            "source": f"DreamSim, {args.branch}",
            **fitted,
        },
    )


if __name__ == "__main__":
    main()
