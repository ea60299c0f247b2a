// One voice's performance, the motion of a whole face: realtime_models/motion/performance.py in
// JavaScript.

import { DRIVEN, HOLD, LIPS } from './driven.js';
import { Gate } from './gate.js';
import { Gestures } from './gestures.js';
import { Life } from './life.js';
import { Lstm } from './lstm.js';
import { BARED, Manner, MANNERS } from './manner.js';
import { LogMel } from './mel.js';

const RATE = 16000;
const LOUDEST = 10;
const EASE = 0.2;
const STILL = 1e-3;

/** How far those of FACE_AXES go that are no activations (realtime_models/axes.py). */
export const DEGREES = {
  gazeYaw: 25, gazePitch: 15, headYaw: 25, headPitch: 18, headRoll: 18,
};

export class Performer {
  #mel;
  #lstm;
  #gate;
  #gestures;
  #life;
  #axes;
  #index;
  #drives;
  #articulation;
  #manner;
  #moods; // axes that are moods
  #mouth; // of the motion model, in its axes' units
  #ranges; // of the motion model's axes
  #x;
  #newest = []; // heard since the last pose
  #heard = 0;
  #mood = new Map(); // how far the face has come on its way to what is asked for
  #lively = 0;
  #seen; // axes that a camera sees
  #driven = { values: {}, lips: 0 }; // what a camera lent last
  #drivenUntil = 0; // in samples heard
  #following = 0; // how far the face follows it
  settings = { expression: {}, life: 1 };

  /** card, motion: of a pack. detector: see `Gate`. seed: for blinks, glances and turns. */
  constructor({ card, motion, detector, seed }) {
    this.#mel = new LogMel(card.motion.mel);
    this.#lstm = new Lstm(card.motion, motion);
    this.#gate = new Gate(detector);
    this.#gestures = new Gestures(seed);
    this.#life = new Life(seed);
    this.#axes = card.axes;
    this.#index = new Map(card.axes.map(({ name }, i) => [name, i]));
    this.#drives = card.calibration.drives.map(({ motion: from, axis, gain = 1 }) => (
      { from: card.motion.axes.indexOf(from), to: this.#index.get(axis), gain }));
    this.#articulation = card.calibration.articulation;
    this.#manner = new Manner(card.motion.axes);
    this.#moods = card.axes.filter(({ name }) => name in MANNERS);
    this.#ranges = card.motion.axes.map((name) => (
      name in DEGREES ? [-DEGREES[name], DEGREES[name]] : [0, 1]));
    this.#seen = DRIVEN.map(({ name }) => this.#index.get(name)).filter((at) => at !== undefined);
    this.#mouth = new Float32Array(card.motion.axes.length);
    this.#x = new Float32Array(card.axes.length);
  }

  get speaking() {
    return this.#gate.speaking;
  }

  get level() {
    return this.#gate.level;
  }

  /** A camera lends this from now on: { values, lips }. HOLD seconds after the last time, the face
   * goes its own way again. */
  drive(driven) {
    this.#driven = driven;
    this.#drivenUntil = this.#heard + HOLD * RATE;
  }

  /** Hears what follows: a Float32Array at 16 kHz of any length, whose broken samples are repaired
   * and which is kept until the next pose. */
  hear(samples) {
    for (let i = 0; i < samples.length; i += 1) { // broken ones are repaired
      const sample = Number.isFinite(samples[i]) ? samples[i] : Math.sign(samples[i]) || 0;
      samples[i] = Math.min(Math.max(sample, -LOUDEST), LOUDEST);
    }
    for (const sample of samples) {
      if (!this.#mel.push(sample)) continue;
      this.#lstm.step(this.#mel.mel);
      this.#lstm.activations.forEach((value, i) => {
        const [low, high] = this.#ranges[i];
        this.#mouth[i] = low + (high - low) * value;
      });
    }
    this.#gate.hear(samples);
    this.#newest.push(samples);
  }

  /** Where the face is after what was heard since the last pose: the control vector over the pack's
   * axes, within their ranges. Once a tick, as in Python: a face that comes to rest stops hearing
   * how something is said, and does so between ticks. */
  pose() {
    const count = this.#newest.reduce((sum, samples) => sum + samples.length, 0);
    this.#heard += count;
    this.#ease(count / RATE);
    if (this.#lively) for (const samples of this.#newest) this.#gestures.hear(samples);
    this.#newest.length = 0;
    const x = this.#x.fill(0);
    const strength = this.#articulation * this.#gate.open;
    const moods = this.#moods.filter(({ name }) => this.#mood.has(name)).map(({ name, high }) => (
      [name, Math.min(Math.max(this.#mood.get(name) / high, 0), 1)]));
    const said = this.#manner.speak(this.#mouth, moods);
    for (const { from, to, gain } of this.#drives) x[to] += strength * gain * said[from];
    const lips = this.#following * this.#driven.lips;
    for (const at of this.#seen) x[at] *= 1 - lips;
    const adding = (share) => (name, value) => {
      const at = this.#index.get(name);
      if (at !== undefined) x[at] += share * value;
    };
    const [add, own] = [adding(1), adding(1 - this.#following)];
    for (const [name, value] of this.#mood) add(name, value);
    const apart = 1 - this.#gate.open * this.#manner.meeting(this.#mouth);
    for (const [mood, felt] of moods) {
      for (const [name, value] of Object.entries(BARED[mood])) add(name, felt * apart * value);
    }
    if (this.#lively) {
      this.#gestures.pose(this.#lively, own);
      this.#life.at(this.#heard / RATE, this.#lively, own);
    }
    if (this.#following) {
      for (const [name, value] of Object.entries(this.#driven.values)) {
        add(name, (LIPS.has(name) ? lips : this.#following) * value);
      }
    }
    this.#axes.forEach(({ low, high }, i) => { x[i] = Math.min(Math.max(x[i], low), high); });
    return x;
  }

  /** Moves expression and life towards what the settings ask for, and the face towards what is lent,
   * or back to its own life. */
  #ease(seconds) {
    const { expression, life } = this.settings;
    const left = Math.exp(-seconds / EASE);
    const lively = life + left * (this.#lively - life);
    this.#lively = life || lively > STILL ? lively : 0;
    const isDriven = this.#heard <= this.#drivenUntil ? 1 : 0;
    const follows = isDriven + left * (this.#following - isDriven);
    this.#following = isDriven || follows > STILL ? follows : 0;
    for (const { name, low, high } of this.#axes) {
      const asked = expression[name];
      const before = this.#mood.get(name);
      if (asked === undefined && before === undefined) continue;
      const goal = Math.min(Math.max(asked ?? 0, low - high), high - low);
      this.#mood.set(name, goal + left * ((before ?? 0) - goal));
    }
  }
}
