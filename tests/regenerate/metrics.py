"""Golden/metrics.expected.safetensors: random embeddings, and what each metric says of them.

    python3 tests/regenerate/metrics.py            compares what is there; ends with 1 where a value is too far away
    python3 tests/regenerate/metrics.py --write    makes it anew

Each metric as its definition says, with full sorts in float64: recall as CLIP's and Long-CLIP's evaluations count it (several
captions a picture: a hit where any of them is among the first k), HiMo@K as the paper does, COLA's multi-object accuracy, and
zero-shot classification. Needs Debian's python3-numpy, and python3-torch to read and write the file.
"""

import sys

import numpy
import torch

from networks import GOLDEN, read, write
from recorded import way

PATH = GOLDEN / "metrics.expected.safetensors"
IMAGES, TEXTS, WIDTH, GROWING, CLASSES = 60, 150, 16, 40, 12
TOLERANCE = 1e-6        # a share of the largest value: the file is in float32


def inputs():
    dice = numpy.random.default_rng(5)

    def near(rows, noise):
        return rows + noise * dice.standard_normal(rows.shape)

    images = dice.standard_normal((IMAGES, WIDTH))
    owners = numpy.concatenate([numpy.arange(IMAGES), dice.integers(0, IMAGES, TEXTS - IMAGES)])
    labels = dice.integers(0, CLASSES, IMAGES)
    given = {"images": images, "texts": near(images[owners], 1.2), "image_of_text": owners,
             "cola_texts": near(images, 2.0), "labels": labels, "classes": dice.standard_normal((CLASSES, WIDTH))}
    given["class_images"] = near(given["classes"][labels], 1.5)
    for k in (2, 3, 5):
        rising = numpy.linspace(0, 0.3, k)
        given[f"similarities_{k}"] = rising + 0.15 * dice.standard_normal((GROWING, k))
    return {name: torch.from_numpy(values.astype(numpy.int64 if values.dtype.kind == "i" else numpy.float32))
            for name, values in given.items()}


def cosines(a, b):
    return (a / numpy.linalg.norm(a, axis=1, keepdims=True)) @ (b / numpy.linalg.norm(b, axis=1, keepdims=True)).T


def recall(similarities, right, k):
    """right: for each query, which candidates are right."""
    hits = [right[query, numpy.argsort(-row)[:k]].any() for query, row in enumerate(similarities)]
    return 100 * numpy.mean(hits)


def computed(tensors):
    given = {name: (tensor.double() if tensor.is_floating_point() else tensor).numpy() for name, tensor in tensors.items()}
    similarities = cosines(given["images"], given["texts"])
    right = given["image_of_text"][None, :] == numpy.arange(IMAGES)[:, None]
    for k in (1, 5, 10):
        yield f"image_to_text_{k}", recall(similarities, right, k)
        yield f"text_to_image_{k}", recall(similarities.T, right.T, k)
    for k in (2, 3):
        yield f"himo_{k}", 100 * numpy.mean([(numpy.diff(row) > 0).all() for row in given[f"similarities_{k}"]])
    yield "himo_k", numpy.mean([numpy.corrcoef(numpy.arange(1, 6), row)[0, 1] for row in given["similarities_5"]])
    own = cosines(given["images"], given["cola_texts"])
    pairs = range(0, IMAGES, 2)
    yield "cola", 100 * numpy.mean([own[i, i] > own[i + 1, i] and own[i + 1, i + 1] > own[i, i + 1] for i in pairs])
    similarities = cosines(given["class_images"], given["classes"])
    right = given["labels"][:, None] == numpy.arange(CLASSES)[None, :]
    for k in (1, 5):
        yield f"zero_shot_{k}", recall(similarities, right, k)


def main():
    options = way(__doc__)
    recorded = inputs() if options.write else read(PATH)[0]
    values = dict(computed({name: recorded[name] for name in inputs()}))
    if options.write:
        write(PATH, {**recorded, **{name: torch.tensor([value]) for name, value in values.items()}}, {"numpy": numpy.__version__})
        return 0
    close = True
    for name, value in values.items():
        difference = abs(float(recorded[name]) - value) / abs(value)
        close &= difference <= TOLERANCE
        print(f"metrics {name:17}{value:11.6f}   {difference:7.1e} of {TOLERANCE:.0e}{'' if difference <= TOLERANCE else '  TOO FAR'}")
    return 0 if close else 1


if __name__ == "__main__":
    sys.exit(main())
