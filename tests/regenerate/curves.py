"""Trains as the original does, in PyTorch, on batches in a file, and prints a line for each step: the global and the component loss.

    python3 tests/regenerate/curves.py FOLDER STEPS RATE local|full

FOLDER holds model.safetensors, the weights, and data.safetensors: `images` (pairs, 3, n, n) of bytes, `tokens` (pairs, context), and
`shape`, the pairs of a batch and the width of a head. Batches follow each other in the order of the file, over and over.
`./himo bench curves` writes both, and prints its own losses beside.
"""

import sys
from pathlib import Path

import images
import networks
import numpy
import torch

MEAN, STD = torch.tensor([images.MEAN, images.STD]).reshape(2, 3, 1, 1)


def components(texts, ratio, exact=networks.components):
    """In float64: the gradient of an SVD divides by differences of singular values. A text tower narrower than the embedding leaves
    some of the values at zero, which float32 cannot tell apart: the first step's gradients would not be finite."""
    return exact(texts.double(), ratio).float()


def main():
    folder, steps, rate, run = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    networks.TYPES["U8"] = numpy.uint8
    weights, _ = networks.read(folder / "model.safetensors")
    data, _ = networks.read(folder / "data.safetensors")
    batch, networks.HEAD_WIDTH = data["shape"].tolist()
    networks.components = components
    pixels = (data["images"].float() / 255 - MEAN) / STD
    w = {name: tensor.requires_grad_() for name, tensor in weights.items()}
    optimizer = torch.optim.AdamW(w.values(), lr=rate, betas=(0.9, 0.999), weight_decay=networks.DECAY)
    for step in range(steps):
        rows = torch.arange(step * batch, (step + 1) * batch) % len(pixels)
        optimizer.zero_grad()
        whole, component = networks.losses(w, pixels[rows], data["tokens"][rows], networks.GATHERED[run])
        (whole + component).backward()
        optimizer.step()
        print(float(whole), float(component), flush=True)


if __name__ == "__main__":
    main()
