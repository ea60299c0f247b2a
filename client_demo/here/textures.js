// What a pack's faces look like, for the network to move into its picture:
// realtime_models/generator/textures.py in the page.

import { floats } from './half.js';
import { textureRows } from './network.js';

function distance(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
}

export class Textures {
  #card;
  #packed; // by the faces' numbers: bytes
  #latents;
  #mean;
  #keys = new Map(); // by rows of latents: { keys, reach }
  #levels = new Map(); // by number and size: promises

  /** pack: from `loadPack`, with textures. */
  constructor({ card, generator, identities, textures }) {
    this.#card = card;
    this.#packed = card.identities.map((_, index) => textures.get(String(index)).data);
    this.#latents = floats(identities.get('identities'));
    this.#mean = floats(generator.get('mapping.w_avg'));
  }

  /** The face that is nearest to a latent, and how much of its texture is seen, 0 to 1.
   * ws: Float32Array [rows * w_dim]. row: of it, the last that a network reads. */
  nearest(ws, row) {
    const { w_dim: width } = this.#card.generator;
    const { keys, reach } = this.#at(row);
    const w = ws.subarray(row * width, (row + 1) * width);
    const distances = keys.map((key) => distance(key, w));
    const index = distances.indexOf(Math.min(...distances));
    return { index, share: Math.min(1, Math.max(0, 1 - distances[index] / reach[index])) };
  }

  #at(row) {
    if (!this.#keys.has(row)) {
      const { w_dim: width } = this.#card.generator;
      const count = this.#card.identities.length;
      const rows = this.#latents.length / count / width;
      const keys = Array.from({ length: count }, (_, n) => (
        this.#latents.subarray((n * rows + row) * width, (n * rows + row + 1) * width)));
      const others = [...keys, this.#mean];
      const reach = keys.map((key) => Math.max(1e-6, Math.min(...others.filter((other) => (
        other !== key)).map((other) => distance(key, other))) / 2));
      this.#keys.set(row, { keys, reach });
    }
    return this.#keys.get(row);
  }

  /** A face's texture, averaged down to a size: Promise of Uint8Array [rows * size * 4], colours
   * multiplied by alpha. */
  levels(index, size) {
    const key = `${index} ${size}`;
    if (!this.#levels.has(key)) this.#levels.set(key, this.#unpacked(index, size));
    return this.#levels.get(key);
  }

  async #unpacked(index, size) {
    const { generator } = this.#card;
    const { channels, resolution: side } = generator;
    const whole = side * textureRows(generator, side); // of a channel
    const stream = new Blob([this.#packed[index]]).stream()
      .pipeThrough(new DecompressionStream('deflate'));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    for (let at = 0; at < bytes.length; at += 1) { // each pixel was less the one to its left,
      if (at % side) bytes[at] += bytes[at - 1];
    }
    for (let at = 0; at < bytes.length; at += 1) { // each row less the one above
      if (at % whole >= side) bytes[at] += bytes[at - side];
    }
    const rows = textureRows(generator, size);
    const levels = new Uint8Array(4 * size * rows).fill(255);
    const times = side / size;
    for (let c = 0; c < channels; c += 1) {
      const plane = bytes.subarray(c * whole, (c + 1) * whole);
      for (let y = 0; y < rows; y += 1) {
        for (let x = 0; x < size; x += 1) {
          let sum = 0;
          for (let n = 0; n < times * times; n += 1) {
            sum += plane[(y * times + Math.floor(n / times)) * side + x * times + (n % times)];
          }
          levels[4 * (y * size + x) + c] = toEven(sum / (times * times));
        }
      }
    }
    return levels;
  }
}

function toEven(value) {
  const low = Math.floor(value);
  if (value - low === 0.5) return low + (low % 2);
  return Math.round(value);
}
