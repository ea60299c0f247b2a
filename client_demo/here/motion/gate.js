// Lets the mouth rest when nobody speaks: realtime_models/motion/gate.py in JavaScript.

import { WINDOW, pitch } from './gestures.js';
import { VoiceActivity } from './voice_activity.js';

const FRAME = 160;
const STEP = FRAME / 16000;
const HOLD = 0.30;
const FADE = 0.15;
const ATTACK = 0.02;
const QUIETEST = 4e-4;
const FLOOR_RISE = 1.02;
const HELD_RISE = 1.0005;
const OVER_FLOOR = 2.0;
const NEAR_FLOOR = 4.0;
const ONSET_RATIO = 6.0;
const UNDER_VOICE = 0.12;
const CLEAR = 3.0;
const INSISTS = 0.15;
const PATIENCE = 0.25;
const PAUSE = 0.6;
const FIRST_VOICE = 0.01;
const VOICE_RISE = 0.05;
const VOICE_FALL = 0.001;
const DETECTOR_LEVEL = 0.05;

const { fround } = Math;

export class Gate {
  #activity;
  #recent = new Float32Array(WINDOW);
  #fill = 0;
  #pcm = new Int16Array(FRAME);
  #silent = HOLD + FADE;
  #floor = QUIETEST;
  #voice = FIRST_VOICE;
  #asked = 0;
  open = 0; // how far the mouth may move: 0 rests, 1 speaks freely
  level = 0; // rms of the newest 10 ms

  /** detector: the WebAssembly.Module of fvad.wasm. */
  constructor(detector) {
    this.#activity = new VoiceActivity(detector);
  }

  get speaking() {
    return this.#silent < HOLD;
  }

  hear(samples) {
    for (const sample of samples) {
      if (this.#fill === 0) this.#recent.copyWithin(0, FRAME);
      this.#recent[WINDOW - FRAME + this.#fill] = sample;
      this.#fill = (this.#fill + 1) % FRAME;
      if (this.#fill === 0) this.#hear();
    }
  }

  #hear() {
    const frame = this.#recent.subarray(WINDOW - FRAME);
    let energy = 0;
    for (let i = 0; i < FRAME; i += 1) energy += frame[i] * frame[i];
    const level = Math.sqrt(energy / FRAME);
    const gain = fround(Math.min(Math.max(DETECTOR_LEVEL / this.#voice, 0.1), 30));
    for (let i = 0; i < FRAME; i += 1) { // in float32, as Python does: the detector sees each bit
      this.#pcm[i] = fround(Math.min(Math.max(fround(gain * frame[i]), -1), 1) * 32767);
    }
    let least = UNDER_VOICE * this.#voice;
    this.#asked = Math.max(0, this.#asked - PATIENCE * STEP);
    if (CLEAR * this.#floor < level && level <= least && pitch(this.#recent)) {
      this.#asked += (1 + PATIENCE) * STEP;
      if (this.#asked > INSISTS && this.#silent >= PAUSE) { // whatever was louder has gone
        this.#voice = level;
        least = UNDER_VOICE * level;
        this.#asked = 0;
      }
    }
    const onset = level > Math.max(ONSET_RATIO * this.#floor, 2 * least);
    let voiced = this.#activity.hear(this.#pcm);
    const held = voiced && level < NEAR_FLOOR * this.#floor && pitch(this.#recent) > 0;
    voiced &&= level > Math.max(OVER_FLOOR * this.#floor, least);
    if (voiced) {
      this.#voice += (level > this.#voice ? VOICE_RISE : VOICE_FALL) * (level - this.#voice);
    }
    this.#floor = Math.max(
      QUIETEST, Math.min(level, this.#floor * (held ? HELD_RISE : FLOOR_RISE)),
    );
    this.#silent = onset || voiced ? 0 : this.#silent + STEP;
    const wanted = Math.min(Math.max(1 - (this.#silent - HOLD) / FADE, 0), 1);
    this.open = Math.min(wanted, this.open + STEP / ATTACK);
    this.level = level;
  }
}
