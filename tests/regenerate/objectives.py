"""Golden/objectives.expected.safetensors: every objective and its gradients on random embeddings.

    python3 tests/regenerate/objectives.py            compares what is there; ends with 1 where a value is too far away
    python3 tests/regenerate/objectives.py --write    makes it anew

The equations of CLIP, HiMo-CLIP, Long-CLIP and SmartCLIP, in PyTorch's float64, for both gradient paths. Needs Debian's python3-torch
(recorded with 1.13) and python3-numpy.
"""

import sys

import torch
from torch.nn.functional import cross_entropy, normalize

from networks import GATHERED, GOLDEN, SMOOTHING, components, contrast, read, write
from recorded import close, way

PATH = GOLDEN / "objectives.expected.safetensors"
PAIRS, WIDTH = 24, 16
RATIO, KEPT, ALIGNMENT, SPARSITY = 0.8, 4, 2, 0.3
TOLERANCE = 1e-6                        # a share of the largest value: the file is in float32


def inputs():
    torch.manual_seed(3)
    pictures = torch.randn(PAIRS, WIDTH) * torch.logspace(0.5, -0.5, WIDTH)
    return {"images": pictures, "texts": pictures + torch.randn(PAIRS, WIDTH), "short_texts": pictures + 2 * torch.randn(PAIRS, WIDTH),
            "masks": (torch.rand(PAIRS, WIDTH) < 0.6).float(), "logit_scale": torch.tensor([3.0])}


def rebuilt(rows, count):
    """From the rows' mean and their first principal components."""
    mean = rows.mean(0, keepdim=True)
    directions = torch.linalg.svd(rows - mean, full_matrices=False)[2][:count]
    return (rows - mean) @ directions.T @ directions + mean


def masked(v, u, m):
    """Picture i under the mask of text j, with text j."""
    return torch.einsum("ijd,jd->ij", normalize(v[:, None] * m[None], dim=2), u)


def clip(v, u, short, m, scale, gathered):
    return contrast(v, u, scale, gathered)


def himo(v, u, short, m, scale, gathered):
    return contrast(v, u, scale, gathered) + contrast(v, components(u, RATIO), scale, gathered)


def long_clip(v, u, short, m, scale, gathered):
    return contrast(v, u, scale, gathered) + contrast(rebuilt(v, KEPT), short, scale, gathered)


def smart_clip(v, u, short, m, scale, gathered):
    pairs = torch.arange(len(v))
    pictures = cross_entropy(scale * masked(v, gathered(u), gathered(m)), pairs, label_smoothing=SMOOTHING)
    texts = cross_entropy(scale * masked(gathered(v), u, m).T, pairs, label_smoothing=SMOOTHING)
    # Masks are never negative: their 1-norm is their sum, whose gradient reaches closed dimensions, too.
    return ALIGNMENT * (pictures + texts) + SPARSITY * m.sum() / m.numel()


OBJECTIVES = {"clip": clip, "himo": himo, "long_clip": long_clip, "smart_clip": smart_clip}


def computed(given):
    for name, objective in OBJECTIVES.items():
        for run, gathered in GATHERED.items():
            leaves = {key: given[key].double().requires_grad_() for key in inputs()}
            v, u, short = (normalize(leaves[key], dim=1) for key in ("images", "texts", "short_texts"))
            loss = objective(v, u, short, leaves["masks"], leaves["logit_scale"].exp(), gathered)
            loss.sum().backward()
            yield f"{name}.{run}.loss", loss.detach().reshape(1)
            yield from ((f"{name}.{run}.grad.{key}", leaf.grad) for key, leaf in leaves.items() if leaf.grad is not None)


def main():
    options = way(__doc__)
    torch.set_num_threads(1)
    recorded = inputs() if options.write else read(PATH)[0]
    values = dict(computed(recorded))
    if options.write:
        write(PATH, {**recorded, **values}, {"torch": torch.__version__})
        return 0
    return 0 if close("objectives", recorded, values, lambda name: name.rsplit(".grad", 1)[0].removesuffix(".loss"), TOLERANCE) else 1


if __name__ == "__main__":
    sys.exit(main())
