// SPDX-License-Identifier: Apache-2.0
// Reads and writes numpy's .npy and .npz. An array is
//   { dtype: 'float32', shape: [2, 3], data: TypedArray }
// in C order; float16 is a Uint16Array of bits, bool a Uint8Array of 0 and 1.
// Read: stored and deflated zip entries, zip64, npy 1.0 to 3.0. Written:
// stored entries, npy 1.0. Nothing but node's own modules.
'use strict';
const fs = require('fs');
const zlib = require('zlib');

// dtype: [numpy's descr, its typed array]
const DTYPES = {
  float32: ['<f4', Float32Array], float64: ['<f8', Float64Array],
  float16: ['<f2', Uint16Array], int64: ['<i8', BigInt64Array],
  uint64: ['<u8', BigUint64Array], int32: ['<i4', Int32Array],
  uint32: ['<u4', Uint32Array], int16: ['<i2', Int16Array],
  uint16: ['<u2', Uint16Array], int8: ['|i1', Int8Array],
  uint8: ['|u1', Uint8Array], bool: ['|b1', Uint8Array],
};
const count = (shape) => shape.reduce((a, b) => a * b, 1);

// ---- reading

function readAt(fd, pos, size) {
  const buf = Buffer.allocUnsafeSlow(size);
  for (let got = 0; got < size;) {
    const n = fs.readSync(fd, buf, got, Math.min(size - got, 1 << 30), pos + got);
    if (n === 0) throw new Error('file ends too early');
    got += n;
  }
  return buf;
}

function parseNpy(buf, what) {
  if (buf.length < 10 || buf.toString('latin1', 0, 6) !== '\x93NUMPY')
    throw new Error(`${what}: not a .npy file`);
  const wide = buf[6] >= 2;
  const start = wide ? 12 : 10;
  const body = start + (wide ? buf.readUInt32LE(8) : buf.readUInt16LE(8));
  const head = buf.toString('latin1', start, body);
  const descr = /'descr': *'([^']*)'/.exec(head);
  const shapeText = /'shape': *\(([^)]*)\)/.exec(head);
  if (!descr || !shapeText) throw new Error(`${what}: unreadable header ${head}`);
  const shape = shapeText[1].split(',').map((s) => s.trim()).filter(Boolean).map(Number);
  if (/'fortran_order': *True/.test(head) && shape.length > 1)
    throw new Error(`${what}: Fortran order, save np.ascontiguousarray() of it`);
  const dtype = Object.keys(DTYPES).find((d) => DTYPES[d][0] === descr[1]);
  if (!dtype) throw new Error(`${what}: dtype ${descr[1]} is not supported`);
  const Type = DTYPES[dtype][1];
  const n = count(shape);
  const size = n * Type.BYTES_PER_ELEMENT;
  if (buf.length - body < size)
    throw new Error(`${what}: ${buf.length - body} bytes of data, ${size} expected`);
  let at = buf.byteOffset + body;
  let whole = buf.buffer;
  if (at % Type.BYTES_PER_ELEMENT) {
    whole = whole.slice(at, at + size);
    at = 0;
  }
  return { dtype, shape, data: new Type(whole, at, n) };
}

// The zip's central directory: [{ name, method, packed, offset }]
function zipEntries(fd, path) {
  const size = fs.fstatSync(fd).size;
  const tailSize = Math.min(size, 65557);
  const tail = readAt(fd, size - tailSize, tailSize);
  const eocd = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (eocd < 0) throw new Error(`${path}: not a .npz file (no end of a zip)`);
  let n = tail.readUInt16LE(eocd + 10);
  let dirSize = tail.readUInt32LE(eocd + 12);
  let dirPos = tail.readUInt32LE(eocd + 16);
  const locator = tail.lastIndexOf('PK\x06\x07', eocd, 'latin1');
  if (locator >= 0) {
    const end = readAt(fd, Number(tail.readBigUInt64LE(locator + 8)), 56);
    n = Number(end.readBigUInt64LE(32));
    dirSize = Number(end.readBigUInt64LE(40));
    dirPos = Number(end.readBigUInt64LE(48));
  }
  const dir = readAt(fd, dirPos, dirSize);
  const entries = [];
  for (let p = 0; n > 0; n--) {
    const [nameLen, extraLen, commentLen] = [28, 30, 32].map((o) => dir.readUInt16LE(p + o));
    const e = { method: dir.readUInt16LE(p + 10), packed: dir.readUInt32LE(p + 20),
      size: dir.readUInt32LE(p + 24), offset: dir.readUInt32LE(p + 42),
      name: dir.toString('utf8', p + 46, p + 46 + nameLen) };
    const extraEnd = p + 46 + nameLen + extraLen;
    for (let x = p + 46 + nameLen; x + 4 <= extraEnd; x += 4 + dir.readUInt16LE(x + 2)) {
      if (dir.readUInt16LE(x) !== 1) continue;
      let v = x + 4;
      for (const key of ['size', 'packed', 'offset']) {
        if (e[key] !== 0xffffffff) continue;
        e[key] = Number(dir.readBigUInt64LE(v));
        v += 8;
      }
    }
    entries.push(e);
    p = extraEnd + commentLen;
  }
  return entries;
}

// { name: array } of an .npz; a .npy gives { '': array }.
function read(path) {
  const fd = fs.openSync(path, 'r');
  try {
    const magic = fs.fstatSync(fd).size >= 6 ? readAt(fd, 0, 6).toString('latin1') : '';
    if (magic === '\x93NUMPY')
      return { '': parseNpy(readAt(fd, 0, fs.fstatSync(fd).size), path) };
    const arrays = {};
    for (const e of zipEntries(fd, path)) {
      const local = readAt(fd, e.offset, 30);
      const at = e.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
      let bytes = readAt(fd, at, e.packed);
      if (e.method === 8) bytes = zlib.inflateRawSync(bytes);
      else if (e.method !== 0) throw new Error(`${path}: ${e.name}: zip method ${e.method}`);
      arrays[e.name.replace(/\.npy$/, '')] = parseNpy(bytes, `${path}: ${e.name}`);
    }
    return arrays;
  } finally {
    fs.closeSync(fd);
  }
}

// ---- writing

let table;
function crc32(buf, crc) {
  if (zlib.crc32) return zlib.crc32(buf, crc);          // node >= 20.15
  table = table || Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  crc = ~crc;
  for (let i = 0; i < buf.length; i++) crc = table[(crc ^ buf[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

function npyHead(dtype, shape) {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  let text = `{'descr': '${DTYPES[dtype][0]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  text += ' '.repeat(63 - ((10 + text.length) % 64)) + '\n';
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01', 'latin1');
  head.writeUInt16LE(text.length, 8);
  return Buffer.concat([head, Buffer.from(text, 'latin1')]);
}

function writeAll(fd, buf) {
  for (let at = 0; at < buf.length;)
    at += fs.writeSync(fd, buf, at, Math.min(buf.length - at, 1 << 30));
}

// arrays: { name: { dtype, shape, chunks: [TypedArray, ...] } }; the chunks
// follow one another in the file and are never joined in memory.
function write(path, arrays) {
  const temporary = `${path}.tmp${process.pid}`;
  const fd = fs.openSync(temporary, 'w');
  try {
    const dirs = [];
    let pos = 0;
    for (const [name, a] of Object.entries(arrays)) {
      const parts = [npyHead(a.dtype, a.shape), ...a.chunks.map(
        (c) => Buffer.from(c.buffer, c.byteOffset, c.byteLength))];
      const size = parts.reduce((n, p) => n + p.length, 0);
      if (pos + size > 0xfffffff0) throw new Error('output over 4 GB');
      const file = Buffer.from(`${name}.npy`);
      const common = Buffer.alloc(26);          // shared by both headers
      common.writeUInt16LE(20, 0);
      common.writeUInt16LE(0x800, 2);           // UTF-8 name
      common.writeUInt16LE(0x21, 8);            // 1980-01-01
      common.writeUInt32LE(parts.reduce((c, p) => crc32(p, c), 0), 10);
      common.writeUInt32LE(size, 14);
      common.writeUInt32LE(size, 18);
      common.writeUInt16LE(file.length, 22);
      for (const part of [Buffer.from('PK\x03\x04'), common, file, ...parts]) writeAll(fd, part);
      const rest = Buffer.alloc(14);
      rest.writeUInt32LE(pos, 10);
      dirs.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, rest, file]));
      pos += 30 + file.length + size;
    }
    const dir = Buffer.concat(dirs);
    const eocd = Buffer.alloc(22);
    eocd.write('PK\x05\x06');
    eocd.writeUInt16LE(dirs.length, 8);
    eocd.writeUInt16LE(dirs.length, 10);
    eocd.writeUInt32LE(dir.length, 12);
    eocd.writeUInt32LE(pos, 16);
    writeAll(fd, dir);
    writeAll(fd, eocd);
    fs.closeSync(fd);
    fs.renameSync(temporary, path);
  } catch (e) {
    fs.unlinkSync(temporary);
    throw e;
  }
}

module.exports = { read, write, count, DTYPES };
