// Gestures that follow how something is said: realtime_models/motion/gestures.py in JavaScript.

import { Random } from './random.js';

const RATE = 16000;
const HOP = 160;
export const WINDOW = 640;
const THINNED = 2;
const LOWEST = 70;
const HIGHEST = 400;
const PERIODIC = 0.55;
const QUIETEST_DB = -55;
const MEMORY = 0.004;
const SWIFTNESS = 0.15;
const ACCENT = 0.7;
const APART_S = 0.5;
const NOD = 2.2;
const NOD_HOPS = 20;
const BEAT_S = [0.2, 0.45];
const WANDER_S = 4.0;
const WANDER = [2.2, 1.7, 1.0];
const SHAKE = [0.6, 1.0, 0.6];
const BACK_S = 1.5;
const COUNTER = 0.6;
const BROW = 0.4;
const BROW_SHARE = 0.25;
const BROW_HOPS = 25;
const PITCH_HZ = 1.8;
const TURN_HZ = 1.0;
const BROW_HZ = 1.8;
const UTTERANCE_S = 1.0;
const PAUSE_S = 0.3;
const END_BLINK_SHARE = 0.5;
const BLINK_S = 0.26;

const SECONDS = HOP / RATE;
const SHORTEST_LAG = Math.trunc(RATE / THINNED / HIGHEST);
const LONGEST_LAG = Math.trunc(RATE / THINNED / LOWEST);

const thin = new Float32Array(WINDOW / THINNED);
const squares = new Float64Array(thin.length); // running sum
const likeness = new Float32Array(LONGEST_LAG + 1);

/** Hz, or 0 where nothing is periodic. window: Float32Array [WINDOW]. */
export function pitch(window) {
  let mean = 0;
  for (let i = 0; i < thin.length; i += 1) {
    thin[i] = 0.5 * (window[2 * i] + window[2 * i + 1]);
    mean += thin[i] / thin.length;
  }
  let energy = 0;
  for (let i = 0; i < thin.length; i += 1) {
    thin[i] -= mean;
    energy += thin[i] * thin[i];
    squares[i] = energy;
  }
  if (energy < 1e-9) return 0;
  let best = 0;
  for (let lag = SHORTEST_LAG; lag <= LONGEST_LAG; lag += 1) {
    let alike = 0;
    for (let i = lag; i < thin.length; i += 1) alike += thin[i] * thin[i - lag];
    const ends = squares[thin.length - 1 - lag] * (energy - squares[lag - 1]);
    likeness[lag] = alike / Math.sqrt(ends + 1e-12);
    best = Math.max(best, likeness[lag]);
  }
  if (best < PERIODIC) return 0;
  let lag = SHORTEST_LAG;
  while (likeness[lag] <= 0.92 * best) lag += 1; // not an octave below
  return RATE / THINNED / lag;
}

/** Something with mass on its way to rest or to a place, critically damped. */
class Spring {
  value = 0;
  speed = 0;

  towards(place, hertz) {
    const omega = 2 * Math.PI * hertz;
    const away = this.value - place;
    const fade = Math.exp(-omega * SECONDS);
    const push = this.speed + omega * away;
    this.value = place + (away + push * SECONDS) * fade;
    this.speed = (this.speed - omega * push * SECONDS) * fade;
  }
}

const spread = (before, away, least) => (
  Math.max(least, Math.sqrt(before ** 2 + MEMORY * (away ** 2 - before ** 2))));

export class Gestures {
  #seed;
  #heard = new Float32Array(WINDOW);
  #fill = WINDOW - HOP;
  #hops = 0;
  #octave = 0; // the speaker's manner: means and standard deviations of log2 of Hz, and of dBFS
  #octaveSpread = 0.2;
  #loudness = -30;
  #loudnessSpread = 6;
  #emphasis = 0;
  #accents = 0;
  #accentAt = -1000;
  #spoken = 0;
  #voicedAt = -1000;
  #blinkAt = -1000;
  #browUntil = 0;
  #nod = 0;
  #nodUntil = 0;
  #beats = 0;
  #beatAt = 0;
  #wander = [0, 0, 0]; // yaw, pitch, roll
  #shake = [0, 0, 0];
  #headYaw = new Spring();
  #headPitch = new Spring();
  #headRoll = new Spring();
  #brow = new Spring();

  constructor(seed) {
    this.#seed = seed;
  }

  /** Hears samples that follow, any number of them. */
  hear(samples) {
    for (const sample of samples) {
      this.#heard[this.#fill] = sample;
      this.#fill += 1;
      if (this.#fill < WINDOW) continue;
      this.#look();
      this.#heard.copyWithin(0, HOP);
      this.#fill = WINDOW - HOP;
    }
  }

  /** Adds where head, brows and lids are. add(axis, value). */
  pose(strength, add) {
    const brow = strength * Math.max(0, this.#brow.value);
    const since = (this.#hops - this.#blinkAt) * SECONDS;
    const [yaw, pitched] = [strength * this.#headYaw.value, strength * this.#headPitch.value];
    add('headYaw', yaw);
    add('headPitch', pitched);
    add('headRoll', strength * this.#headRoll.value);
    add('gazeYaw', -COUNTER * yaw);
    add('gazePitch', -COUNTER * pitched);
    add('browInnerUp', brow);
    add('browOuterUp', 0.8 * brow);
    if (since >= 0 && since < BLINK_S) add('eyeBlink', Math.sin((Math.PI * since) / BLINK_S) ** 2);
  }

  #look() {
    this.#hops += 1;
    const now = this.#hops;
    let energy = 0;
    for (let i = 0; i < WINDOW; i += 1) energy += this.#heard[i] * this.#heard[i];
    const loudness = 10 * Math.log10(energy / WINDOW + 1e-12);
    const hertz = loudness > QUIETEST_DB ? pitch(this.#heard) : 0;
    let wanted = 0;
    if (hertz) {
      const octave = Math.log2(hertz);
      const mean = this.#octave || octave;
      const higher = Math.min(Math.max(octave - mean, -0.5), 0.5);
      const louder = loudness - this.#loudness;
      wanted = 0.6 * (higher / this.#octaveSpread) + 0.4 * (louder / this.#loudnessSpread);
      this.#octave = mean + MEMORY * higher;
      this.#octaveSpread = spread(this.#octaveSpread, higher, 0.08);
      this.#loudness += MEMORY * louder;
      this.#loudnessSpread = spread(this.#loudnessSpread, louder, 3);
      this.#spoken += 1;
      this.#voicedAt = now;
    }
    const before = this.#emphasis;
    this.#emphasis += SWIFTNESS * (Math.min(wanted, 3) - before);
    if (hertz && now >= this.#beatAt) this.#beat(now);
    const rested = (now - this.#accentAt) * SECONDS > APART_S;
    if (this.#emphasis > ACCENT && before <= ACCENT && rested) this.#accent(now);
    if ((now - this.#voicedAt) * SECONDS > PAUSE_S) {
      this.#wander = this.#wander.map((place) => Math.exp(-SECONDS / BACK_S) * place);
      this.#shake = [0, 0, 0];
      if (this.#spoken) this.#endUtterance(now);
    }
    const [yaw, down, roll] = this.#wander.map((place, i) => place + this.#shake[i]);
    this.#headYaw.towards(yaw, TURN_HZ);
    this.#headPitch.towards(down - (now < this.#nodUntil ? this.#nod : 0), PITCH_HZ);
    this.#headRoll.towards(roll, TURN_HZ);
    this.#brow.towards(now < this.#browUntil ? BROW : 0, BROW_HZ);
  }

  #accent(now) {
    const chance = new Random(this.#seed, this.#accents);
    const force = Math.min(1.6, this.#emphasis / ACCENT);
    this.#nod = force * NOD * chance.uniform(0.5, 1.2);
    this.#nodUntil = now + NOD_HOPS;
    if (chance.random() < BROW_SHARE) this.#browUntil = now + BROW_HOPS;
    this.#accents += 1;
    this.#accentAt = now;
  }

  #endUtterance(now) {
    const chance = new Random(this.#seed, this.#accents, 1);
    if (this.#spoken * SECONDS > UTTERANCE_S && chance.random() < END_BLINK_SHARE) this.#blinkAt = now;
    this.#spoken = 0;
  }

  #beat(now) {
    const chance = new Random(this.#seed, this.#beats, 2);
    const lasts = chance.uniform(...BEAT_S);
    const kept = Math.exp(-lasts / WANDER_S);
    const fresh = Math.sqrt(1 - kept * kept);
    this.#wander = this.#wander.map((before, i) => kept * before + fresh * WANDER[i] * chance.normal());
    this.#shake = SHAKE.map((spread) => spread * chance.normal());
    this.#beats += 1;
    this.#beatAt = now + Math.round((lasts * RATE) / HOP);
  }
}
