"""Makes Golden/images-modes: small pictures in every mode and format, and what the original's preprocessing gives.

The original opens a picture with Pillow, resizes its shorter side to n (bicubic, in the file's own mode), crops the
centre and only then converts to RGB. Needs nothing but Python and Pillow (Debian: python3-pil):

    python3 tests/regenerate/images.py

The expected bytes (3 x n x n: planes of red, green and blue) were made with Pillow 9.4.0; the version is written into
the file. The inputs are written as their formats define them, by hand where Pillow writes no such file.

Other sizes and pictures, as many as wanted, for a test run with HIMO_IMAGE_CASES=FOLDER:

    python3 tests/regenerate/images.py --fuzz 50 --seed 1 FOLDER

The photographs in Golden/images, against the values in Golden/preprocess.expected.safetensors; writes nothing, ends with 1
where one differs:

    python3 tests/regenerate/images.py --photographs
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

GOLDEN = Path(__file__).parent.parent / "HiMo.MLNet.Tests" / "Golden" / "images-modes"
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


def write(folder, scenes):
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    header, values = {"__metadata__": {"pillow": PIL.__version__}}, b""
    for prefix, scene in scenes:
        for files in (png_files(scene), gif_files(scene), bmp_files(scene), other_files(scene)):
            for name, data in files:
                name = prefix + name
                try:
                    expected = preprocessed(data, SIZE)
                except OSError as error:
                    print(name, scene.width, scene.height, error)
                    continue
                (folder / name).write_bytes(data)
                header[name] = {"dtype": "U8", "shape": [3, SIZE, SIZE], "data_offsets": [len(values), len(values) + len(expected)]}
                values += expected
    text = json.dumps(header).encode()
    (folder / "expected.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + values)


def random_scenes(count, seed):
    dice = random.Random(seed)
    for number in range(count):
        width, height = (dice.choice([1, 2, SIZE, dice.randint(3, 90), dice.randint(3, 90)]) for _ in range(2))
        blocks = dice.randint(1, 9), dice.randint(1, 9)
        yield f"{number}-", Scene(width, height, dice.uniform(0.3, 40), dice.randint(2, 20), blocks, dice.choice([0.5, 3, 100]))


def compare_photographs(folder):
    """Prints, for each recorded picture, how many of its bytes differ; whether none does."""
    data = (folder / "preprocess.expected.safetensors").read_bytes()
    length, = struct.unpack_from("<Q", data)
    header, same = json.loads(data[8:8 + length]), True
    print("recorded with Pillow", header.pop("__metadata__")["pillow"], "- here", PIL.__version__)
    for picture, entry in header.items():
        name, size = picture.split("@")
        pixels = preprocessed((folder / "images" / name).read_bytes(), int(size))
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        recorded = struct.unpack(f"<{len(pixels)}f", data[start:end])
        plane = len(pixels) // 3
        expected = [(pixel / 255 - MEAN[i // plane]) / STD[i // plane] for i, pixel in enumerate(pixels)]
        # A step of one byte is 0.014 or more.
        largest = max(abs(value - other) for value, other in zip(expected, recorded))
        different = sum(abs(value - other) > 1e-3 for value, other in zip(expected, recorded))
        same &= different == 0
        print(f"{picture:22}{different:7} of {len(pixels):7} bytes differ; largest difference when normalised {largest:.1e}")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=GOLDEN)
    parser.add_argument("--fuzz", type=int, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--photographs", action="store_true")
    options = parser.parse_args()
    if options.photographs:
        sys.exit(0 if compare_photographs(GOLDEN.parent) else 1)
    write(options.folder, random_scenes(options.fuzz, options.seed) if options.fuzz else [("", Scene(37, 29))])


if __name__ == "__main__":
    main()
