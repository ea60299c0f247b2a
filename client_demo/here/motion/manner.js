// How a mood speaks, realtime_models/motion/manner.py in JavaScript: what it does to a mouth that
// talks.

const OPEN = 0.2; // jawOpen from which a mouth counts as open

/** Mood -> axis -> factor on what is said, and what an open mouth adds, at full strength. */
export const MANNERS = {
  happy: {
    mouthStretch: [1, 0.35], mouthSmile: [1, 0.3], mouthUpperUp: [1, 0.1], mouthPucker: [0.65, 0],
    mouthFunnel: [0.7, 0],
  },
  sad: { jawOpen: [0.8, 0], mouthStretch: [0.5, 0], mouthUpperUp: [0.6, 0] },
  angry: {
    jawOpen: [1.12, 0], mouthPucker: [1.15, 0], mouthLowerDown: [1.2, 0.2], mouthUpperUp: [1, 0.1],
  },
  surprised: { jawOpen: [1.2, 0], mouthStretch: [0.7, 0] },
  afraid: { jawOpen: [0.9, 0], mouthStretch: [1, 0.3], mouthPucker: [0.75, 0] },
  disgusted: { jawOpen: [0.85, 0], mouthUpperUp: [1.2, 0.25] },
};

/** Mood -> axis of the face -> what the mood at full strength parts lips by. */
export const BARED = {
  happy: { mouthSmile: 0.4, mouthUpperUp: 0.25, jawOpen: 0.12 },
  sad: { mouthLowerDown: 0.3 },
  angry: { mouthLowerDown: 1.25, mouthUpperUp: 0.6, mouthStretch: 0.7, jawOpen: 0.2 },
  surprised: { jawOpen: 0.6, mouthFunnel: 0.3 },
  afraid: { mouthLowerDown: 0.6, jawOpen: 0.2 },
  disgusted: { mouthUpperUp: 1.25, jawOpen: 0.2 },
};
const PRESSED = 0.4; // mouthClose of the motion model from which lips are to meet

const within = (value) => Math.min(Math.max(value, 0), 1);

export class Manner {
  #jaw;
  #close;
  #moves;

  /** axes: names of the motion model's, in its order. */
  constructor(axes) {
    this.#jaw = axes.indexOf('jawOpen');
    this.#close = axes.indexOf('mouthClose');
    this.#moves = Object.fromEntries(Object.entries(MANNERS).map(([mood, moves]) => (
      [mood, Object.entries(moves).filter(([axis]) => axes.includes(axis))
        .map(([axis, [factor, added]]) => ({ at: axes.indexOf(axis), factor, added }))])));
  }

  /** How far lips are to meet, 0 to 1, in what is said. */
  meeting(said) {
    return this.#close < 0 ? 0 : within(said[this.#close] / PRESSED);
  }

  /** What is said, as somebody says it in these moods: [[mood, strength from 0 to 1], ...]. */
  speak(said, moods) {
    const out = [...said];
    let opened = this.#jaw < 0 ? 0 : within(said[this.#jaw] / OPEN);
    if (this.#close >= 0) opened *= 1 - within(said[this.#close]);
    for (const [mood, strength] of moods) {
      for (const { at, factor, added } of this.#moves[mood]) {
        out[at] = out[at] * (1 + strength * (factor - 1)) + strength * added * opened;
      }
    }
    return out;
  }
}
