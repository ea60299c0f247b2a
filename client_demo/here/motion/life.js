// The life of a face that no sound explains: realtime_models/motion/life.py in JavaScript.

import { Random } from './random.js';

const BLINK_CELL = 3.2;
const BLINK_SHARE = 0.85;
const CLOSING = 0.08;
const OPENING = 0.18;
const DOUBLE_BLINKS = 0.12;
const GLANCE_CELL = 2.5;
const SACCADE = 0.025;
const SACCADE_PER_DEGREE = 0.0024;
const BREATH_HZ = 0.24;
const BREATH = 0.3;
const SWAY = {
  headYaw: [[1.6, 0.071], [0.9, 0.173], [0.4, 0.391]],
  headPitch: [[1.0, 0.083], [0.6, 0.211], [0.35, 0.439]],
  headRoll: [[0.8, 0.059], [0.5, 0.149]],
};
const REMEMBERED = 256; // random numbers: a tick asks for the same twenty as the tick before

const wave = (cycles) => Math.sin(2 * Math.PI * cycles);
const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/** The text's letters as one whole number, the first the lowest. */
const word = (text) => [...text].reduceRight((sum, letter) => (
  (sum << 8n) | BigInt(letter.charCodeAt(0))), 0n);

export class Life {
  #seed;
  #known = new Map();

  constructor(seed) {
    this.#seed = seed;
  }

  /** Adds where head, eyes and lids are at a moment. add(axis, value). */
  at(seconds, strength, add) {
    const sway = (axis) => SWAY[axis].reduce((sum, [amplitude, hertz], i) => (
      sum + amplitude * wave(hertz * seconds + this.#random(axis, i))), 0);
    const yaw = sway('headYaw');
    const wander = 0.8 * wave(0.031 * seconds + this.#random('breath', 0));
    const breath = BREATH * Math.sin(2 * Math.PI * BREATH_HZ * seconds + wander);
    add('headYaw', strength * yaw);
    add('headPitch', strength * (sway('headPitch') + breath));
    add('headRoll', strength * sway('headRoll'));
    add('gazeYaw', strength * (this.#glance(seconds, 'gazeYaw', 3) - 0.6 * yaw));
    add('gazePitch', strength * this.#glance(seconds, 'gazePitch', 1.5));
    add('eyeBlink', this.#blink(seconds, BLINK_SHARE * strength));
  }

  /** A number in [0, 1) that belongs to the key. */
  #random(name, number) {
    const key = `${name} ${number}`;
    let found = this.#known.get(key);
    if (found === undefined) {
      found = new Random(this.#seed, word(name), number).random();
      if (this.#known.size >= REMEMBERED) this.#known.clear();
      this.#known.set(key, found);
    }
    return found;
  }

  #blink(seconds, share) {
    let closed = 0;
    const newest = Math.floor(seconds / BLINK_CELL);
    for (let cell = Math.max(0, newest - 1); cell <= newest; cell += 1) {
      if (this.#random('blinks', cell) >= share) continue;
      const start = (cell + 0.8 * this.#random('blink', cell)) * BLINK_CELL;
      closed = Math.max(closed, lids(seconds - start));
      if (this.#random('double', cell) < DOUBLE_BLINKS) {
        closed = Math.max(closed, lids(seconds - start - 0.35));
      }
    }
    return closed * closed * (3 - 2 * closed);
  }

  #glance(seconds, axis, most) {
    const place = (cell) => {
      const u = 2 * this.#random(axis, Math.max(cell, 0)) - 1;
      return most * u * Math.abs(u);
    };
    const cell = Math.floor(seconds / GLANCE_CELL);
    const begins = (cell + 0.9 * this.#random('glance', Math.max(cell, 0))) * GLANCE_CELL;
    const [before, after] = [place(cell - 1), place(cell)];
    const takes = SACCADE + SACCADE_PER_DEGREE * Math.abs(after - before);
    return before + clip((seconds - begins) / takes, 0, 1) * (after - before);
  }
}

function lids(since) {
  if (since < 0 || since >= CLOSING + OPENING) return 0;
  return since < CLOSING ? since / CLOSING : 1 - (since - CLOSING) / OPENING;
}
