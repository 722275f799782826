"""Pictures, and what the original's preprocessing gives: Golden/images-modes and Golden/preprocess.expected.safetensors.

The original opens a picture with Pillow, resizes its shorter side to n (bicubic, in the file's own mode), crops the
centre and only then converts to RGB. Needs nothing but Python and Pillow (Debian: python3-pil):

    python3 tests/regenerate/images.py            compares what is there; ends with 1 where a value differs
    python3 tests/regenerate/images.py --write    makes it anew

images-modes has small pictures in every mode and format, written as their formats define them, by hand where Pillow writes
no such file, and the expected bytes (3 x n x n: planes of red, green and blue). The photographs in Golden/images are given;
their values are normalised as CLIP's are. All were recorded with Pillow 9.4.0.

Other sizes and pictures, as many as wanted, for a test run with HIMO_IMAGE_CASES=FOLDER:

    python3 tests/regenerate/images.py --fuzz 50 --seed 1 FOLDER
"""

import argparse
import io
import json
import math
import random
import struct
import sys
import warnings
import zlib
from pathlib import Path

import PIL
from PIL import Image

GOLDEN = Path(__file__).parent.parent / "HiMo.MLNet.Tests" / "Golden"
PHOTOGRAPHS = GOLDEN / "images"
SIZE = 16
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Scene:
    """A picture with slopes, edges and fine stripes, as numbers of 0 to 1."""

    def __init__(self, width, height, waves=9.0, stripes=9, blocks=(5, 4), softness=6.0):
        self.width, self.height = width, height
        self.waves, self.stripes, self.blocks, self.softness = waves, stripes, blocks, softness

    def colour(self, x, y):
        red, green, blue = x / self.width, y / self.height, 0.5 + 0.5 * math.sin(x * y / self.waves)
        if (x // self.blocks[0] + y // self.blocks[1]) % 3 == 0:
            red, green, blue = 1 - red, 0.9 * blue, green
        if x % self.stripes == 0:
            blue = 1.0
        return red, green, blue

    def alpha(self, x, y):
        """A cut-out: a disc with a soft edge; the colours go on beneath."""
        distance = math.hypot(x - self.width / 2, y - self.height / 2) / min(self.width, self.height)
        return min(1.0, max(0.0, (0.45 - distance) * self.softness))

    def grid(self, values):
        return [[values(x, y) for x in range(self.width)] for y in range(self.height)]

    def indices(self, count):
        return self.grid(lambda x, y: int(sum(self.colour(x, y)) / 3 * (count - 1) + 0.5))


SCENES = [("", Scene(37, 29))]


def scaled(numbers, top):
    return [round(number * top) for number in numbers]


# PNG

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(samples, depth):
    """Samples of a row as bytes: the most significant first."""
    number, bits = 0, 0
    for sample in samples:
        number, bits = (number << depth) | sample, bits + depth
    padding = -bits % 8
    return (number << padding).to_bytes((bits + padding) // 8, "big")


def filtered(row, above, step, kind):
    result = bytearray([kind])
    for i, value in enumerate(row):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        nearest = min((left, above[i], corner), key=lambda part: abs(left + above[i] - corner - part))
        result.append((value - (0, left, above[i], (left + above[i]) // 2, nearest)[kind]) & 255)
    return bytes(result)


def png(pixels, depth, kind, palette=b"", transparency=b"", interlaced=False):
    """pixels: rows of pixels, each a list of samples."""
    height, width = len(pixels), len(pixels[0])
    passes = [(0, 1, 0, 1)]
    if interlaced:
        passes = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
    data = b""
    for left, step_x, top, step_y in passes:
        rows = [packed([sample for pixel in row[left::step_x] for sample in pixel], depth) for row in pixels[top::step_y]]
        rows = [row for row in rows if row]
        above = bytes(len(rows[0])) if rows else b""
        for number, row in enumerate(rows):
            data += filtered(row, above, max(1, len(pixels[0][0]) * depth // 8), number % 5)
            above = row
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + (chunk(b"PLTE", palette) if palette else b"")
            + (chunk(b"tRNS", transparency) if transparency else b"") + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def palette_of(count):
    return bytes(value for i in range(count) for value in (i * 37 % 256, i * 91 % 256, 255 - i * 53 % 256))


def png_files(scene):
    def samples(top, with_alpha=False, grey=False, scene=scene):
        def pixel(x, y):
            numbers = scene.colour(x, y)
            numbers = numbers[1:2] if grey else numbers
            return scaled(numbers + (scene.alpha(x, y),) * with_alpha, top)
        return scene.grid(pixel)

    def of_palette(count):
        return [[[index] for index in row] for row in scene.indices(count)]

    yield "rgb8.png", png(samples(255), 8, 2)
    yield "rgb16.png", png(samples(65535), 16, 2)
    yield "rgb8-interlaced.png", png(samples(255), 8, 2, interlaced=True)
    first = samples(255)[0][0]
    yield "rgb8-one-colour-transparent.png", png(samples(255), 8, 2, transparency=struct.pack(">3H", *first))
    yield "grey1.png", png(samples(1, grey=True), 1, 0)
    yield "grey2.png", png(samples(3, grey=True), 2, 0)
    yield "grey4.png", png(samples(15, grey=True), 4, 0)
    yield "grey8.png", png(samples(255, grey=True), 8, 0)
    yield "grey16.png", png(samples(65535, grey=True), 16, 0)
    yield "grey16-dark.png", png(samples(300, grey=True), 16, 0)
    yield "grey16-interlaced.png", png(samples(700, grey=True), 16, 0, interlaced=True)
    yield "grey8-alpha.png", png(samples(255, with_alpha=True, grey=True), 8, 4)
    yield "grey16-alpha.png", png(samples(65535, with_alpha=True, grey=True), 16, 4)
    yield "rgb8-alpha.png", png(samples(255, with_alpha=True), 8, 6)
    yield "rgb16-alpha.png", png(samples(65535, with_alpha=True), 16, 6)
    yield "rgb8-alpha-interlaced.png", png(samples(255, with_alpha=True), 8, 6, interlaced=True)
    yield "rgb8-alpha-not-resized.png", png(samples(255, with_alpha=True, scene=Scene(SIZE, 19)), 8, 6)
    yield "palette1.png", png(of_palette(2), 1, 3, palette_of(2))
    yield "palette2.png", png(of_palette(4), 2, 3, palette_of(4))
    yield "palette4.png", png(of_palette(16), 4, 3, palette_of(16))
    yield "palette8.png", png(of_palette(256), 8, 3, palette_of(256))
    yield "palette4-interlaced.png", png(of_palette(16), 4, 3, palette_of(16), interlaced=True)
    yield "palette8-transparent.png", png(of_palette(200), 8, 3, palette_of(200), bytes(range(0, 200, 2)))
    yield "palette8-too-short.png", png(of_palette(256), 8, 3, palette_of(100))


# GIF

def lzw(values, bits):
    clear, size, table = 1 << bits, bits + 1, {}
    following, held, held_bits, result, string = clear + 2, 0, 0, bytearray(), ()

    def emit(code):
        nonlocal held, held_bits
        held, held_bits = held | code << held_bits, held_bits + size
        while held_bits >= 8:
            result.append(held & 255)
            held, held_bits = held >> 8, held_bits - 8

    emit(clear)
    for value in values:
        longer = string + (value,)
        if len(longer) == 1 or longer in table:
            string = longer
            continue
        emit(table.get(string, string[0]))
        table[longer], following = following, following + 1
        size += following > 1 << size and size < 12
        string = (value,)
        if following == 4096:
            emit(clear)
            following, size, table = clear + 2, bits + 1, {}
    emit(table.get(string, string[0]))
    size += following + 1 > 1 << size and size < 12
    emit(clear + 1)
    result.append(held)
    blocks = b"".join(bytes([len(result[i:i + 255])]) + result[i:i + 255] for i in range(0, len(result), 255))
    return bytes([bits]) + blocks + b"\0"


def gif(scene, bits, palette, margin=None, at=(0, 0), local=b"", transparent=None, interlaced=False, more=b""):
    rows = scene.indices(1 << bits)
    if interlaced:
        rows = rows[0::8] + rows[4::8] + rows[2::4] + rows[1::2]

    def flags(colours):
        return 0x80 | (len(colours) // 3).bit_length() - 2 if colours else 0

    control = b"" if transparent is None else b"!\xf9\x04" + bytes([1, 0, 0, transparent]) + b"\0"
    screen = [max(1, side + more) for side, more in zip((scene.width, scene.height), margin or (0, 0))]
    return (b"GIF89a" + struct.pack("<HHBBB", *screen, flags(palette), 1, 0) + palette + control
            + b"," + struct.pack("<HHHHB", *at, scene.width, scene.height, flags(local) | 0x40 * interlaced) + local
            + lzw([index for row in rows for index in row], bits) + more + b";")


def gif_files(scene):
    greys = bytes(value for i in range(256) for value in (i, i, i))
    yield "palette.gif", gif(scene, 6, palette_of(64))
    yield "palette-interlaced.gif", gif(scene, 4, palette_of(16), interlaced=True)
    yield "grey-palette.gif", gif(scene, 8, greys)
    yield "no-palette.gif", gif(scene, 8, b"")
    yield "own-palette.gif", gif(scene, 5, palette_of(2), local=palette_of(32))
    yield "transparent.gif", gif(scene, 5, palette_of(32), transparent=9)
    yield "smaller-than-screen.gif", gif(scene, 5, palette_of(32), margin=(15, 11), at=(8, 3))
    yield "smaller-than-screen-transparent.gif", gif(scene, 5, palette_of(32), margin=(15, 11), at=(8, 3), transparent=20)
    yield "larger-than-screen.gif", gif(scene, 5, palette_of(32), margin=(-17, -9), at=(3, 5))
    yield "palette-too-short.gif", gif(scene, 8, palette_of(64))
    second = b"," + struct.pack("<HHHHB", 2, 2, 1, 1, 0) + lzw([3], 4)
    yield "animation.gif", gif(scene, 4, palette_of(16), more=second)


# BMP

def bmp(scene, rows, bits, palette=b"", count=0, masks=(), compression=0, top_down=False, header_size=40):
    data = rows if isinstance(rows, bytes) else b"".join(row + bytes(-len(row) % 4) for row in rows[::1 if top_down else -1])
    masked = b"".join(struct.pack("<I", mask) for mask in masks)
    extra = masked + bytes(header_size - 40 - len(masked)) if header_size > 40 else b""
    outside = b"" if header_size > 40 else masked
    offset = 14 + header_size + len(outside) + len(palette)
    height = -scene.height if top_down else scene.height
    header = struct.pack("<IiiHHIIiiII", header_size, scene.width, height, 1, bits, compression, len(data), 0, 0, count, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + extra + outside + palette + data


def bmp_files(scene):
    def colours(count):
        entries = palette_of(count)
        return b"".join(entries[i:i + 3] + b"\0" for i in range(0, len(entries), 3))

    def of_palette(bits, count=0):
        return [packed(row, bits) for row in scene.indices(count or 1 << bits)]

    def words(pack):
        return [b"".join(pack(x, y) for x in range(scene.width)) for y in range(scene.height)]

    def pixel16(bits):
        def pack(x, y):
            number = 0
            for value, depth in zip(scene.colour(x, y), bits):
                number = number << depth | round(value * ((1 << depth) - 1))
            return struct.pack("<H", number)
        return pack

    def pixel32(x, y):
        red, green, blue = scaled(scene.colour(x, y), 255)
        return bytes([blue, green, red, round(scene.alpha(x, y) * 255)])

    greys = b"".join(bytes([i, i, i, 0]) for i in range(256))
    packed8 = b"".join(b"".join(bytes([1, index]) for index in row) + b"\0\0" for row in scene.indices(64)[::-1]) + b"\0\1"
    yield "black-and-white.bmp", bmp(scene, of_palette(1), 1, b"\0\0\0\0\xff\xff\xff\0")
    yield "palette1.bmp", bmp(scene, of_palette(1), 1, colours(2))
    yield "palette4.bmp", bmp(scene, of_palette(4), 4, colours(16))
    yield "palette8.bmp", bmp(scene, of_palette(8), 8, colours(256))
    yield "palette8-too-short.bmp", bmp(scene, of_palette(8), 8, colours(90), 90)
    yield "palette8-packed.bmp", bmp(scene, packed8, 8, colours(64), 64, compression=1)
    yield "grey8.bmp", bmp(scene, of_palette(8), 8, greys)
    yield "rgb555.bmp", bmp(scene, words(pixel16((5, 5, 5))), 16)
    yield "rgb565.bmp", bmp(scene, words(pixel16((5, 6, 5))), 16, masks=(0xF800, 0x7E0, 0x1F), compression=3)
    yield "rgb24.bmp", bmp(scene, words(lambda x, y: pixel32(x, y)[:3]), 24)
    yield "rgb24-top-down.bmp", bmp(scene, words(lambda x, y: pixel32(x, y)[:3]), 24, top_down=True)
    yield "rgb32.bmp", bmp(scene, words(pixel32), 32)
    yield "rgb32-alpha.bmp", bmp(scene, words(pixel32), 32, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000), compression=3, header_size=108)


# JPEG and WebP

def saved(scene, mode, kind, **options):
    top = 255

    def pixel(x, y):
        numbers = scene.colour(x, y)
        if mode == "L":
            return scaled(numbers[:1], top)[0]
        if mode == "CMYK":
            black = 1 - max(numbers)
            return tuple(scaled([1 - number / (1 - black) if black < 1 else 0 for number in numbers] + [black], top))
        return tuple(scaled(numbers + ((scene.alpha(x, y),) if mode == "RGBA" else ()), top))

    image = Image.new(mode, (scene.width, scene.height))
    image.putdata([value for row in scene.grid(pixel) for value in row])
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def other_files(scene):
    yield "rgb-420.jpg", saved(scene, "RGB", "JPEG", quality=85, subsampling=2)
    yield "rgb-progressive.jpg", saved(scene, "RGB", "JPEG", quality=90, progressive=True, subsampling=1)
    yield "grey.jpg", saved(scene, "L", "JPEG", quality=85)
    cmyk = saved(scene, "CMYK", "JPEG", quality=92, subsampling=0)
    yield "cmyk.jpg", cmyk
    transform = cmyk.index(b"Adobe") + 11
    yield "ycck.jpg", cmyk[:transform] + b"\x02" + cmyk[transform + 1:]
    yield "cmyk-subsampled.jpg", saved(scene, "CMYK", "JPEG", quality=85, subsampling=2, progressive=True)
    yield "lossless-alpha.webp", saved(scene, "RGBA", "WEBP", lossless=True, exact=True)
    yield "lossless.webp", saved(scene, "RGB", "WEBP", lossless=True)
    yield "alpha.webp", saved(scene, "RGBA", "WEBP", quality=80)
    yield "alpha.ico", saved(scene, "RGBA", "ICO", sizes=[(scene.width, scene.height)])


def preprocessed(data, size):
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    scaled_size = (size, int(size * height / width)) if width <= height else (int(size * width / height), size)
    if scaled_size != image.size:
        image = image.resize(scaled_size, Image.BICUBIC)
    left, top = int(round((scaled_size[0] - size) / 2.0)), int(round((scaled_size[1] - size) / 2.0))
    image = image.crop((left, top, left + size, top + size)).convert("RGB")
    return b"".join(bytes(band.getdata()) for band in image.split())


def pictures(scenes):
    """Names, files and expected bytes."""
    warnings.simplefilter("ignore")
    for prefix, scene in scenes:
        for files in (png_files(scene), gif_files(scene), bmp_files(scene), other_files(scene)):
            for name, data in files:
                try:
                    yield prefix + name, data, preprocessed(data, SIZE)
                except OSError as error:
                    print(prefix + name, scene.width, scene.height, error)


# safetensors: the length of a JSON header, the header, the bytes

def read_tensors(path):
    data = path.read_bytes()
    length, = struct.unpack_from("<Q", data)
    header, values = json.loads(data[8:8 + length]), data[8 + length:]
    metadata = header.pop("__metadata__")
    return {name: values[slice(*entry["data_offsets"])] for name, entry in header.items()}, metadata


def write_tensors(path, tensors, kind, metadata, alignment=1):
    """tensors: names, sizes and bytes."""
    header, values = {"__metadata__": metadata}, b""
    for name, size, data in tensors:
        header[name] = {"dtype": kind, "shape": [3, size, size], "data_offsets": [len(values), len(values) + len(data)]}
        values += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % alignment)
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)


def write_pictures(folder, scenes):
    folder.mkdir(parents=True, exist_ok=True)
    expected = []
    for name, data, values in pictures(scenes):
        (folder / name).write_bytes(data)
        expected.append((name, SIZE, values))
    write_tensors(folder / "expected.safetensors", expected, "U8", {"pillow": PIL.__version__})


def compare_pictures(folder, scenes):
    """Prints how the files in the folder differ from those made now, and from what is expected of them; whether no value does."""
    expected, metadata = read_tensors(folder / "expected.safetensors")
    print(f"images-modes: recorded with Pillow {metadata['pillow']} - here {PIL.__version__}")
    made = {name: data for name, data, _ in pictures(scenes)}
    others = sorted(name for name in expected if (folder / name).read_bytes() != made.get(name))
    different = sorted(name for name, values in expected.items() if preprocessed((folder / name).read_bytes(), SIZE) != values)
    print(f"  {len(expected)} files, {len(others)} of them made with other bytes here {others or ''}")
    print(f"  {sum(map(len, expected.values())):,} expected values, {len(different)} files with others here {different or ''}")
    return not different and made.keys() == expected.keys()


# The photographs

def float32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


# Each step in float32, as PyTorch has it; a quotient of float32 numbers, rounded twice, is rounded as once.
NORMALIZED = [[float32(float32(float32(value / 255) - float32(mean)) / float32(std)) for value in range(256)]
              for mean, std in zip(MEAN, STD)]


def normalized(picture, size):
    pixels = preprocessed((PHOTOGRAPHS / picture).read_bytes(), size)
    plane = len(pixels) // 3
    return [NORMALIZED[i // plane][pixel] for i, pixel in enumerate(pixels)]


def named(name):
    """PICTURE@SIZE"""
    picture, size = name.split("@")
    return picture, int(size)


def write_photographs(path):
    recorded, metadata = read_tensors(path)
    tensors = []
    for name in recorded:
        values = normalized(*named(name))
        tensors.append((name, named(name)[1], struct.pack(f"<{len(values)}f", *values)))
    write_tensors(path, tensors, "F32", {**metadata, "pillow": PIL.__version__}, alignment=8)


def compare_photographs(path):
    """Prints, for each recorded picture, how many of its values differ; whether none does by a byte's step, 0.014 or more."""
    recorded, metadata = read_tensors(path)
    print(f"photographs: recorded with Pillow {metadata['pillow']} - here {PIL.__version__}")
    same = True
    for name, data in recorded.items():
        values = normalized(*named(name))
        differences = [abs(a - b) for a, b in zip(values, struct.unpack(f"<{len(values)}f", data))]
        same &= max(differences) < 1e-3
        print(f"  {name:21}{len(values):8,} values, {sum(d > 1e-3 for d in differences)} other bytes, "
              f"largest difference {max(differences):.1e}")
    return same


def random_scenes(count, seed):
    dice = random.Random(seed)
    for number in range(count):
        width, height = (dice.choice([1, 2, SIZE, dice.randint(3, 90), dice.randint(3, 90)]) for _ in range(2))
        blocks = dice.randint(1, 9), dice.randint(1, 9)
        yield f"{number}-", Scene(width, height, dice.uniform(0.3, 40), dice.randint(2, 20), blocks, dice.choice([0.5, 3, 100]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="compare what is there (the default)")
    ways.add_argument("--write", action="store_true", help="make it anew")
    ways.add_argument("--fuzz", type=int, metavar="COUNT", help="random pictures into FOLDER")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("folder", nargs="?", type=Path)
    options = parser.parse_args()
    if (options.folder is None) != (options.fuzz is None):
        parser.error("--fuzz and FOLDER go together")
    modes, photographs = GOLDEN / "images-modes", GOLDEN / "preprocess.expected.safetensors"
    if options.fuzz:
        write_pictures(options.folder, random_scenes(options.fuzz, options.seed))
    elif options.write:
        write_pictures(modes, SCENES)
        write_photographs(photographs)
    else:
        return 0 if all([compare_pictures(modes, SCENES), compare_photographs(photographs)]) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
