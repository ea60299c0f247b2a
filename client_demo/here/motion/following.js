// A person's own head moves the face: realtime_models/motion/following.py in JavaScript, which says
// why everything is as it is.

import { DRIVEN, LIPS } from './driven.js';

const both = (name) => [`${name}Left`, `${name}Right`];

export const SCORES = {
  jawOpen: [['jawOpen'], 0.6],
  mouthClose: [both('mouthPress'), 0.6],
  mouthFunnel: [['mouthFunnel'], 0.5],
  mouthPucker: [['mouthPucker'], 0.95],
  mouthStretch: [both('mouthStretch'), 0.5],
  mouthSmile: [both('mouthSmile'), 0.9],
  mouthFrown: [both('mouthFrown'), 0.4],
  mouthUpperUp: [both('mouthUpperUp'), 0.6],
  mouthLowerDown: [both('mouthLowerDown'), 0.6],
  mouthRollLower: [['mouthRollLower'], 0.5],
  eyeBlink: [both('eyeBlink'), 0.6],
  eyeWide: [both('eyeWide'), 0.3],
  eyeSquint: [both('eyeSquint'), 0.8],
  browInnerUp: [['browInnerUp'], 0.8],
  browOuterUp: [both('browOuterUp'), 0.8],
  browDown: [both('browDown'), 0.6],
  noseSneer: [both('noseSneer'), 0.4],
};
const GAZE = {
  gazeYaw: [['eyeLookOutLeft', 'eyeLookInRight'], ['eyeLookInLeft', 'eyeLookOutRight']],
  gazePitch: [both('eyeLookUp'), both('eyeLookDown')],
};
const GAZE_REACH = 0.8;
const HEAD = ['headYaw', 'headPitch', 'headRoll'];
const LEAST_SPAN = 0.25;

export const REST_SECONDS = 2;
const LEAST_PICTURES = 10;
const STILL = 6; // degrees
const AT_REST = 0.25;

const [SLOWEST, QUICKEST] = [0.001, 0.1]; // seconds
const CALM = [1.5, 1];
const QUICK = [3, 3];
const SPEED_CUTOFF = 1; // Hz
const LIDS = new Set(['eyeBlink', 'eyeWide', 'eyeSquint']);

const [DARK, DIM] = [30, 55];
const [AHEAD, ASIDE] = [25, 40]; // degrees
const REDDISH = 0.02;
const [COVERED, BARE] = [0.2, 0.5];
const TRUST_EASE = 0.2; // seconds

const LIP_PAIRS = [[0, 13], [37, 82], [267, 312], [14, 17], [178, 181], [402, 405]];
const SKIN = [50, 280, 205, 425, 200];

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const ramp = (value, low, high) => clamp((value - low) / (high - low), 0, 1);
const mean = (scores, names) => names.reduce((sum, name) => sum + scores[name], 0) / names.length;
const weight = (cutoff, step) => 1 / (1 + 1 / (2 * Math.PI * cutoff * step));

/** A person whom a camera sees. */
export class Follower {
  #rest = null;
  #seen = []; // what rest is made of
  #at = 0;
  #shares = DRIVEN.map(() => 0);
  #speeds = DRIVEN.map(() => 0);
  #trust = 0;

  /** Whether the person's rest is known. */
  get knows() {
    return this.#rest !== null;
  }

  /** How well lips are seen, 0 to 1. */
  get trust() {
    return this.#trust;
  }

  /** observed: { at, scores, angles, light, redness } of the next picture with a face. lips: how
   * much of the mouth is to follow the camera. Returns { values, lips }, or null while the person's
   * rest is not known. */
  follow(observed, lips) {
    const { at } = observed;
    if (this.#rest === null) {
      const before = this.#seen.length;
      this.#seen = this.#seen.filter((one) => at - one.at <= REST_SECONDS);
      this.#seen.push(observed);
      if (this.#seen.length <= before && isStill(this.#seen)) {
        this.#rest = restOf(this.#seen);
        this.#seen = [];
        this.#at = at;
      }
      return null;
    }
    const step = clamp(at - this.#at, SLOWEST, QUICKEST);
    this.#at = at;
    const raw = sharesOf(observed, this.#rest);
    const values = {};
    DRIVEN.forEach(({ name, low, high }, i) => {
      const [lowest, added] = LIPS.has(name) || LIDS.has(name) ? QUICK : CALM;
      const move = raw[name] - this.#shares[i];
      this.#speeds[i] += weight(SPEED_CUTOFF, step) * (move / step - this.#speeds[i]);
      this.#shares[i] += weight(lowest + added * Math.abs(this.#speeds[i]), step) * move;
      values[name] = (this.#shares[i] > 0 ? high : -low) * this.#shares[i];
    });
    const goal = trustOf(observed, this.#rest);
    this.#trust = goal + Math.exp(-step / TRUST_EASE) * (this.#trust - goal);
    return { values, lips: lips * this.#trust };
  }
}

function isStill(seen) {
  return seen.length >= LEAST_PICTURES && HEAD.every((_, i) => {
    const turned = seen.map(({ angles }) => angles[i]);
    return Math.max(...turned) - Math.min(...turned) <= STILL;
  });
}

function restOf(seen) {
  const quantile = (share, values) => (
    values.sort((a, b) => a - b)[Math.floor(share * seen.length)]);
  const looks = new Set(Object.values(GAZE).flat(2));
  const scores = Object.fromEntries(Object.keys(seen[0].scores).map((name) => [
    name, quantile(looks.has(name) ? 0.5 : AT_REST, seen.map((one) => one.scores[name]))]));
  return {
    scores,
    angles: HEAD.map((_, i) => quantile(0.5, seen.map(({ angles }) => angles[i]))),
    redness: quantile(0.5, seen.map(({ redness }) => redness)),
  };
}

function sharesOf(observed, rest) {
  const found = {};
  for (const [name, [sources, end]] of Object.entries(SCORES)) {
    const still = mean(rest.scores, sources);
    const moved = mean(observed.scores, sources) - still;
    found[name] = clamp(moved / Math.max(end - still, LEAST_SPAN), 0, 1);
  }
  for (const [name, [onward, back]] of Object.entries(GAZE)) {
    const [now, still] = [observed, rest].map(({ scores }) => (
      mean(scores, onward) - mean(scores, back)));
    found[name] = clamp((now - still) / GAZE_REACH, -1, 1);
  }
  for (const name of ['gazePitch', 'eyeSquint']) found[name] *= 1 - found.eyeBlink;
  HEAD.forEach((name, i) => {
    const { high } = DRIVEN.find((axis) => axis.name === name);
    found[name] = clamp((observed.angles[i] - rest.angles[i]) / high, -1, 1);
  });
  return found;
}

function trustOf({ light, angles, redness }, rest) {
  const seen = ramp(light, DARK, DIM) * ramp(-Math.abs(angles[0]), -ASIDE, -AHEAD);
  return rest.redness < REDDISH ? seen : seen * ramp(redness / rest.redness, COVERED, BARE);
}

/** Degrees of yaw, pitch and roll from MediaPipe's matrix, column by column. */
export function anglesOf(matrix) {
  const at = (row, column) => matrix[4 * column + row];
  const degrees = 180 / Math.PI;
  return [
    degrees * Math.atan2(at(0, 2), at(2, 2)),
    degrees * Math.asin(clamp(at(1, 2), -1, 1)),
    degrees * Math.atan2(-at(1, 0), at(1, 1)),
  ];
}

/** { light, redness } of a face. picture: ImageData; marks: [[x, y]] landmarks, as shares of width
 * and height. */
export function colours({ data, width, height }, marks) {
  const middle = ([a, b]) => [0, 1].map((i) => (marks[a][i] + marks[b][i]) / 2);
  const sample = ([x, y]) => {
    const column = clamp(Math.trunc(x * width), 1, width - 2);
    const row = clamp(Math.trunc(y * height), 1, height - 2);
    const sum = [0, 0, 0];
    for (let down = -1; down <= 1; down += 1) {
      for (let right = -1; right <= 1; right += 1) {
        const at = 4 * ((row + down) * width + column + right);
        for (let i = 0; i < 3; i += 1) sum[i] += data[at + i] / 9;
      }
    }
    return sum;
  };
  const lips = LIP_PAIRS.map((pair) => sample(middle(pair)));
  const skin = SKIN.map((mark) => sample(marks[mark]));
  const red = (found) => found.reduce((sum, [r, g, b]) => sum + r / (r + g + b + 1), 0)
    / found.length;
  const light = skin.flat().reduce((sum, level) => sum + level, 0) / (3 * skin.length);
  return { light, redness: red(lips) - red(skin) };
}
