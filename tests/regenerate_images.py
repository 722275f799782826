"""Makes Golden/images-modes: small pictures in every mode and format, and what the original's preprocessing gives.

The original opens a picture with Pillow, resizes its shorter side to n (bicubic, in the file's own mode), crops the
centre and only then converts to RGB. Needs nothing but Python and Pillow (Debian: python3-pil):

    python3 tests/regenerate_images.py

The expected bytes (3 x n x n: planes of red, green and blue) were made with Pillow 9.4.0; the version is written into
the file. The inputs are written as their formats define them, by hand where Pillow writes no such file.
"""

import io
import json
import math
import struct
import warnings
import zlib
from pathlib import Path

import PIL
from PIL import Image

FOLDER = Path(__file__).parent / "HiMo.MLNet.Tests" / "Golden" / "images-modes"
SIZE = 16
WIDTH, HEIGHT = 37, 29


def colour(x, y, width=WIDTH, height=HEIGHT):
    """A picture with slopes, edges and fine stripes, as numbers of 0 to 1."""
    red, green, blue = x / width, y / height, 0.5 + 0.5 * math.sin(x * y / 9)
    if (x // 5 + y // 4) % 3 == 0:
        red, green, blue = 1 - red, 0.9 * blue, green
    if x % 9 == 0:
        blue = 1.0
    return red, green, blue


def alpha(x, y, width=WIDTH, height=HEIGHT):
    """A cut-out: a disc with a soft edge; the colours go on beneath."""
    distance = math.hypot(x - width / 2, y - height / 2) / min(width, height)
    return min(1.0, max(0.0, (0.45 - distance) * 6))


def grid(values, width=WIDTH, height=HEIGHT):
    return [[values(x, y) for x in range(width)] for y in range(height)]


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
        above = bytes(len(rows[0]))
        for number, row in enumerate(rows):
            data += filtered(row, above, max(1, len(pixels[0][0]) * depth // 8), number % 5)
            above = row
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + (chunk(b"PLTE", palette) if palette else b"")
            + (chunk(b"tRNS", transparency) if transparency else b"") + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def palette_of(count):
    return bytes(value for i in range(count) for value in (i * 37 % 256, i * 91 % 256, 255 - i * 53 % 256))


def indices(count, width=WIDTH, height=HEIGHT):
    return grid(lambda x, y: int(sum(colour(x, y, width, height)) / 3 * (count - 1) + 0.5), width, height)


def png_files():
    def samples(top, with_alpha=False, grey=False, width=WIDTH, height=HEIGHT):
        def pixel(x, y):
            numbers = colour(x, y, width, height)
            numbers = numbers[1:2] if grey else numbers
            return scaled(numbers + (alpha(x, y, width, height),) * with_alpha, top)
        return grid(pixel, width, height)

    def of_palette(count):
        return [[[index] for index in row] for row in indices(count)]

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
    yield "rgb8-alpha-not-resized.png", png(samples(255, with_alpha=True, width=SIZE, height=19), 8, 6)
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
    emit(table.get(string, string[0]))
    size += following + 1 > 1 << size and size < 12
    emit(clear + 1)
    result.append(held)
    blocks = b"".join(bytes([len(result[i:i + 255])]) + result[i:i + 255] for i in range(0, len(result), 255))
    return bytes([bits]) + blocks + b"\0"


def gif(bits, palette, screen=None, at=(0, 0), local=b"", transparent=None, interlaced=False, more=b""):
    rows = indices(1 << bits)
    if interlaced:
        rows = rows[0::8] + rows[4::8] + rows[2::4] + rows[1::2]

    def flags(colours):
        return 0x80 | (len(colours) // 3).bit_length() - 2 if colours else 0

    control = b"" if transparent is None else b"!\xf9\x04" + bytes([1, 0, 0, transparent]) + b"\0"
    return (b"GIF89a" + struct.pack("<HHBBB", *(screen or (WIDTH, HEIGHT)), flags(palette), 1, 0) + palette + control
            + b"," + struct.pack("<HHHHB", *at, WIDTH, HEIGHT, flags(local) | 0x40 * interlaced) + local
            + lzw([index for row in rows for index in row], bits) + more + b";")


def gif_files():
    greys = bytes(value for i in range(256) for value in (i, i, i))
    yield "palette.gif", gif(6, palette_of(64))
    yield "palette-interlaced.gif", gif(4, palette_of(16), interlaced=True)
    yield "grey-palette.gif", gif(8, greys)
    yield "no-palette.gif", gif(8, b"")
    yield "own-palette.gif", gif(5, palette_of(2), local=palette_of(32))
    yield "transparent.gif", gif(5, palette_of(32), transparent=9)
    yield "smaller-than-screen.gif", gif(5, palette_of(32), screen=(52, 40), at=(8, 3))
    yield "smaller-than-screen-transparent.gif", gif(5, palette_of(32), screen=(52, 40), at=(8, 3), transparent=20)
    yield "larger-than-screen.gif", gif(5, palette_of(32), screen=(20, 20), at=(3, 5))
    yield "palette-too-short.gif", gif(8, palette_of(64))
    second = b"," + struct.pack("<HHHHB", 2, 2, 1, 1, 0) + lzw([3], 4)
    yield "animation.gif", gif(4, palette_of(16), more=second)


# BMP

def bmp(rows, bits, palette=b"", count=0, masks=(), compression=0, top_down=False, header_size=40):
    data = rows if isinstance(rows, bytes) else b"".join(row + bytes(-len(row) % 4) for row in rows[::1 if top_down else -1])
    masked = b"".join(struct.pack("<I", mask) for mask in masks)
    extra = masked + bytes(header_size - 40 - len(masked)) if header_size > 40 else b""
    outside = b"" if header_size > 40 else masked
    offset = 14 + header_size + len(outside) + len(palette)
    height = -HEIGHT if top_down else HEIGHT
    header = struct.pack("<IiiHHIIiiII", header_size, WIDTH, height, 1, bits, compression, len(data), 0, 0, count, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + extra + outside + palette + data


def bmp_files():
    def colours(count):
        entries = palette_of(count)
        return b"".join(entries[i:i + 3] + b"\0" for i in range(0, len(entries), 3))

    def of_palette(bits, count=0):
        return [packed(row, bits) for row in indices(count or 1 << bits)]

    def words(pack):
        return [b"".join(pack(x, y) for x in range(WIDTH)) for y in range(HEIGHT)]

    def pixel16(bits):
        def pack(x, y):
            number = 0
            for value, depth in zip(colour(x, y), bits):
                number = number << depth | round(value * ((1 << depth) - 1))
            return struct.pack("<H", number)
        return pack

    def pixel32(x, y):
        red, green, blue = scaled(colour(x, y), 255)
        return bytes([blue, green, red, round(alpha(x, y) * 255)])

    greys = b"".join(bytes([i, i, i, 0]) for i in range(256))
    packed8 = b"".join(b"".join(bytes([1, index]) for index in row) + b"\0\0" for row in indices(64)[::-1]) + b"\0\1"
    yield "black-and-white.bmp", bmp(of_palette(1), 1, b"\0\0\0\0\xff\xff\xff\0")
    yield "palette1.bmp", bmp(of_palette(1), 1, colours(2))
    yield "palette4.bmp", bmp(of_palette(4), 4, colours(16))
    yield "palette8.bmp", bmp(of_palette(8), 8, colours(256))
    yield "palette8-too-short.bmp", bmp(of_palette(8), 8, colours(90), 90)
    yield "palette8-packed.bmp", bmp(packed8, 8, colours(64), 64, compression=1)
    yield "grey8.bmp", bmp(of_palette(8), 8, greys)
    yield "rgb555.bmp", bmp(words(pixel16((5, 5, 5))), 16)
    yield "rgb565.bmp", bmp(words(pixel16((5, 6, 5))), 16, masks=(0xF800, 0x7E0, 0x1F), compression=3)
    yield "rgb24.bmp", bmp(words(lambda x, y: pixel32(x, y)[:3]), 24)
    yield "rgb24-top-down.bmp", bmp(words(lambda x, y: pixel32(x, y)[:3]), 24, top_down=True)
    yield "rgb32.bmp", bmp(words(pixel32), 32)
    yield "rgb32-alpha.bmp", bmp(words(pixel32), 32, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000), compression=3, header_size=108)


# JPEG and WebP

def saved(mode, kind, **options):
    top = 255

    def pixel(x, y):
        numbers = colour(x, y)
        if mode == "L":
            return scaled(numbers[:1], top)[0]
        if mode == "CMYK":
            black = 1 - max(numbers)
            return tuple(scaled([1 - number / (1 - black) if black < 1 else 0 for number in numbers] + [black], top))
        return tuple(scaled(numbers + ((alpha(x, y),) if mode == "RGBA" else ()), top))

    image = Image.new(mode, (WIDTH, HEIGHT))
    image.putdata([pixel(x, y) for y in range(HEIGHT) for x in range(WIDTH)])
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def other_files():
    yield "rgb-420.jpg", saved("RGB", "JPEG", quality=85, subsampling=2)
    yield "rgb-progressive.jpg", saved("RGB", "JPEG", quality=90, progressive=True, subsampling=1)
    yield "grey.jpg", saved("L", "JPEG", quality=85)
    cmyk = saved("CMYK", "JPEG", quality=92, subsampling=0)
    yield "cmyk.jpg", cmyk
    transform = cmyk.index(b"Adobe") + 11
    yield "ycck.jpg", cmyk[:transform] + b"\x02" + cmyk[transform + 1:]
    yield "cmyk-subsampled.jpg", saved("CMYK", "JPEG", quality=85, subsampling=2, progressive=True)
    yield "lossless-alpha.webp", saved("RGBA", "WEBP", lossless=True, exact=True)
    yield "lossless.webp", saved("RGB", "WEBP", lossless=True)
    yield "alpha.webp", saved("RGBA", "WEBP", quality=80)
    yield "alpha.ico", saved("RGBA", "ICO", sizes=[(WIDTH, HEIGHT)])


def preprocessed(data, size):
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    scaled_size = (size, int(size * height / width)) if width <= height else (int(size * width / height), size)
    if scaled_size != image.size:
        image = image.resize(scaled_size, Image.BICUBIC)
    left, top = int(round((scaled_size[0] - size) / 2.0)), int(round((scaled_size[1] - size) / 2.0))
    image = image.crop((left, top, left + size, top + size)).convert("RGB")
    return b"".join(bytes(band.getdata()) for band in image.split())


def main():
    warnings.simplefilter("ignore")
    FOLDER.mkdir(exist_ok=True)
    header, values = {"__metadata__": {"pillow": PIL.__version__}}, b""
    for files in (png_files(), gif_files(), bmp_files(), other_files()):
        for name, data in files:
            (FOLDER / name).write_bytes(data)
            expected = preprocessed(data, SIZE)
            header[name] = {"dtype": "U8", "shape": [3, SIZE, SIZE], "data_offsets": [len(values), len(values) + len(expected)]}
            values += expected
    text = json.dumps(header).encode()
    (FOLDER / "expected.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + values)


if __name__ == "__main__":
    main()
