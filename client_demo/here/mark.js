// The mark in every picture: the pattern of realtime_models/mark.py, which says why and how.

import { Random } from './motion/random.js';

const KEY = BigInt(`0x${[...'latentcam'].map((c) => c.charCodeAt(0).toString(16)).join('')}`);
const [LOWEST, HIGHEST] = [4, 25];
const SYNC_SHARE = 0.4;
const BYTES = 5;
const STRENGTH = 0.7;
const MOST = 6;
const OPAQUE = 128; // levels of alpha from which a pixel is marked

/** The session's four bytes, and the lowest of their CRC-32. */
function payload(mark) {
  const data = [24, 16, 8, 0].map((shift) => (mark >>> shift) & 255);
  let rest = 0xffffffff;
  for (const byte of data) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return [...data, ~rest & 255];
}

/** [waves along the height, along the width, phase] of each wave of a session's mark. */
function waves(mark) {
  const random = new Random(KEY);
  const all = [];
  for (let y = -HIGHEST; y <= HIGHEST; y += 1) {
    for (let x = 1; x <= HIGHEST; x += 1) {
      const round = y * y + x * x;
      if (y !== 0 && round >= LOWEST ** 2 && round <= HIGHEST ** 2) all.push({ y, x });
    }
  }
  for (const wave of all) wave.order = random.bits();
  all.sort((a, b) => (a.order < b.order ? -1 : 1));
  const sync = Math.round(SYNC_SHARE * all.length);
  const each = Math.floor((all.length - sync) / BYTES);
  const count = sync + BYTES * each;
  const phases = Array.from({ length: count }, () => Number(random.bits()) * 2 * Math.PI * 2 ** -64);
  const said = payload(mark);
  const turned = new Uint8Array(count);
  for (let byte = 0; byte < BYTES; byte += 1) {
    for (let value = 0; value < 256; value += 1) {
      for (let n = 0; n < each; n += 1) {
        const bit = Number(random.bits() >> 63n);
        if (value === said[byte]) turned[sync + byte * each + n] = bit;
      }
    }
  }
  return phases.map((phase, n) => [all[n].y, all[n].x, phase + Math.PI * turned[n]]);
}

/** What is added to the levels of a picture: Int8Array [size * size]; `size` is even. */
export function pattern(size, mark) {
  const made = waves(mark);
  const side = size / 2;
  const rows = 2 * HIGHEST + 1;
  const [real, imaginary] = [new Float64Array(rows * side), new Float64Array(rows * side)];
  for (const [y, x, phase] of made) {
    for (let column = 0; column < side; column += 1) {
      const angle = phase + (2 * Math.PI * x * (column + 0.5)) / side;
      real[(y + HIGHEST) * side + column] += Math.cos(angle);
      imaginary[(y + HIGHEST) * side + column] += Math.sin(angle);
    }
  }
  const scale = STRENGTH * Math.sqrt(2 / made.length);
  const whole = new Int8Array(size * size);
  for (let row = 0; row < side; row += 1) {
    const sums = new Float64Array(side);
    for (let y = -HIGHEST; y <= HIGHEST; y += 1) {
      const angle = (2 * Math.PI * y * (row + 0.5)) / side;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const from = (y + HIGHEST) * side;
      for (let column = 0; column < side; column += 1) {
        sums[column] += cos * real[from + column] - sin * imaginary[from + column];
      }
    }
    sums.forEach((sum, column) => {
      const level = Math.max(-MOST, Math.min(MOST, Math.round(scale * sum)));
      for (const at of [row, row + side]) {
        whole[at * size + column] = level;
        whole[at * size + column + side] = level;
      }
    });
  }
  return whole;
}

/** Marks pictures of one size with a number of their own, in place. */
export class Marker {
  #pattern;

  constructor(size, mark = crypto.getRandomValues(new Uint32Array(1))[0]) {
    this.mark = mark;
    this.#pattern = pattern(size, mark);
  }

  /** levels: Uint8ClampedArray [size * size * 4]. What is see-through stays as it is. */
  levels(levels) {
    for (let n = 0; n < this.#pattern.length; n += 1) {
      const added = levels[4 * n + 3] < OPAQUE ? 0 : this.#pattern[n];
      levels[4 * n] += added;
      levels[4 * n + 1] += added;
      levels[4 * n + 2] += added;
    }
    return levels;
  }

  /** A canvas of the size. */
  canvas(canvas) {
    const ink = canvas.getContext('2d');
    const picture = ink.getImageData(0, 0, canvas.width, canvas.height);
    this.levels(picture.data);
    ink.putImageData(picture, 0, 0);
    return canvas;
  }
}
