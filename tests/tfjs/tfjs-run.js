#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Runs a frozen GraphDef in TensorFlow.js: tfjs-run.js -o OUT.npz GRAPH.pb IN.npz OUTPUT...
// IN.npz holds one array per input, by name. The graph is decoded here and handed over as a model.json
// topology; Dequantize of constants is computed here by TensorFlow's formula (tfjs has no such operator),
// and so are FakeQuant nodes, which it does not know. Packages: see package.json.
'use strict';
const fs = require('fs');
const path = require('path');
const npz = require('../ort/npz');

const folder = [process.env.TFJS_MODULES, path.join(__dirname, '../../build/tfjs')]
  .filter(Boolean).map((p) => path.resolve(p, 'node_modules')).find((p) => fs.existsSync(p));
if (!folder) throw new Error('tfjs is not installed: make build/tfjs/.done');
const tf = require(path.join(folder, '@tensorflow/tfjs-core'));
require(path.join(folder, '@tensorflow/tfjs-backend-cpu'));
const converter = require(path.join(folder, '@tensorflow/tfjs-converter'));

// ---- the wire format

function* fields(b) {
  let at = 0;
  const varint = () => {
    let v = 0n;
    for (let s = 0n; ; s += 7n) {
      const c = b[at++];
      v |= BigInt(c & 127) << s;
      if (c < 128) return BigInt.asIntN(64, v);
    }
  };
  while (at < b.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    let v;
    if (wire === 0) v = varint();
    else if (wire === 5) { v = b.subarray(at, at + 4); at += 4; }
    else if (wire === 1) { v = b.subarray(at, at + 8); at += 8; }
    else { const n = Number(varint()); v = b.subarray(at, at + n); at += n; }
    yield [tag >> 3, v, wire];
  }
}
const TYPES = { 1: 'DT_FLOAT', 2: 'DT_DOUBLE', 3: 'DT_INT32', 4: 'DT_UINT8', 5: 'DT_INT16', 6: 'DT_INT8',
  7: 'DT_STRING', 9: 'DT_INT64', 10: 'DT_BOOL', 11: 'DT_QINT8', 12: 'DT_QUINT8', 13: 'DT_QINT32',
  14: 'DT_BFLOAT16', 19: 'DT_HALF' };
const count = (s) => s.reduce((a, b) => a * b, 1);

function* packed(v, wire, kind) { // the elements of a numeric list, packed or not
  if (kind === 'varint') {
    if (wire === 0) { yield v; return; }
    const tagged = [];
    for (const byte of v) { // each varint as a field 1
      if (!tagged.length || tagged[tagged.length - 1].end) tagged.push({ bytes: [8], end: false });
      const last = tagged[tagged.length - 1];
      last.bytes.push(byte);
      last.end = byte < 128;
    }
    for (const t of tagged) for (const [, x] of fields(Buffer.from(t.bytes))) yield x;
    return;
  }
  const size = kind === 'float' ? 4 : 8;
  for (let i = 0; i + size <= v.length; i += size)
    yield size === 4 ? v.readFloatLE(i) : v.readDoubleLE(i);
}

function shapeOf(b) {
  const dim = [];
  let unknown = false;
  for (const [n, v] of fields(b)) {
    if (n === 2) {
      let size = 0;
      for (const [k, x] of fields(v)) if (k === 1) size = Number(x);
      dim.push(size);
    } else if (n === 3) unknown = v !== 0n;
  }
  return { dim, unknown };
}

function half(bits) {
  const e = bits >> 10 & 31, m = bits & 1023, s = bits >> 15 ? -1 : 1;
  if (e === 31) return m ? NaN : s * Infinity;
  return s * (e ? 2 ** (e - 15) * (1 + m / 1024) : 2 ** -14 * m / 1024);
}

function tensorOf(b) {
  let type = 0, shape = [], content = null;
  const list = [];
  for (const [n, v, wire] of fields(b)) {
    if (n === 1) type = Number(v);
    else if (n === 2) shape = shapeOf(v).dim;
    else if (n === 4) content = v;
    else if (n === 5) list.push(...packed(v, wire, 'float'));
    else if (n === 6) list.push(...packed(v, wire, 'double'));
    else if ([7, 10, 11, 13, 16, 17].includes(n)) for (const x of packed(v, wire, 'varint')) list.push(Number(x));
  }
  const size = count(shape);
  let data;
  if (content && content.length) {
    data = [];
    const read = { 1: [4, 'readFloatLE'], 2: [8, 'readDoubleLE'], 3: [4, 'readInt32LE'], 4: [1, 'readUInt8'],
      5: [2, 'readInt16LE'], 6: [1, 'readInt8'], 9: [8, 'readBigInt64LE'], 10: [1, 'readUInt8'],
      11: [1, 'readInt8'], 12: [1, 'readUInt8'], 13: [4, 'readInt32LE'], 14: [2, 'readUInt16LE'],
      19: [2, 'readUInt16LE'] }[type];
    for (let i = 0; i < size; i++) data.push(Number(content[read[1]](i * read[0])));
  } else {
    data = list.slice(0, size);
    while (data.length < size) data.push(data.length ? data[data.length - 1] : 0);
  }
  if (type === 19) data = data.map(half);
  if (type === 14) {
    const f = new Float32Array(1), u = new Uint32Array(f.buffer);
    data = data.map((x) => { u[0] = x << 16; return f[0]; });
  }
  return { type, shape, data };
}

function attrOf(b) {
  const a = {};
  for (const [n, v] of fields(b)) {
    if (n === 2) a.s = v.toString('base64');
    else if (n === 3) a.i = String(v);
    else if (n === 4) a.f = v.readFloatLE(0);
    else if (n === 5) a.b = v !== 0n;
    else if (n === 6) a.type = TYPES[Number(v) % 100] || Number(v);
    else if (n === 7) {
      const s = shapeOf(v);
      a.shape = s.unknown ? { unknownRank: true } : { dim: s.dim.map((d) => ({ size: String(d) })) };
    } else if (n === 8) a.tensor = tensorOf(v);
    else if (n === 1) {
      a.list = { s: [], i: [], f: [], b: [], type: [] };
      for (const [k, x, wire] of fields(v)) {
        if (k === 2) a.list.s.push(x.toString('base64'));
        else if (k === 3) for (const y of packed(x, wire, 'varint')) a.list.i.push(String(y));
        else if (k === 4) a.list.f.push(...packed(x, wire, 'float'));
      }
    }
  }
  return a;
}

function nodeOf(b) {
  const node = { name: '', op: '', input: [], attr: {} };
  for (const [n, v] of fields(b)) {
    if (n === 1) node.name = v.toString();
    else if (n === 2) node.op = v.toString();
    else if (n === 3) node.input.push(v.toString());
    else if (n === 5) {
      let key = '', value = {};
      for (const [k, x] of fields(v)) {
        if (k === 1) key = x.toString();
        else value = attrOf(x);
      }
      node.attr[key] = value;
    }
  }
  return node;
}

// ---- operators that tfjs has not

const f32 = Math.fround;
const roundAway = (x) => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

function dequantize(node, constant) { // MIN_FIRST of quint8
  const [x, low, high] = node.input.map(constant);
  const mode = Buffer.from((node.attr.mode || {}).s || '', 'base64').toString() || 'MIN_COMBINED';
  if (mode !== 'MIN_FIRST') throw new Error(`${node.name}: Dequantize ${mode}`);
  const min = f32(low.data[0]), max = f32(high.data[0]);
  const scale = (max - min) / 255;
  const from = min === max ? min : roundAway(min / scale) * scale;
  return { type: 1, shape: x.shape, data: x.data.map((q) => f32(from + q * scale)) };
}

// tensorflow/core/kernels/fake_quant_ops_functor.h, one range a tensor or a channel
function nudged(min, max, narrow) {
  const qmin = narrow ? 1 : 0, qmax = 255;
  const scale = f32(f32(max - min) / f32(qmax - qmin));
  const from = f32(qmin - f32(min / scale));
  const z = from < qmin ? qmin : from > qmax ? qmax : roundAway(from);
  return { scale, low: f32(f32(qmin - z) * scale), high: f32(f32(qmax - z) * scale) };
}
function fakeQuant(node) {
  const x = node.inputs[0], min = node.inputs[1].dataSync(), max = node.inputs[2].dataSync();
  const narrow = node.attrs.narrow_range;
  const ranges = Array.from(min, (m, i) => nudged(m, max[i], narrow));
  const data = x.dataSync(), out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const r = ranges[i % ranges.length];
    const v = Math.min(Math.max(data[i], r.low), r.high);
    out[i] = f32(f32(Math.floor(f32(f32(f32(v - r.low) / r.scale) + 0.5)) * r.scale) + r.low);
  }
  return tf.tensor(out, x.shape);
}

// ---- the model

function load(file) {
  const nodes = [];
  for (const [n, v] of fields(fs.readFileSync(file))) if (n === 1) nodes.push(nodeOf(v));
  const byName = new Map(nodes.map((n) => [n.name, n]));
  const tensors = new Map();
  const constant = (name) => {
    const node = byName.get(name.replace(/:0$/, ''));
    return node.op === 'Identity' ? constant(node.input[0]) : tensors.get(node.name) || node.attr.value.tensor;
  };
  for (const node of nodes) {
    if (/Conv2D|DepthwiseConv2dNative/.test(node.op) && !node.attr.dilations)
      node.attr.dilations = { list: { i: ['1', '1', '1', '1'] } };
    if (node.op === 'Const') tensors.set(node.name, node.attr.value.tensor);
  }
  for (const node of nodes) {
    if (node.op !== 'Dequantize') continue;
    tensors.set(node.name, dequantize(node, constant));
    Object.assign(node, { op: 'Const', input: [], attr: { dtype: { type: 'DT_FLOAT' } } });
  }
  const specs = [], parts = [];
  for (const [name, t] of tensors) {
    const float = [1, 2, 14, 19].includes(t.type);
    const dtype = float ? 'float32' : t.type === 10 ? 'bool' : 'int32';
    if (t.type === 7) continue;
    specs.push({ name, shape: t.shape, dtype });
    parts.push(Buffer.from((float ? Float32Array : t.type === 10 ? Uint8Array : Int32Array).from(t.data).buffer));
    const node = byName.get(name);
    delete node.attr.value;
    node.attr.dtype = { type: float ? 'DT_FLOAT' : t.type === 10 ? 'DT_BOOL' : 'DT_INT32' };
  }
  const whole = Buffer.concat(parts);
  return { modelTopology: { node: nodes, versions: { producer: 27 } }, weightSpecs: specs, format: 'graph-model',
    weightData: whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length) };
}

async function main() {
  const argv = process.argv.slice(2);
  if (argv[0] !== '-o' || argv.length < 4) {
    process.stderr.write('usage: tfjs-run.js -o OUT.npz GRAPH.pb IN.npz OUTPUT...\n');
    process.exit(2);
  }
  const [, out, graph, given, ...names] = argv;
  await tf.setBackend('cpu');
  for (const op of ['FakeQuantWithMinMaxVars', 'FakeQuantWithMinMaxVarsPerChannel'])
    converter.registerOp(op, fakeQuant);
  console.warn = () => {};
  const model = new converter.GraphModel({ load: () => Promise.resolve(load(graph)) });
  await model.load();
  const arrays = npz.read(given);
  const feed = {};
  for (const [name, a] of Object.entries(arrays))
    feed[name] = tf.tensor(a.dtype === 'int64' ? Int32Array.from(a.data, Number) : a.data, a.shape,
      a.dtype === 'float32' ? 'float32' : a.dtype === 'bool' ? 'bool' : 'int32');
  const results = [].concat(await model.executeAsync(feed, names));
  const result = {};
  results.forEach((t, i) => {
    result[names[i]] = { dtype: t.dtype === 'float32' ? 'float32' : t.dtype === 'bool' ? 'bool' : 'int32',
      shape: t.shape,
      chunks: [t.dtype === 'bool' ? Uint8Array.from(t.dataSync()) : t.dataSync()] };
  });
  npz.write(out, result);
}
main().catch((e) => {
  process.stderr.write(`tfjs-run.js: ${e.stack}\n`);
  process.exit(1);
});
