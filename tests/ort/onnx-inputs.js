// SPDX-License-Identifier: Apache-2.0
// The inputs an ONNX file asks its caller for, read straight from the wire
// format (onnxruntime-node 1.15 tells only names). Weights are skipped over,
// never read. ModelProto.graph = 7; GraphProto.initializer = 5, .input = 11;
// TensorProto.name = 8; ValueInfoProto.name = 1, .type = 2;
// TypeProto.tensor_type = 1 { elem_type = 1, shape = 2 { dim = 1
// { dim_value = 1, dim_param = 2 } } }.
'use strict';
const fs = require('fs');

// TensorProto.DataType
const DTYPES = { 1: 'float32', 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32',
  7: 'int64', 9: 'bool', 10: 'float16', 11: 'float64', 12: 'uint32', 13: 'uint64' };

class Wire {
  constructor(fd) {
    this.fd = fd;
    this.window = Buffer.alloc(1 << 16);
    this.start = this.end = 0;
  }
  byte(pos) {
    if (pos < this.start || pos >= this.end) {
      this.start = pos;
      this.end = pos + fs.readSync(this.fd, this.window, 0, this.window.length, pos);
      if (this.end === pos) throw new Error('not an ONNX file, or cut short');
    }
    return this.window[pos - this.start];
  }
  varint(pos) {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const b = this.byte(pos++);
      value |= BigInt(b & 127) << shift;
      if (b < 128) return [Number(BigInt.asIntN(64, value)), pos];
      if (shift > 63n) throw new Error('not an ONNX file');
    }
  }
  text([from, to]) {
    const bytes = [];
    for (let p = from; p < to; p++) bytes.push(this.byte(p));
    return Buffer.from(bytes).toString('utf8');
  }
  // Yields [field, value]: a number for varints, [from, to] for what has a length.
  *fields([pos, end]) {
    while (pos < end) {
      let key, value;
      [key, pos] = this.varint(pos);
      const type = key & 7;
      if (type === 0) [value, pos] = this.varint(pos);
      else if (type === 2) {
        [value, pos] = this.varint(pos);
        if (value < 0 || pos + value > end) throw new Error('not an ONNX file, or cut short');
        value = [pos, pos + value];
        pos = value[1];
      } else if (type === 1) pos += 8;
      else if (type === 5) pos += 4;
      else throw new Error('not an ONNX file');
      yield [key >>> 3, value];
    }
  }
  find(range, field) {
    for (const [f, value] of this.fields(range)) if (f === field) return value;
    return undefined;
  }
}

// [{ name, dtype, dims }]: a dim is a number, or a string where it is free;
// dims is null where the rank is unknown.
function inputs(path) {
  const fd = fs.openSync(path, 'r');
  try {
    const w = new Wire(fd);
    const none = [0, 0];
    const graph = w.find([0, fs.fstatSync(fd).size], 7);
    if (!graph) throw new Error(`${path}: not an ONNX file (no graph)`);
    const weights = new Set();
    const found = [];
    for (const [field, value] of w.fields(graph)) {
      if (field === 5) weights.add(w.text(w.find(value, 8) || none));
      if (field !== 11) continue;
      const tensor = w.find(w.find(value, 2) || none, 1) || none;
      const shape = w.find(tensor, 2);
      found.push({ name: w.text(w.find(value, 1) || none), dtype: DTYPES[w.find(tensor, 1)],
        dims: shape ? [...w.fields(shape)].map(([, d]) =>
          w.find(d, 1) ?? w.text(w.find(d, 2) || none)) : null });
    }
    return found.filter((i) => !weights.has(i.name));
  } catch (e) {
    throw new Error(e.message.startsWith(path) ? e.message : `${path}: ${e.message}`);
  } finally {
    fs.closeSync(fd);
  }
}

module.exports = { inputs };
