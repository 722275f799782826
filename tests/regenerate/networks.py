"""Computes Golden/tiny-*.expected.safetensors anew, in PyTorch, and says how far the recorded values are from that.

    python3 tests/regenerate/networks.py            a table of the differences; ends with 1 where one is too large
    python3 tests/regenerate/networks.py --double   the same in float64: what rounding alone does to the recorded values
    python3 tests/regenerate/networks.py --write    writes the files anew

Weights (tiny-vit.safetensors, tiny-rn.safetensors) and inputs (`images` and `tokens` of the expected files) are read from
the golden folder, or from a FOLDER given as well. The rest follows from the papers' equations and the names in CLIP's state dicts;
none of the library's code takes part. Debian's python3-torch (1.13) and python3-numpy are enough.
"""

import argparse
import json
import math
import struct
import sys
from pathlib import Path

import numpy
import torch
from torch.nn import functional

GOLDEN = Path(__file__).parent.parent / "HiMo.MLNet.Tests" / "Golden"
TYPES = {"F32": numpy.float32, "I64": numpy.int64}
HEAD_WIDTH = 64
FIRST_POSITIONS = 20    # taken from positional_embedding, the others from positional_embedding_res
VARIANCE_RATIO, SMOOTHING, RATE, DECAY = 0.9, 0.1, 2e-5, 1e-2

# Shares of a tensor's largest recorded value.
TOLERANCES = {"features": 1e-5, "components": 1e-5, "losses of step 0": 1e-5, "losses after it": 1e-5, "gradients": 1e-4,
              "gradients of texts": 1e-4, "after three steps": 1e-3}

# The untrained ResNet embeds all pictures almost alike, and without a gradient on the gathered side a text's gradient is a
# sum over pictures that all but cancels. Float32 and float64 differ by 4 % there, and AdamW's first steps go by signs.
CANCELLED = {("tiny-rn", "local", "gradients of texts"): 5e-2, ("tiny-rn", "local", "losses after it"): 5e-4}


# safetensors: the length of a JSON header, the header, the bytes

def read(path):
    data = path.read_bytes()
    length, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    metadata, values = header.pop("__metadata__", {}), data[8 + length:]
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        array = numpy.frombuffer(values[start:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return tensors, metadata


def write(path, tensors, metadata):
    header, values = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        kind = "I64" if tensor.dtype == torch.int64 else "F32"
        data = tensor.detach().numpy().astype(TYPES[kind]).tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(values), len(values) + len(data)]}
        values += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)


# The networks: functions of the weights w, a dictionary, and of a prefix of their names

def layer_norm(w, name, x):
    return functional.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps=1e-5)


def linear(w, name, x):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def attention(query, key, value, mask=None):
    """All of (batch, tokens, width), cut into heads of 64."""
    def heads(x):
        return x.unflatten(-1, (-1, HEAD_WIDTH)).transpose(1, 2)

    scores = heads(query) @ heads(key).transpose(-1, -2) / math.sqrt(HEAD_WIDTH)
    if mask is not None:
        scores = scores + mask
    return (scores.softmax(-1) @ heads(value)).transpose(1, 2).flatten(2)


def transformer(w, prefix, x, mask=None):
    for i in range(count(w, prefix + "resblocks.")):
        block = f"{prefix}resblocks.{i}."
        y = layer_norm(w, block + "ln_1", x)
        y = y @ w[block + "attn.in_proj_weight"].T + w[block + "attn.in_proj_bias"]
        x = x + linear(w, block + "attn.out_proj", attention(*y.chunk(3, dim=-1), mask))
        y = linear(w, block + "mlp.c_fc", layer_norm(w, block + "ln_2", x))
        x = x + linear(w, block + "mlp.c_proj", y * torch.sigmoid(1.702 * y))
    return x


def count(w, prefix):
    return len({name[len(prefix):].split(".")[0] for name in w if name.startswith(prefix)})


def text_features(w, tokens):
    length = tokens.shape[1]
    positions = torch.cat([w["positional_embedding"][:FIRST_POSITIONS], w["positional_embedding_res"][FIRST_POSITIONS:]])
    mask = torch.full((length, length), -math.inf).triu(1)
    x = transformer(w, "transformer.", w["token_embedding.weight"][tokens] + positions, mask)
    ends = tokens.argmax(1)     # the end of the text has the largest number
    return layer_norm(w, "ln_final", x)[torch.arange(len(tokens)), ends] @ w["text_projection"]


def vision_transformer(w, images):
    patches = w["visual.conv1.weight"]
    x = functional.conv2d(images, patches, stride=patches.shape[-1]).flatten(2).transpose(1, 2)
    first = w["visual.class_embedding"].expand(len(x), 1, -1)
    x = torch.cat([first, x], dim=1) + w["visual.positional_embedding"]
    x = transformer(w, "visual.transformer.", layer_norm(w, "visual.ln_pre", x))
    return layer_norm(w, "visual.ln_post", x[:, 0]) @ w["visual.proj"]


def convolved(w, convolution, norm, x, stride=1):
    """A convolution without bias that keeps the size, and batch norm on its running statistics."""
    kernel = w[convolution + ".weight"]
    x = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
    return functional.batch_norm(x, w[norm + ".running_mean"], w[norm + ".running_var"], w[norm + ".weight"], w[norm + ".bias"])


def bottleneck(w, block, x, stride):
    y = convolved(w, block + "conv1", block + "bn1", x).relu()
    y = convolved(w, block + "conv2", block + "bn2", y).relu()
    y = convolved(w, block + "conv3", block + "bn3", functional.avg_pool2d(y, stride))
    if block + "downsample.0.weight" in w:
        x = convolved(w, block + "downsample.0", block + "downsample.1", functional.avg_pool2d(x, stride))
    return (x + y).relu()


def residual_network(w, images):
    x = convolved(w, "visual.conv1", "visual.bn1", images, stride=2).relu()
    x = convolved(w, "visual.conv2", "visual.bn2", x).relu()
    x = convolved(w, "visual.conv3", "visual.bn3", x).relu()
    x = functional.avg_pool2d(x, 2)
    for layer in range(1, 5):
        for i in range(count(w, f"visual.layer{layer}.")):
            x = bottleneck(w, f"visual.layer{layer}.{i}.", x, stride=2 if layer > 1 and i == 0 else 1)
    pool = "visual.attnpool."
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], dim=1) + w[pool + "positional_embedding"]
    pooled = attention(linear(w, pool + "q_proj", x[:, :1]), linear(w, pool + "k_proj", x), linear(w, pool + "v_proj", x))
    return linear(w, pool + "c_proj", pooled[:, 0])


def image_features(w, images):
    return vision_transformer(w, images) if "visual.proj" in w else residual_network(w, images)


# The objective

def components(texts, ratio):
    """HiDe: the texts rebuilt from the fewest directions that hold a share of their variance."""
    mean = texts.mean(0, keepdim=True)
    centred = texts - mean
    _, scales, directions = torch.linalg.svd(centred, full_matrices=False)
    energy = scales.detach() ** 2
    shares = energy.cumsum(0) / (energy.sum() + 1e-8)
    kept = directions[:min(int((shares < ratio).sum()) + 1, len(scales))]
    return centred @ kept.T @ kept + mean


def contrast(a, b, scale, gathered):
    """Both directions' mean; gathered says what becomes of the side that a row is compared with."""
    pairs = torch.arange(len(a))
    rows = functional.cross_entropy(scale * a @ gathered(b).T, pairs, label_smoothing=SMOOTHING)
    columns = functional.cross_entropy(scale * b @ gathered(a).T, pairs, label_smoothing=SMOOTHING)
    return (rows + columns) / 2


def losses(w, images, tokens, gathered):
    pictures = functional.normalize(image_features(w, images), dim=1)
    texts = functional.normalize(text_features(w, tokens), dim=1)
    scale = w["logit_scale"].exp()
    return contrast(pictures, texts, scale, gathered), contrast(pictures, components(texts, VARIANCE_RATIO), scale, gathered)


GATHERED = {"local": torch.Tensor.detach, "full": lambda side: side}


def trained(weights, images, tokens, run):
    w = {name: tensor.clone() for name, tensor in weights.items()}
    parameters = {name: w[name].requires_grad_() for name in w if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    optimizer = torch.optim.AdamW(parameters.values(), lr=RATE, betas=(0.9, 0.999), weight_decay=DECAY)
    for step in range(3):
        optimizer.zero_grad()
        whole, component = losses(w, images, tokens, GATHERED[run])
        yield f"{run}.step{step}.loss_global", whole.detach().reshape(1)
        yield f"{run}.step{step}.loss_component", component.detach().reshape(1)
        (whole + component).backward()
        if step == 0:
            yield from ((f"{run}.grad.{name}", parameter.grad.clone()) for name, parameter in parameters.items())
        optimizer.step()
    with torch.no_grad():
        yield f"{run}.after3.image_features", image_features(w, images)
        yield f"{run}.after3.text_features", text_features(w, tokens)


def computed(weights, images, tokens):
    with torch.no_grad():
        texts = text_features(weights, tokens)
        yield "image_features", image_features(weights, images)
        yield "text_features", texts
        for ratio in (0.6, 0.85, 0.9, 0.95):
            yield f"hide_{ratio}", components(functional.normalize(texts, dim=1), ratio)
    for run in GATHERED:
        yield from trained(weights, images, tokens, run)


# The comparison

def group_of(name):
    """The kind of a value, and its run: "local", "full" or none."""
    if "." not in name:
        return "features", ""
    if name.startswith("hide_"):
        return "components", ""
    run, kind, *rest = name.split(".")
    if kind == "grad":
        return "gradients" if rest[0] in ("visual", "logit_scale") else "gradients of texts", run
    return {"step0": "losses of step 0", "after3": "after three steps"}.get(kind, "losses after it"), run


def compare(model, recorded, values):
    """Prints a row for each group of tensors; whether all are close enough."""
    groups = {}
    for name, expected in recorded.items():
        expected, value = expected.double(), values[name].double()
        if expected.shape != value.shape:
            raise ValueError(f"{model}: {name} is {tuple(expected.shape)} in the file, {tuple(value.shape)} computed")
        difference = float((value - expected).abs().max() / expected.abs().max())
        groups.setdefault(group_of(name), []).append((difference, expected.numel(), name))
    close = True
    for (group, run), rows in groups.items():
        tolerance = CANCELLED.get((model, run, group), TOLERANCES[group])
        enough = all(difference <= tolerance for difference, _, _ in rows)
        close &= enough
        print(f"{model:9}{group:19}{run:6}{len(rows):3} tensors {sum(row[1] for row in rows):8,} values   "
              f"{max(rows)[0]:7.1e} of {tolerance:.0e}{'' if enough else '  TOO FAR'}   {max(rows)[2]}")
    return close


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=GOLDEN)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="compare what is there (the default)")
    ways.add_argument("--double", action="store_true", help="compare in float64")
    ways.add_argument("--write", action="store_true", help="make it anew")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dtype = torch.float64 if options.double else torch.float32
    torch.set_default_dtype(dtype)
    close = True
    for model in ("tiny-vit", "tiny-rn"):
        path = options.folder / f"{model}.expected.safetensors"
        recorded, metadata = read(path)
        inputs = {name: recorded.pop(name) for name in ("images", "tokens")}
        weights, _ = read(options.folder / f"{model}.safetensors")
        weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
        values = dict(computed(weights, inputs["images"].to(dtype), inputs["tokens"]))
        if options.write:
            kept = {name: values[name] for name in recorded}
            write(path, {**inputs, **kept}, {**metadata, "torch": torch.__version__})
        else:
            close &= compare(model, recorded, values)
    return 0 if close else 1


if __name__ == "__main__":
    sys.exit(main())
