#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Renders the digits 0 to 9 with Debian's fonts, spoils them, and writes
#   calib/NNN-L.png   100 images for calibration, L = the digit
#   test.npz          1,000 images: image uint8 (1000,1,28,28), label uint8
#   train.npz         40,000 images for train.py (not kept in git)
# Three random streams with fixed seeds: no image is in two sets, and the
# same fonts and libraries give the same bytes.
# needs: python3-pil python3-numpy fonts-dejavu-core fonts-dejavu-extra
#        fonts-freefont-ttf fonts-liberation fonts-roboto-unhinted
import math
import os
import shutil
import sys
import zipfile

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 28
ZOOM = 4                        # drawn at 112x112, then averaged down
TTF = "/usr/share/fonts/truetype/"
ROBOTO = "roboto/unhinted/RobotoTTF/Roboto-"
FONTS = [
    "dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf",
    "dejavu/DejaVuSans-ExtraLight.ttf", "dejavu/DejaVuSans-Oblique.ttf",
    "dejavu/DejaVuSansCondensed.ttf", "dejavu/DejaVuSansMono.ttf",
    "dejavu/DejaVuSerif.ttf", "dejavu/DejaVuSerif-BoldItalic.ttf",
    "freefont/FreeMono.ttf", "freefont/FreeMonoBold.ttf",
    "freefont/FreeSans.ttf", "freefont/FreeSansBoldOblique.ttf",
    "freefont/FreeSerif.ttf", "freefont/FreeSerifItalic.ttf",
    "liberation/LiberationMono-Regular.ttf",
    "liberation/LiberationMono-BoldItalic.ttf",
    "liberation/LiberationSans-Regular.ttf",
    "liberation/LiberationSans-Bold.ttf",
    "liberation/LiberationSerif-Regular.ttf",
    "liberation/LiberationSerif-Italic.ttf",
    ROBOTO + "Thin.ttf", ROBOTO + "LightItalic.ttf",
    ROBOTO + "Regular.ttf", ROBOTO + "Black.ttf",
]
fonts = {}


def font(path, size):
    if (path, size) not in fonts:
        fonts[path, size] = ImageFont.truetype(TTF + path, size)
    return fonts[path, size]


def glyph(rng, digit):
    """Coverage of one distorted digit: float (28,28), 0 to 1."""
    side = SIDE * ZOOM
    f = font(FONTS[rng.integers(len(FONTS))], int(rng.integers(17, 29)) * ZOOM)
    im = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(im)
    left, top, right, bottom = draw.textbbox((0, 0), str(digit), font=f)
    draw.text(((side - left - right) / 2, (side - top - bottom) / 2),
              str(digit), fill=255, font=f)

    turn = math.radians(rng.normal(0, 9))
    shear = rng.normal(0, 0.15)
    wide, high = rng.uniform(0.8, 1.2, 2)
    dx, dy = rng.normal(0, 1.6 * ZOOM, 2)
    c, s = math.cos(turn), math.sin(turn)
    a, b = c / wide, (s + shear * c) / wide     # output to input pixels
    d, e = -s / high, (c - shear * s) / high
    m = side / 2
    im = im.transform((side, side), Image.Transform.AFFINE,
                      (a, b, m - a * (m + dx) - b * (m + dy),
                       d, e, m - d * (m + dx) - e * (m + dy)),
                      Image.Resampling.BILINEAR)
    im = im.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2) * ZOOM))
    im = im.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(im, dtype=np.float64) / 255


def render(rng, digit):
    """One picture: uint8 (28,28), 16 gray levels (0, 17, ... 255)."""
    cover = glyph(rng, digit)
    contrast = rng.uniform(45, 200)
    back = rng.uniform(0, 255 - contrast)
    if rng.random() < 0.5:                      # dark on light
        back, contrast = back + contrast, -contrast
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1) - 0.5
    gx, gy = rng.normal(0, 20, 2)               # uneven light
    noise = rng.normal(0, rng.uniform(0, 14), (SIDE, SIDE))
    value = back + contrast * cover + gx * x + gy * y + noise
    return (np.rint(np.clip(value, 0, 255) / 17) * 17).astype(np.uint8)


def make(seed, count):
    rng = np.random.Generator(np.random.PCG64(seed))
    label = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    image = np.stack([render(rng, int(d)) for d in label])[:, None]
    return image, label


def write_npz(path, **arrays):
    """np.savez_compressed, but smaller (level 9)."""
    with zipfile.ZipFile(path, "w", compresslevel=9) as z:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(name + ".npy")      # dated 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            with z.open(entry, "w") as f:
                np.lib.format.write_array(f, array)


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else "."
    image, label = make(1, 100)
    shutil.rmtree(os.path.join(out, "calib"), ignore_errors=True)
    os.makedirs(os.path.join(out, "calib"))
    for i, (im, digit) in enumerate(zip(image, label)):
        Image.fromarray(im[0]).save(
            os.path.join(out, "calib", "%03d-%d.png" % (i, digit)), optimize=True)
    image, label = make(2, 1000)
    write_npz(os.path.join(out, "test.npz"), image=image, label=label)
    image, label = make(3, 40000)
    write_npz(os.path.join(out, "train.npz"), image=image, label=label)


main()
