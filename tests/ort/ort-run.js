#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Runs an ONNX model in ONNX Runtime over a set of samples: .npz in, .npz out.
// Samples are walked as dopt-run walks them: a set of the input's rank along
// axis 0 in steps of the model's batch, a set of one rank more one whole
// input per entry. Outputs are joined along axis 0. See README beside this.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { inputs } = require('./onnx-inputs');
const npz = require('./npz');

const USAGE = `usage: ort-run.js [--ort 1.15|current] [--no-opt] [--threads N] [--step N]
                  [--dump-optimized FILE] [--bench] [-o OUT.npz]
                  MODEL.onnx [IN.npz | IN.npy | NAME=IN.npy ...]`;

function usage(why) {
  process.stderr.write(`ort-run.js: ${why}\n${USAGE}\n`);
  process.exit(2);
}

function options(argv) {
  const o = { ort: 'current', files: [] };
  const valued = { '--ort': 'ort', '--threads': 'threads', '--step': 'step',
    '--dump-optimized': 'dump', '-o': 'out' };
  const flags = { '--no-opt': 'noOpt', '--bench': 'bench' };
  for (let i = 0; i < argv.length; i++) {
    if (flags[argv[i]]) o[flags[argv[i]]] = true;
    else if (valued[argv[i]]) {
      o[valued[argv[i]]] = argv[++i];
      if (argv[i] === undefined) usage(`${argv[i - 1]} takes a value`);
    } else if (argv[i] === '-h' || argv[i] === '--help') {
      process.stdout.write(`${USAGE}\n`);
      process.exit(0);
    } else if (argv[i].startsWith('-')) usage(`unknown option ${argv[i]}`);
    else o.files.push(argv[i]);
  }
  for (const key of ['threads', 'step'])
    if (o[key] !== undefined && !(Number.isInteger(o[key] = Number(o[key])) && o[key] > 0))
      usage(`--${key} takes a positive number`);
  if (o.ort !== '1.15' && o.ort !== 'current') usage(`--ort ${o.ort}: 1.15 or current`);
  if (!o.files.length) usage('no model');
  if (o.files.length === 1 && !o.dump) usage('no samples');
  if (o.files.length > 1 && !o.out && !o.bench) usage('no -o OUT.npz');
  return o;
}

// The runtime's folder: in $ORT_MODULES, build/ort, or beside this file.
function runtimeFolder(version) {
  const places = [process.env.ORT_MODULES, path.join(__dirname, '../../build/ort'), __dirname];
  for (const place of places.filter(Boolean)) {
    const folder = path.resolve(place, 'node_modules', `ort-${version}`);
    if (fs.existsSync(folder)) return folder;
  }
  throw new Error(`ort-${version} is not installed: see tests/ort/README`);
}

// 1.15's node binding ignores optimizedModelFilePath; its C library does not.
function dumpByLibrary(folder, level, model, out) {
  const library = path.join(folder, 'bin/napi-v3', process.platform, process.arch, 'libonnxruntime.so.1.15.1');
  const { status } = spawnSync('/usr/bin/python3', [path.join(__dirname, 'ort-optimize.py'),
    library, level, model, out], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${model}: could not be optimized`);
}

function readArrays(files) {
  const arrays = {};
  for (const f of files) {
    const named = /^([^=]*)=(.*)$/s.exec(f);
    if (!named || fs.existsSync(f)) Object.assign(arrays, npz.read(f));
    else arrays[named[1]] = Object.values(npz.read(named[2]))[0];
  }
  return arrays;
}

// The array as the model's dtype; only if every value survives.
function cast(array, dtype, name) {
  if (array.dtype === dtype || !dtype) return array;
  const Type = npz.DTYPES[dtype][1];
  const big = dtype.endsWith('int64');
  const data = new Type(array.data.length);
  const refuse = (v) => {
    throw new Error(`input ${name}: ${array.dtype} given, ${dtype} wanted` +
      (v === undefined ? '' : `, and ${v} would change`));
  };
  if (dtype === 'float16' || array.dtype === 'float16') refuse();
  for (let i = 0; i < data.length; i++) {
    const v = Number(array.data[i]);
    if (big && !Number.isInteger(v)) refuse(v);
    data[i] = big ? BigInt(v) : v;
    // eslint-disable-next-line eqeqeq -- a BigInt equals a Number by value
    if (data[i] != array.data[i] && v === v) refuse(array.data[i]);
  }
  return { dtype, shape: array.shape, data };
}

// Splits the set into steps: { steps, samples, feed(i) -> { name: Tensor } }
function walk(wanted, arrays, step, Tensor) {
  const only = wanted.length === 1 && Object.keys(arrays).length === 1;
  const sets = wanted.map(({ name, dtype, dims }) => {
    const found = arrays[name] || (only || arrays[''] && wanted.length === 1
      ? Object.values(arrays)[0] : undefined);
    if (!found) throw new Error(`no samples for input ${name} (there are: ${Object.keys(arrays).join(', ')})`);
    const rank = dims ? dims.length : found.shape.length;
    const whole = found.shape.length === rank + 1;
    if (!whole && found.shape.length !== rank)
      throw new Error(`input ${name}: rank ${rank} or ${rank + 1} wanted, shape ${found.shape} given`);
    const array = cast(found, dtype, name);
    const rows = array.shape.length ? array.shape[0] : 1;
    return { name, array, whole, rows, fixed: dims && rank > 0 && typeof dims[0] === 'number' ? dims[0] : 0 };
  });
  const wholes = sets.find((s) => s.whole);
  for (const s of sets) {
    if (s.whole) s.n = 1;
    else if (s.array.shape.length === 0) s.n = 1;
    else if (s.fixed) s.n = s.fixed;
    else if (wholes) {
      s.n = s.rows / wholes.rows;
      if (!Number.isInteger(s.n))
        throw new Error(`input ${s.name}: ${s.rows} rows do not divide into ${wholes.rows} steps of ${wholes.name}`);
    } else s.n = Math.min(step || s.rows, s.rows);
    s.steps = s.fixed && !s.whole ? Math.floor(s.rows / s.n) : Math.ceil(s.rows / s.n);
    const left = s.rows - s.steps * s.n;
    if (left > 0) process.stderr.write(`ort-run.js: input ${s.name}: last ${left} rows left out, the batch is ${s.n}\n`);
  }
  const steps = sets.length ? sets[0].steps : 1;
  for (const s of sets)
    if (s.steps !== steps)
      throw new Error(`input ${s.name} gives ${s.steps} steps, ${sets[0].name} ${steps}`);
  const feed = (i) => Object.fromEntries(sets.map(({ name, array, whole, rows, n }) => {
    const { dtype, shape, data } = array;
    if (!shape.length) return [name, new Tensor(dtype, data, [])];
    const take = Math.min(n, rows - i * n);
    const row = npz.count(shape.slice(1));
    return [name, new Tensor(dtype, data.subarray(i * n * row, (i * n + take) * row),
      whole ? shape.slice(1) : [take, ...shape.slice(1)])];
  }));
  return { steps, samples: sets.length ? Math.min(sets[0].rows, steps * sets[0].n) : 1, feed };
}

function collect(outputs, results) {
  for (const [name, t] of Object.entries(results)) {
    const shape = t.dims.length ? [...t.dims] : [1];
    const all = outputs[name] || (outputs[name] = { dtype: t.type, shape: [0, ...shape.slice(1)], chunks: [] });
    if (String(all.shape.slice(1)) !== String(shape.slice(1)))
      throw new Error(`output ${name}: shape ${t.dims} after ${all.shape.slice(1)}: cannot be joined`);
    all.shape[0] += shape[0];
    all.chunks.push(t.data);
  }
}

// The peak is VmHWM: getrusage's ru_maxrss survives exec, so a small run that
// a large process starts would report its parent's.
function report(samples, steps, seconds) {
  const status = fs.readFileSync('/proc/self/status', 'latin1');
  const mib = (key) => (Number(new RegExp(`${key}:\\s*(\\d+)`).exec(status)[1]) / 1024).toFixed(1);
  process.stdout.write(`samples ${samples} steps ${steps} run_s ${seconds.toFixed(4)}` +
    ` process_s ${process.uptime().toFixed(4)}` +
    ` peak_rss_mib ${mib('VmHWM')} end_anon_mib ${mib('RssAnon')}\n`);
}

async function main() {
  const o = options(process.argv.slice(2));
  const folder = runtimeFolder(o.ort);
  process.env.ORT_DISABLE_TELEMETRY = '1';      // 1.29 on: uploads unless told not to
  const { InferenceSession, Tensor } = require(folder);
  const [model, ...files] = o.files;
  const wanted = inputs(model);
  const config = { graphOptimizationLevel: o.noOpt ? 'disabled' : 'all', logSeverityLevel: 3 };
  if (o.threads) Object.assign(config, { intraOpNumThreads: o.threads, interOpNumThreads: 1 });
  if (o.dump) {
    if (o.ort === '1.15') dumpByLibrary(folder, o.noOpt ? '0' : '2', model, o.dump);
    config.optimizedModelFilePath = o.dump;
    if (!o.noOpt) config.graphOptimizationLevel = 'extended';
  }
  const session = await InferenceSession.create(model, config);
  if (!files.length) return;
  const set = walk(wanted, readArrays(files), o.step, Tensor);
  const outputs = {};
  const start = process.hrtime.bigint();
  for (let i = 0; i < set.steps; i++) {
    const results = await session.run(set.feed(i));
    if (o.out) collect(outputs, results);
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (o.out) npz.write(o.out, outputs);
  if (o.bench) report(set.samples, set.steps, seconds);
}

main().catch((e) => {
  process.stderr.write(`ort-run.js: ${e.message}\n`);
  process.exit(1);
});
