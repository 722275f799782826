"""Times the original's way of computing, in PyTorch: reads works from the standard input, a line each, and answers each with its seconds.

    python3 tests/regenerate/speed.py MODEL.safetensors IMAGES

    images 8        the image tower on a batch of 8
    texts 8 60      the text tower on 8 texts of 60 tokens: it computes all positions of the context
    files           the image files of the folder IMAGES, decoded, resized and cropped by Pillow, one after the other
    step 16 45      a training step on 16 pairs of 45 tokens: both towers, the objective, the gradients, AdamW

`./himo bench original` asks, with its own times beside. Debian's python3-torch, python3-numpy, python3-pil and
libopenblas0 are enough; without the last, products take ten times as long.
"""

import os
import sys
import time
from pathlib import Path

import images
import networks
import numpy
import torch
from PIL import Image

SIZE = 224
MEAN, STD = numpy.array([images.MEAN, images.STD], numpy.float32)


def pixels(path):
    with Image.open(path) as image:
        scale = SIZE / min(image.size)
        image = image.resize([int(scale * side) for side in image.size], Image.BICUBIC)
        left, top = ((side - SIZE) // 2 for side in image.size)
        image = image.crop((left, top, left + SIZE, top + SIZE)).convert("RGB")
    return torch.from_numpy((numpy.asarray(image, numpy.float32) / 255 - MEAN) / STD).permute(2, 0, 1)


def tokens_of(count, length, context):
    tokens = torch.zeros(count, context, dtype=torch.int64)
    tokens[:, :length] = torch.randint(1, 49_000, (count, length))
    tokens[:, 0], tokens[:, length - 1] = 49_406, 49_407
    return tokens


class Works:
    def __init__(self, model, folder):
        self.weights, _ = networks.read(model)
        self.context = len(self.weights["positional_embedding_res"])
        self.paths = sorted(folder.glob("*.jpg"))
        self.optimizer = None

    def images(self, count):
        images = torch.randn(count, 3, SIZE, SIZE)
        return lambda: networks.image_features(self.weights, images)

    def texts(self, count, length):
        tokens = tokens_of(count, length, self.context)
        return lambda: networks.text_features(self.weights, tokens)

    def files(self):
        return lambda: [pixels(path) for path in self.paths]

    def step(self, count, length):
        images, tokens = torch.randn(count, 3, SIZE, SIZE), tokens_of(count, length, self.context)
        if self.optimizer is None:
            self.trained = {name: tensor.clone().requires_grad_() for name, tensor in self.weights.items()}
            self.optimizer = torch.optim.AdamW(self.trained.values(), lr=1e-6, weight_decay=1e-2)

        def run():
            self.optimizer.zero_grad()
            whole, component = networks.losses(self.trained, images, tokens, networks.GATHERED["local"])
            (whole + component).backward()
            self.optimizer.step()

        return run


def main():
    torch.set_num_threads(os.cpu_count())
    works = Works(Path(sys.argv[1]), Path(sys.argv[2]))
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        kind, *numbers = line.split()
        work = getattr(works, kind)(*map(int, numbers))
        with torch.set_grad_enabled(kind == "step"):
            start = time.perf_counter()
            work()
            print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
