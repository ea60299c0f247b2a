// The synthesis network on WebGPU.
//
// The picture is read back and not drawn into a canvas by the GPU: so it comes at its own pace, also
// into a tab that nobody looks at, and can be recorded and kept like any other.

import { floats } from './half.js';
import { CONV, DEMODS, ENLARGE, LEVELS, RGB, SHAPES, STYLES, THREADS } from './kernels.js';
import { draws, layersTo, mouthBox, numWs, textureRows } from './network.js';

const SMALL = 16; // pixels a side up to which there are too few of them for the large tiles

const fours = (n) => Math.ceil(n / 4);

/** The GPU, or null: there is none, or the browser does not give it. */
export async function findGpu() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return null;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  return { adapter, device };
}

export class WebGpuDecoder {
  #device;
  #ws; // the buffer that latents are written to
  #passes; // what is computed for a picture, in order: [pipeline, bind group, workgroups]
  #levels; // the picture on the GPU
  #textures; // of the pack's faces, or null
  #row; // of a latent, that tells whose texture is seen
  #texture; // that of `#worn`, on the GPU
  #share;
  #worn = -1;
  #copies = []; // where it comes to be read, when it is not being read

  /** generator: { config, tensors, textures } of a pack; textures: null, or a `Textures`. size: the picture's, one that the network draws.
   * straight: whether colours are as canvases want them, not multiplied by alpha. */
  static async make({ device }, generator, { size = generator.config.resolution, straight = false } = {}) {
    const decoder = new WebGpuDecoder();
    await decoder.#build(device, generator, size, straight);
    return decoder;
  }

  /** The picture of `ws`, Float32Array [num_ws * w_dim]: Uint8ClampedArray [size * size * 4]. */
  async decode(ws) {
    const device = this.#device;
    const bytes = 4 * this.size * this.size;
    if (this.#textures) {
      const { index, share } = this.#textures.nearest(ws, this.#row);
      const texture = await this.#textures.levels(index, this.size);
      if (index !== this.#worn) device.queue.writeBuffer(this.#texture, 0, texture);
      this.#worn = index;
      device.queue.writeBuffer(this.#share, 0, new Float32Array([share, 0, 0, 0]));
    }
    const copy = this.#copies.pop() ?? device.createBuffer({
      size: bytes, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    device.queue.writeBuffer(this.#ws, 0, ws, 0, this.#ws.size / 4); // a light branch reads less
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const [pipeline, group, counts] of this.#passes) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...counts);
    }
    pass.end();
    encoder.copyBufferToBuffer(this.#levels, 0, copy, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await copy.mapAsync(GPUMapMode.READ);
    const levels = new Uint8ClampedArray(copy.getMappedRange()).slice();
    copy.unmap();
    this.#copies.push(copy);
    return levels;
  }

  close() {
    this.#device.destroy();
  }

  async #build(device, { config, tensors, textures = null }, size, straight) {
    this.#device = device;
    this.#textures = config.flow ? textures : null;
    this.size = size;
    this.lost = device.lost;
    const compiled = new Map(); // by their text, side by side
    const pipeline = (code) => {
      if (!compiled.has(code)) {
        compiled.set(code, device.createComputePipelineAsync({
          layout: 'auto', compute: { module: device.createShaderModule({ code }) },
        }));
      }
      return compiled.get(code);
    };
    const layers = layersTo(config, size);
    const worn = this.#textures !== null;
    const { ws, passes, picture, beside } = plan(device, config, layers, tensors, worn, size);
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    this.#ws = ws;
    this.#row = numWs({ layers }) - 1;
    this.#levels = device.createBuffer({ size: 4 * size * size, usage: STORAGE | COPY_SRC });
    if (worn) {
      const rows = textureRows(config, size);
      this.#texture = device.createBuffer({ size: 4 * size * rows, usage: STORAGE | COPY_DST });
      this.#share = device.createBuffer({ size: 16, usage: UNIFORM | COPY_DST });
    }
    passes.push({
      code: LEVELS(config.channels, straight, worn ? size : 0, mouthBox(config, size)),
      buffers: [picture, this.#levels, ...(worn ? [...beside, this.#texture, this.#share] : [])],
      counts: [Math.ceil((size * size) / THREADS)],
    });
    this.#passes = await Promise.all(passes.map(async ({ code, buffers, counts }) => {
      const ready = await pipeline(code);
      return [ready, bind(device, ready, buffers), counts];
    }));
  }
}

/** buffers: by binding; holes are bindings that the text does not have. */
function bind(device, pipeline, buffers) {
  const entries = buffers.flatMap((buffer, binding) => (
    buffer ? [{ binding, resource: { buffer } }] : []));
  return device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
}

/** What is computed, with its buffers filled. Returns { ws, passes, picture, beside }; passes: a
 * list of { code, buffers, counts }. beside: how far textures are visible and their flows, in the
 * picture's size, if they are worn. */
function plan(device, config, layers, tensors, worn, whole) {
  const { STORAGE, UNIFORM, COPY_DST } = GPUBufferUsage;
  const fresh = (bytes) => device.createBuffer({ size: bytes, usage: STORAGE | COPY_DST });
  const filled = (array, usage = STORAGE) => {
    const buffer = device.createBuffer({
      size: Math.ceil(array.byteLength / 16) * 16, usage, mappedAtCreation: true,
    });
    new array.constructor(buffer.getMappedRange(), 0, array.length).set(array);
    buffer.unmap();
    return buffer;
  };
  const of = (layer, part) => tensors.get(`synthesis.convs.${layer.name}.${part}`);
  const half = layers.every((layer) => of(layer, 'weight').data instanceof Uint16Array
    && of(layer, 'affine.weight').data instanceof Uint16Array);
  const Kept = half ? Uint16Array : Float32Array;
  const kept = (tensor) => (half ? tensor.data : floats(tensor));
  const features = (channels, size) => fours(channels) * size * size * 16; // bytes

  // Where each layer's styles and demodulations lie, in fours.
  const at = new Map();
  let [styleFours, demodFours] = [0, 0];
  for (const layer of layers) {
    at.set(layer, { style: styleFours, demod: demodFours });
    styleFours += fours(layer.in_channels);
    if (!draws(layer)) demodFours += fours(layer.out_channels);
  }

  const ws = fresh(4 * numWs({ layers }) * config.w_dim);
  const styles = fresh(16 * styleFours);
  const demods = fresh(16 * demodFours);
  const passes = [];

  { // Styles: rows that only fill up to four channels stay zero.
    const rows = 4 * styleFours;
    const affine = new Kept(rows * config.w_dim);
    const bias = new Float32Array(rows);
    const rowOf = new Uint32Array(rows);
    for (const layer of layers) {
      const [matrix, offset] = [kept(of(layer, 'affine.weight')), floats(of(layer, 'affine.bias'))];
      const first = 4 * at.get(layer).style;
      bias.set(offset, first);
      rowOf.fill(layer.ws_index, first, first + offset.length);
      for (let row = 0; row < layer.in_channels; row += 1) {
        for (let i = 0; i < config.w_dim; i += 1) {
          affine[((i >> 2) * rows + first + row) * 4 + (i & 3)] = matrix[row * config.w_dim + i];
        }
      }
    }
    passes.push({
      code: STYLES(half),
      buffers: [filled(affine), ws, filled(bias), filled(rowOf), styles],
      counts: [Math.ceil(rows / THREADS)],
    });
  }

  { // Demodulations.
    const convs = layers.filter((layer) => !draws(layer));
    const outputs = new Uint32Array(4 * 4 * demodFours);
    const sizes = convs.map((layer) => fours(layer.in_channels) * fours(layer.out_channels) * 4);
    const energies = new Float32Array(4 * sizes.reduce((a, b) => a + b, 0));
    let first = 0;
    for (const [n, layer] of convs.entries()) {
      const { in_channels: inputs, out_channels: outs } = layer;
      const wide = 4 * fours(outs);
      const weight = floats(of(layer, 'weight'));
      for (let o = 0; o < outs; o += 1) {
        for (let i = 0; i < inputs; i += 1) {
          let energy = 0;
          for (let tap = 0; tap < 9; tap += 1) energy += weight[(o * inputs + i) * 9 + tap] ** 2;
          energies[4 * (first + (i >> 2) * wide + o) + (i & 3)] = energy;
        }
      }
      for (let o = 0; o < wide; o += 1) {
        outputs.set([first + o, wide, at.get(layer).style, fours(inputs)],
          4 * (4 * at.get(layer).demod + o));
      }
      first += sizes[n];
    }
    passes.push({
      code: DEMODS,
      buffers: [filled(energies), filled(outputs), styles, demods],
      counts: [Math.ceil((4 * demodFours) / THREADS)],
    });
  }

  /** [out][in][taps] -> [group][in / 4][taps][4 of in][4 of the group's outputs]. groups: which
   * outputs lie side by side. */
  const packed = (layer, groups, taps) => {
    const weight = kept(of(layer, 'weight'));
    const inputs = layer.in_channels;
    const wide = fours(inputs);
    const result = new Kept(groups.length * wide * taps * 16);
    for (const [g, outs] of groups.entries()) {
      for (let i = 0; i < inputs; i += 1) {
        for (let tap = 0; tap < taps; tap += 1) {
          const to = (((g * wide + (i >> 2)) * taps + tap) * 4 + (i & 3)) * 4;
          for (const [n, o] of outs.entries()) {
            if (o < layer.out_channels) result[to + n] = weight[(o * inputs + i) * taps + tap];
          }
        }
      }
    }
    return result;
  };
  const grouped = (n) => [...Array(fours(n)).keys()].map((g) => [0, 1, 2, 3].map((i) => 4 * g + i));
  const inFours = (values, outs) => {
    const result = new Float32Array(4 * fours(outs));
    result.set(values);
    return result;
  };

  // Features take turns in two buffers; what is to be enlarged waits in a third.
  const most = Math.max(...layers.map((layer) => (draws(layer) ? 0
    : features(layer.out_channels, layer.resolution))));
  const constant = floats(tensors.get('synthesis.const'));
  const begin = new Float32Array(4 * fours(layers[0].in_channels) * 16);
  for (let c = 0; c < layers[0].in_channels; c += 1) {
    for (let i = 0; i < 16; i += 1) begin[((c >> 2) * 16 + i) * 4 + (c & 3)] = constant[c * 16 + i];
  }
  let x = filled(begin);
  const turns = [fresh(most), fresh(most)];
  const waiting = fresh(most);
  const uniform = (layer, size) => filled(new Uint32Array([
    size, fours(layer.in_channels), fours(layer.out_channels),
    at.get(layer).style, at.get(layer).demod, 0, 0, 0,
  ]), UNIFORM);
  const { channels } = config;
  const ends = [channels]; // of channels that are drawn together, up to four
  if (worn) {
    const seen = channels + (config.mouth ? 2 : 1);
    ends.push(seen, 3 * seen - 2 * channels);
  }
  const parts = ends.map((end, n) => ({
    first: n ? ends[n - 1] : 0, end, picture: null, drawn: 0, // so far, and its size
  }));
  const enlarge = (part, layer) => {
    const { picture, drawn } = part;
    const larger = fresh(64 * drawn * drawn);
    passes.push({
      code: ENLARGE(false),
      buffers: [uniform(layer, drawn), picture, , , , , larger],
      counts: [Math.ceil(drawn / 4), Math.ceil(drawn / 4), 1],
    });
    Object.assign(part, { picture: larger, drawn: 2 * drawn });
  };

  for (const layer of layers) {
    const { resolution, out_channels: outs, in_channels: inputs } = layer;
    const bias = floats(of(layer, 'bias'));
    if (!draws(layer)) {
      const grows = layer.kind === 'up';
      const size = grows ? resolution / 2 : resolution;
      const shape = size <= SMALL ? SHAPES.small : SHAPES.large;
      const y = turns.find((buffer) => buffer !== x);
      const biases = filled(inFours(bias, outs));
      const about = uniform(layer, size);
      const code = CONV(shape, half, !grows);
      const weight = filled(packed(layer, grouped(outs), 9));
      const tiles = [Math.ceil(size / (shape.px * shape.tx)), Math.ceil(size / (shape.py * shape.ty))];
      passes.push({
        code,
        buffers: [about, x, styles, weight, demods, ...(grows ? [, waiting] : [biases, y])],
        counts: [...tiles, fours(outs)],
      });
      if (grows) {
        const eighths = Math.ceil(resolution / 8);
        passes.push({
          code: ENLARGE(true),
          buffers: [about, waiting, , , , biases, y],
          counts: [eighths, eighths, fours(outs)],
        });
      }
      x = y;
      continue;
    }
    const pixels = layer.kind === 'rgb_subpixels' ? 2 : 1;
    const size = resolution * pixels;
    const subpixels = [...Array(pixels * pixels).keys()];
    const eighths = Math.ceil(resolution / 8);
    for (const part of parts.filter(({ first }) => first < outs / subpixels.length)) {
      if (part.picture === null) { // nothing so far
        Object.assign(part, { picture: fresh(4 * size * size), drawn: size / 2 });
      }
      while (2 * part.drawn < size) enlarge(part, layer);
      // Output c * pixels² + p is channel c of sub-pixel p.
      const groups = subpixels.map((p) => Array.from({ length: part.end - part.first }, (_, c) => (
        (part.first + c) * subpixels.length + p)));
      const colours = new Float32Array(4 * subpixels.length);
      groups.forEach((group, p) => group.forEach((o, c) => { colours[4 * p + c] = bias[o]; }));
      const after = fresh(16 * size * size);
      // [sub-pixel][in / 4][4 of in] -> [in / 4][sub-pixel][4 of in]
      const flat = packed(layer, groups, 1);
      const weight = new Kept(flat.length);
      for (const p of subpixels) {
        for (let i = 0; i < fours(inputs); i += 1) {
          weight.set(flat.subarray((p * fours(inputs) + i) * 16, (p * fours(inputs) + i + 1) * 16),
            (i * subpixels.length + p) * 16);
        }
      }
      passes.push({
        code: RGB(pixels, half),
        buffers: [
          uniform(layer, resolution), x, styles, filled(weight), part.picture, filled(colours), after,
        ],
        counts: [eighths, eighths],
      });
      Object.assign(part, { picture: after, drawn: size });
    }
  }
  for (const part of parts) {
    while (part.drawn < whole) enlarge(part, layers.at(-1)); // a flow may have ended before
  }
  const [picture, ...beside] = parts.map((part) => part.picture);
  return { ws, passes, picture, beside };
}
