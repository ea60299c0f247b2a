// The faces of a pack as latents, and how a control vector moves them: w = anchor + basis · x.

import { floats } from './half.js';
import { Random } from './motion/random.js';
import { numWs, rowsOf } from './network.js';

export class Faces {
  #card;
  #tensors;
  #basis;
  #identities;
  #moved;

  /** pack: from `loadPack`. */
  constructor({ card, generator, identities }) {
    this.#card = card;
    this.#tensors = generator;
    this.#basis = floats(generator.get('basis')); // [num_ws * w_dim][axes]
    this.#identities = floats(identities.get('identities'));
    this.#moved = new Float32Array(numWs(card.generator) * card.generator.w_dim);
  }

  /** The latent of a face at rest, Float32Array [num_ws * w_dim]: one of the pack's by its name, or
   * a new one by its number, the same that Python makes of it. */
  anchor(identity) {
    const named = this.#card.identities.findIndex((name) => (
      name.toLowerCase() === identity.toLowerCase()));
    const size = this.#moved.length;
    if (named >= 0) return this.#identities.slice(named * size, (named + 1) * size);
    if (!/^\d{1,18}$/.test(identity)) throw new Error(`got ${identity}, expected a face's name or number`);
    return this.#sampled(BigInt(identity));
  }

  /** `into` with the styles of one band ("coarse", "middle", "fine") from `taken`; both anchors. */
  mixed(into, taken, band) {
    const { generator } = this.#card;
    const latent = into.slice();
    for (const row of rowsOf(generator, band)) {
      const [from, to] = [row * generator.w_dim, (row + 1) * generator.w_dim];
      latent.set(taken.subarray(from, to), from);
    }
    return latent;
  }

  #sampled(seed) {
    const { generator: config, truncation_psi: psi, truncation_cutoff: cutoff } = this.#card;
    const official = config.mapping.kind === 'official';
    const random = new Random(seed);
    let x = Float32Array.from({ length: config.z_dim }, () => random.normal());
    if (official) {
      const power = x.reduce((sum, value) => sum + value * value, 0) / x.length;
      x = x.map((value) => value / Math.sqrt(power + 1e-8));
    }
    for (let n = 0; n < config.mapping.layers; n += 1) {
      const weight = floats(this.#tensors.get(`mapping.layers.${n}.weight`));
      const from = x;
      x = Float32Array.from(floats(this.#tensors.get(`mapping.layers.${n}.bias`)), (bias, row) => (
        from.reduce((sum, value, i) => sum + value * weight[row * from.length + i], bias)));
      if (official || n + 1 < config.mapping.layers) {
        x = x.map((value) => Math.max(value, 0.2 * value) * Math.SQRT2);
      }
    }
    const mean = floats(this.#tensors.get('mapping.w_avg'));
    const rows = cutoff ?? Infinity;
    return Float32Array.from({ length: this.#moved.length }, (_, i) => {
      const [row, column] = [Math.floor(i / x.length), i % x.length];
      return row < rows ? mean[column] + psi * (x[column] - mean[column]) : x[column];
    });
  }

  /** The latent of the face at `anchor` moved by x; written over at the next call. */
  move(anchor, x) {
    const clamped = this.#card.axes.map(({ low, high }, k) => Math.min(Math.max(x[k], low), high));
    const axes = clamped.flatMap((value, k) => (value === 0 ? [] : [k])); // most of them rest
    for (let i = 0, row = 0; i < anchor.length; i += 1, row += clamped.length) {
      let sum = anchor[i];
      for (const k of axes) sum += this.#basis[row + k] * clamped[k];
      this.#moved[i] = sum;
    }
    return this.#moved;
  }
}
