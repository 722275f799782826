"""Golden/optimizer.expected.safetensors: AdamW under a warm-up and a cosine, long enough for weight decay to show.

    python3 tests/regenerate/optimizer.py            compares what is there; ends with 1 where a value is too far away
    python3 tests/regenerate/optimizer.py --write    makes it anew

PyTorch's AdamW in float64, on starts and gradients drawn at random in float32; the rate of each step as the training scripts of
CLIP, Long-CLIP and HiMo-CLIP set it. Needs Debian's python3-torch (recorded with 1.13) and python3-numpy.
"""

import math
import sys

import torch

from networks import GOLDEN, read, write
from recorded import close, way

PATH = GOLDEN / "optimizer.expected.safetensors"
STEPS, WARMUP, RATE = 40, 8, 1e-2
DECAYS = (0, 1e-2, 1)
SEEN = (1, 5, 10, 20, 40)               # the steps after which parameters are written down
SHAPES = {"weight": (4, 5), "bias": (5,), "scale": (1,), "unreached": (3,), "mask": (2, 3)}
FACTORS = {"mask": 10}                  # of the rate; the others have 1
TOLERANCE = 1e-6                        # a share of the largest value: the file is in float32


def inputs():
    torch.manual_seed(11)
    for name, shape in SHAPES.items():
        yield f"start.{name}", torch.randn(shape)
        # Gradients of several sizes and with a drift, and nothing for what no batch reaches.
        size = 0 if name == "unreached" else 1
        yield f"gradients.{name}", size * (torch.randn(STEPS, *shape) + 0.5) * torch.logspace(0, -4, STEPS).view(-1, *[1] * len(shape))


def rate_at(step):
    """A share of the full rate."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def trained(given, decay):
    parameters = {name: torch.nn.Parameter(given[f"start.{name}"].double()) for name in SHAPES}
    groups = [{"params": [parameter], "factor": FACTORS.get(name, 1)} for name, parameter in parameters.items()]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * group["factor"] * rate_at(step)
        for name, parameter in parameters.items():
            parameter.grad = given[f"gradients.{name}"][step].double()
        optimizer.step()
        if step + 1 in SEEN:
            yield from ((f"decay_{decay:g}.after{step + 1}.{name}", parameter.detach().clone()) for name, parameter in parameters.items())


def computed(given):
    yield "schedule", torch.tensor([rate_at(step) for step in range(STEPS)], dtype=torch.float64)
    for decay in DECAYS:
        yield from trained(given, decay)


def main():
    options = way(__doc__)
    torch.set_num_threads(1)
    if options.write:
        given = dict(inputs())
        settings = {"torch": torch.__version__, "warmup": str(WARMUP), "rate": str(RATE), "factor of mask": str(FACTORS["mask"])}
        write(PATH, {**given, **dict(computed(given))}, settings)
        return 0
    recorded, _ = read(PATH)
    return 0 if close("optimizer", recorded, dict(computed(recorded)), lambda name: name.split(".after")[0], TOLERANCE) else 1


if __name__ == "__main__":
    sys.exit(main())
