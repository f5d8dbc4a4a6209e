#!/usr/bin/python3
# Makes the folder of images that tests/calpack.bats compares with OpenCV: every variant of every format
# that dopt-calset(5) names, written by PIL, OpenCV, ImageMagick's convert and libtiff's tools.
#
#   tests/corpus.py FOLDER
# SPDX-License-Identifier: Apache-2.0
import os, struct, subprocess, sys, zlib
import cv2, numpy as np
from PIL import Image

os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
r = np.random.RandomState(1)
base = cv2.resize(r.randint(0, 256, (9, 12, 3), np.uint8), (61, 37), interpolation=cv2.INTER_CUBIC)
rgb = Image.fromarray(base)
gray = rgb.convert('L')
alpha = rgb.convert('RGBA')
alpha.putalpha(Image.fromarray(r.randint(0, 256, (37, 61), np.uint8)))
deep = r.randint(0, 65536, (20, 21, 4)).astype(np.uint16)
flat = Image.fromarray((base // 64 * 64).astype(np.uint8))  # runs, few colors
rgb.save('.rgb.png'); alpha.save('.rgba.png'); gray.save('.gray.png'); flat.save('.flat.png')


def convert(*args):
    subprocess.run(['convert', *args], check=True)


def exif(o):
    e = Image.Exif()
    e[0x112] = o
    return e.tobytes()


# ---- JPEG
for o in range(1, 9):
    rgb.save(f'exif{o}.jpg', exif=exif(o))
for o in 0, 9:
    rgb.save(f'exifbad{o}.jpg', exif=exif(o))
for s in 0, 1, 2:
    for p in False, True:
        rgb.save(f'sub{s}{"p" if p else ""}.jpeg', subsampling=s, progressive=p, quality=60 + 15 * s)
for q in 1, 30, 100:
    gray.save(f'gray{q}.jpe', quality=q)
rgb.convert('CMYK').save('cmyk.jpg'); rgb.convert('CMYK').save('cmykp.JPG', progressive=True)
convert('.rgb.png', '-colorspace', 'CMYK', 'cmykim.jpg')
convert('.rgb.png', '-sampling-factor', '4x1', 'sub411.JPEG'); convert('.rgb.png', '-sampling-factor', '1x2', 'sub440.JPE')
convert('.rgb.png', '-interlace', 'plane', '-quality', '70', 'plane.jpg'); convert('.rgb.png', '-colorspace', 'RGB', 'linear.jpg')
for w, h in (1, 1), (7, 9), (8, 8), (16, 15), (17, 33):
    rgb.resize((w, h)).save(f'size{w}x{h}.jpg')
cv2.imwrite('restart.jpg', base, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]); cv2.imwrite('optimized.jpg', base, [cv2.IMWRITE_JPEG_OPTIMIZE, 1])

# ---- PNG
for o in range(1, 9):
    rgb.save(f'exif{o}.png', exif=exif(o))
for m, im in ('rgb', rgb), ('l', gray), ('p', rgb.convert('P')), ('bits', rgb.convert('1')), ('rgba', alpha), ('la', alpha.convert('LA')):
    im.save(f'{m}.png')
    im.save(f'.{m}.tmp.png')
    convert(f'.{m}.tmp.png', '-interlace', 'PNG', f'{m}i.PNG')
rgb.convert('P').save('ptrns.png', transparency=3); rgb.save('trns.png', transparency=(1, 2, 3)); gray.save('ltrns.png', transparency=9)
for n in 2, 4, 16:
    rgb.quantize(n).save(f'pal{n}.png', bits={2: 1, 4: 2, 16: 4}[n])
for n in 1, 3, 4:
    cv2.imwrite(f'deep{n}.png', deep[:, :, :n])
for d in 1, 2, 4, 8, 16:
    convert('.gray.png', '-depth', str(d), '-define', f'png:bit-depth={d}', '-define', 'png:color-type=0', f'depth{d}.png')
convert('.rgb.png', '-depth', '16', '-interlace', 'PNG', '-define', 'png:bit-depth=16', 'deepi.png')
convert('.rgba.png', '-define', 'png:bit-depth=16', '-define', 'png:color-type=6', 'deepa.png')
convert('.rgba.png', '-colorspace', 'Gray', '-define', 'png:bit-depth=16', '-define', 'png:color-type=4', 'deepla.png')
for f in range(5):
    convert('.rgb.png', '-quality', str(90 + f), f'filter{f}.png')
for w in 1, 2, 3, 5:
    rgb.resize((w, 7)).save(f'.w{w}.tmp.png')
    convert(f'.w{w}.tmp.png', '-interlace', 'PNG', f'narrow{w}.png')
convert('.rgb.png', '-gamma', '1.8', '-set', 'gamma', '0.5', 'gamma.png')

# ---- BMP, by hand where no tool writes it
for m, im in ('rgb', rgb), ('l', gray), ('p', rgb.convert('P')), ('bits', rgb.convert('1')), ('rgba', alpha):
    im.save(f'{m}.bmp')
convert('.rgb.png', 'bmp2:os2.bmp'); convert('.rgb.png', 'bmp3:v3.bmp'); convert('.rgba.png', 'bmp:v5.dib'); convert('.rgb.png', 'v4.bmp'); convert('.rgb.png', '-colors', '16', 'bmp3:im16.BMP')
convert('.rgb.png', '-define', 'bmp:subtype=RGB565', 'rgb565.bmp'); convert('.rgb.png', '-define', 'bmp:subtype=RGB555', 'rgb555.bmp')
convert('.flat.png', '-compress', 'RLE', '-colors', '200', 'bmp3:rle8im.bmp'); convert('.gray.png', '-compress', 'RLE', 'bmp3:rle8gray.DIB')


def bmp(name, width, height, bits, pixels, compression=0, colors=b'', masks=b'', head=40):
    offset = 14 + head + len(masks) + len(colors)
    h = struct.pack('<IiiHHIIiiII', head, width, height, 1, bits, compression, len(pixels), 0, 0, len(colors) // 4, 0)
    h += bytes(head - 40)
    with open(name, 'wb') as f:
        f.write(b'BM' + struct.pack('<IHHI', offset + len(pixels), 0, 0, offset) + h + masks + colors + pixels)


pal = lambda n: r.randint(0, 256, (n, 4), np.uint8).tobytes()
row = lambda bits, w=13: (w * bits + 31) // 32 * 4
for bits in 1, 4, 8, 16, 24, 32:
    for h in 9, -9:
        bmp(f'hand{bits}{"d" if h < 0 else ""}.bmp', 13, h, bits, r.randint(0, 256, 9 * row(bits), np.uint8).tobytes(),
            colors=pal(1 << bits) if bits <= 8 else b'')
bmp('short4.bmp', 13, 9, 4, r.randint(0, 256, 9 * row(4), np.uint8).tobytes(), colors=pal(5))
bmp('short8.bmp', 13, 9, 8, r.randint(0, 256, 9 * row(8), np.uint8).tobytes(), colors=pal(77))
for n, m in ('555', (0x7c00, 0x3e0, 0x1f)), ('565', (0xf800, 0x7e0, 0x1f)):
    bmp(f'mask{n}.bmp', 13, 9, 16, r.randint(0, 256, 9 * row(16), np.uint8).tobytes(), 3, masks=struct.pack('<3I', *m))
bmp('maskswap16.bmp', 13, 9, 16, r.randint(0, 256, 9 * row(16), np.uint8).tobytes(), 3, masks=struct.pack('<3I', 0x1f, 0x7e0, 0xf800))
for n, m in ('bgr', (0xff0000, 0xff00, 0xff)), ('swap', (0xff, 0xff00, 0xff0000)), ('high', (0xff000000, 0xff0000, 0xff00)):
    bmp(f'mask32{n}.bmp', 13, 9, 32, r.randint(0, 256, 9 * row(32), np.uint8).tobytes(), 3, masks=struct.pack('<3I', *m))
bmp('head64.bmp', 13, 9, 24, r.randint(0, 256, 9 * row(24), np.uint8).tobytes(), head=64)
for i, h in enumerate((6, 6, 6, -6)):  # runs, literals, jumps, lines that end early
    code = b''
    for y in range(6):
        x = 0
        while x < 20:
            k = r.randint(0, 4)
            n = min(20 - x, r.randint(1, 12))
            if k == 0 and n >= 3:
                code += bytes([0, n]) + r.randint(0, 256, n, np.uint8).tobytes() + bytes(n % 2)
            elif k == 1 and i > 0 and y < 5:
                code += bytes([0, 2, n, 0])
            elif k == 2 and i > 1:
                break
            else:
                code += bytes([n, r.randint(0, 256)])
            x += n
        code += b'\0\0'
    bmp(f'rle8{i}.bmp', 20, h, 8, code + b'\0\1', 1, pal(256))
    code = b''
    for y in range(6):
        x = 0
        while x < 20:
            k = r.randint(0, 4)
            n = min(20 - x, r.randint(1, 12))
            if k == 0 and n >= 3:
                size = (n + 1) // 2
                code += bytes([0, n]) + r.randint(0, 256, size, np.uint8).tobytes() + bytes(size % 2)
            elif k == 1 and i > 0 and x + n < 20:
                code += bytes([0, 2, n, 0])
            elif k == 2 and i > 1:
                break
            else:
                code += bytes([n, r.randint(0, 256)])
            x += n
        code += b'\0\0'
    bmp(f'rle4{i}.bmp', 20, h, 4, code + b'\0\1', 2, pal(16))
bmp('rle8jump.bmp', 20, 6, 8, bytes([5, 1, 0, 2, 3, 2, 4, 7, 0, 0, 0, 1]), 1, pal(256))
bmp('rle8early.bmp', 20, 6, 8, bytes([5, 1, 0, 1]), 1, pal(256))
bmp('rle8over.bmp', 20, 6, 8, bytes([25, 1, 0, 1]), 1, pal(256))
bmp('rle4early.bmp', 20, 6, 4, bytes([5, 0x12, 0, 1]), 2, pal(16))
bmp('bits2.bmp', 13, 9, 2, r.randint(0, 256, 9 * row(2), np.uint8).tobytes(), colors=pal(4))

# ---- PNM
for mx in 1, 7, 100, 255, 256, 1000, 65535:
    for k, (kind, shape) in enumerate((('pgm', (9, 11)), ('ppm', (9, 11, 3)))):
        a = r.randint(0, mx + 1, shape)
        with open(f't{mx}.{kind}', 'w') as f:
            f.write('P%d # c\n11 9\n%d\n' % (2 + k, mx) + ' '.join(map(str, a.reshape(-1))) + '\n')
        with open(f'b{mx}.{kind}', 'wb') as f:
            f.write(b'P%d 11 9 %d\n' % (5 + k, mx) + a.astype('>u2' if mx > 255 else 'u1').tobytes())
rgb.convert('1').save('raw.pbm'); convert('.rgb.png', '-compress', 'none', 'text.PPM'); convert('.gray.png', 'im.PGM')
for n, t in ('spaced', 'P1\n4 2\n0 1 0 1 1 1 0 0\n'), ('tight', 'P1\n4 2\n01011100\n'), ('comment', 'P1 # a\n# b\n4 2 # c\n01011100\n'), ('over', 'P2 2 2 9 3 99 1 2\n'), \
        ('nonzero', 'P1\n4 1\n2 0 1 9'), ('anyend', 'P2 2 2 9x3;9,1 2\n'), ('last', 'P3 1 1 9 1 2 3!'), ('max', 'P2 2 1 9 3 2147483647\n'), \
        ('endless', 'P2 2 1 9 3 4'), ('endless3', 'P3 1 1 9 1 2 3'), ('glued', 'P22 1 9 3 4\n'), ('glued5', 'P52 1 9 ab'), ('hash', 'P2 2 1 9 3#c\n4\n'), ('huge', 'P2 2 1 9 3 2147483648\n'):
    open(f'{n}.pbm', 'w').write(t)

# ---- WebP
for q in 1, 50, 100:
    rgb.save(f'lossy{q}.webp', quality=q)
    alpha.save(f'lossya{q}.webp', quality=q)
rgb.save('lossless.webp', lossless=True); alpha.save('losslessa.webp', lossless=True); gray.save('gray.webp'); gray.save('grayl.WEBP', lossless=True)
rgb.convert('P').save('pal.webp', lossless=True); rgb.resize((1, 1)).save('one.webp'); rgb.resize((16, 33)).save('odd.webp', method=6)
rgb.save('exif6.webp', exif=exif(6)); alpha.save('near.webp', lossless=True, quality=10, exact=True); cv2.imwrite('cv.webp', base, [cv2.IMWRITE_WEBP_QUALITY, 80])
rgb.save('anim.webp', save_all=True, append_images=[flat], duration=100)

# ---- TIFF
for c in None, 'tiff_lzw', 'tiff_adobe_deflate', 'tiff_deflate', 'packbits':
    for m, im in ('rgb', rgb), ('l', gray), ('rgba', alpha):
        im.save(f'{m}{c or ""}.tif', compression=c)
rgb.save('jpeg.tif', compression='jpeg', quality=80); gray.save('jpegl.tif', compression='jpeg')
for m, im in ('p', rgb.convert('P')), ('bits', rgb.convert('1')), ('cmyk', rgb.convert('CMYK')), ('la', alpha.convert('LA')), ('lab', rgb.convert('LAB')), ('ycc', rgb.convert('YCbCr')):
    im.save(f'{m}.tiff')
for c in 'group3', 'group4', 'tiff_ccitt':
    rgb.convert('1').save(f'{c}.tif', compression=c)
for n in 1, 3, 4:
    cv2.imwrite(f'deep{n}.tiff', deep[:, :, :n])
cv2.imwrite('cv.TIF', base); cv2.imwrite('signed.tiff', base.astype(np.float32) / 255)
gray.convert('F').save('float32.tif'); gray.convert('I').save('int32.tif'); Image.fromarray(deep[:, :, 0]).save('deep.tif')
for name, im in ('rgb', '.rgb.png'), ('gray', '.gray.png'), ('rgba', '.rgba.png'):
    for c in 'None', 'LZW', 'Zip', 'JPEG' if name != 'rgba' else 'RLE':
        convert(im, '-compress', c, f'im{name}{c}.TIFF')
convert('.rgb.png', '-depth', '16', 'im16.tif'); convert('.gray.png', '-depth', '16', 'im16l.tif'); convert('.rgba.png', '-depth', '16', 'im16a.tif'); convert('.rgb.png', '-colorspace', 'CMYK', '-depth', '16', 'im16cmyk.tif')
convert('.rgb.png', '-endian', 'MSB', 'msb.tif'); convert('.rgb.png', '-depth', '16', '-endian', 'MSB', 'msb16.tif'); convert('.rgb.png', '-interlace', 'plane', 'planar.tif')
for d in 1, 2, 4:
    convert('.gray.png', '-depth', str(d), f'depth{d}.tif')
convert('.rgb.png', '-colors', '16', '-type', 'Palette', '-depth', '4', 'pal4.tif'); convert('.gray.png', '-define', 'quantum:polarity=min-is-white', 'white.tif')
convert('.rgb.png', 'tiff64:big.tif'); convert('.rgb.png', '.flat.png', 'pages.tif')
for i, o in enumerate('top-left top-right bottom-right bottom-left left-top right-top right-bottom left-bottom'.split()):
    convert('.rgb.png', '-orient', o, f'orient{i + 1}.tif')
    subprocess.run(['tiffcp', '-t', '-w', '16', '-l', '32', f'orient{i + 1}.tif', f'orient{i + 1}tiled.tif'], check=True)
    subprocess.run(['tiffcp', '-r', '7', '-c', 'lzw', f'orient{i + 1}.tif', f'orient{i + 1}strips.tif'], check=True)
    if i in (0, 1, 5):
        convert('.gray.png', '-depth', '16', '-orient', o, f'deeporient{i + 1}.tif')
for n, a in ('tiled', ('-t', '-w', '32', '-l', '16')), ('strips', ('-r', '5')), ('tiledzip', ('-t', '-w', '16', '-l', '16', '-c', 'zip')), ('separate', ('-p', 'separate')), \
        ('lsb', ('-f', 'lsb2msb')), ('biendian', ('-B',)), ('jpegtiles', ('-c', 'jpeg:r', '-t', '-w', '32', '-l', '32')), ('predicted', ('-c', 'lzw:2')), ('zip3', ('-c', 'zip:2:p9')):
    subprocess.run(['tiffcp', *a, 'rgb.tif', f'cp{n}.tif'], check=True)
subprocess.run(['tiffcp', '-8', 'rgb.tif', 'cpbig.tif'], check=True); subprocess.run(['tiffcp', '-t', '-w', '16', '-l', '16', 'p.tiff', 'cppal.tif'], check=True)
for d in '.rgb.png', '.rgba.png', '.gray.png', '.flat.png':
    os.unlink(d)
for f in os.listdir():
    if f.startswith('.'):
        os.unlink(f)
