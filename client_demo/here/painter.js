// Draws motion as it comes, the newest only, on a canvas that a video plays.

import { backdrop } from './backdrop.js';
import { Marker } from './mark.js';

const SMOOTHING = 0.1; // share of each picture's age that the mean age follows
const REMEMBERED = 100; // pictures whose ages are told

export class Painter {
  #face;
  #canvas = document.createElement('canvas');
  #ink;
  #bare = document.createElement('canvas'); // the face alone
  #background = null; // what is drawn behind it, or nothing
  #marker; // says in every picture, unseen, that it is synthetic
  #passage; // from one anchor to another
  #waiting = null; // the newest motion that is not drawn yet
  #drawing = false;
  #ages = []; // ms
  frames = 0; // drawn
  skipped = 0; // motions that were never drawn because a newer one came first
  age = 0; // from a motion's coming to its picture, ms, the mean of the newest

  /** face: from `Face.make`. identity, background: as an Offer has them; without a background what
   * is behind a face with alpha stays transparent. onDrawn: called after each picture. */
  constructor(face, { identity, background }, onDrawn = () => {}) {
    this.#face = face;
    this.onDrawn = onDrawn;
    this.#marker = new Marker(face.size);
    const anchor = face.anchor(identity);
    this.#passage = { start: anchor, goal: anchor, begun: 0, ms: 0 };
    for (const canvas of [this.#canvas, this.#bare]) {
      Object.assign(canvas, { width: face.size, height: face.size });
    }
    this.#ink = this.#canvas.getContext('2d');
    if (background !== undefined) this.change({ background });
    [this.track] = this.#canvas.captureStream().getVideoTracks();
  }

  /** Shows another face or background from now on: the fields of a Change that are about that. */
  change({ identity, mix, morph = 0, background }) {
    if (background !== undefined && this.#face.hasAlpha) void this.#putBehind(background);
    if (identity === undefined && !mix) return;
    let anchor = identity === undefined ? this.#passage.goal : this.#face.anchor(identity);
    if (mix) anchor = this.#face.mixed(anchor, this.#face.anchor(mix.identity), mix.styles);
    const now = performance.now();
    this.#passage = { start: this.#anchor(now), goal: anchor, begun: now, ms: 1000 * morph };
  }

  /** Where the face is on its way to another. */
  #anchor(now) {
    const { start, goal, begun, ms } = this.#passage;
    if (now >= begun + ms) return goal;
    const share = (now - begun) / ms;
    const eased = share * share * (3 - 2 * share);
    return start.map((value, i) => value + eased * (goal[i] - value));
  }

  async #putBehind(name) {
    const behind = await backdrop(name, this.#face.size).catch(() => null);
    if (behind) this.#background = this.#marker.canvas(behind); // else it is not there: what was before stays
  }

  #draw(levels) {
    const picture = new ImageData(this.#marker.levels(levels), this.#face.size);
    if (!this.#background) {
      this.#ink.putImageData(picture, 0, 0);
      return;
    }
    this.#bare.getContext('2d').putImageData(picture, 0, 0);
    this.#ink.drawImage(this.#background, 0, 0);
    this.#ink.drawImage(this.#bare, 0, 0);
  }

  /** Takes a control vector, which is not written to again. */
  async move(x) {
    if (this.#waiting) this.skipped += 1;
    this.#waiting = { x, came: performance.now() };
    if (this.#drawing) return;
    this.#drawing = true;
    while (this.#waiting) {
      const { x: newest, came } = this.#waiting;
      this.#waiting = null;
      this.#draw(await this.#face.picture(this.#anchor(performance.now()), newest));
      this.frames += 1;
      this.#grow(performance.now() - came);
      this.onDrawn();
    }
    this.#drawing = false;
  }

  #grow(age) {
    this.#ages.push(age);
    if (this.#ages.length > REMEMBERED) this.#ages.shift();
    this.age = this.frames === 1 ? age : this.age + SMOOTHING * (age - this.age);
  }

  /** Ages of the newest pictures: { p50, p95 }, ms. */
  ages() {
    const sorted = [...this.#ages].sort((a, b) => a - b);
    const at = (share) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    return { p50: at(0.5), p95: at(0.95) };
  }

  /** As much of a connection's report as the figures read. */
  report() {
    const { width, height } = this.#canvas;
    return {
      type: 'inbound-rtp', kind: 'video', framesDecoded: this.frames, framesDropped: 0,
      frameWidth: width, frameHeight: height, packetsLost: 0, packetsReceived: this.frames,
    };
  }
}

const BEHIND_FOR = 5; // seconds of too few pictures after which a device is too slow
const LEAST_SHARE = 0.6; // of the pictures a second that there should be

/** Whether a device keeps up: asked now and then, with the pictures so far. */
export class Pace {
  #fps;
  #before = null;
  #behind = 0; // seconds
  fps = 0; // pictures a second, lately

  constructor(fps) {
    this.#fps = fps;
  }

  /** False when it has been too slow for a while. */
  keepsUp(frames, now = performance.now(), hidden = document.hidden) {
    const before = this.#before;
    this.#before ??= { frames, now };
    const seconds = before ? (now - before.now) / 1000 : 0;
    if (seconds < 0.4) return true;
    this.#before = { frames, now };
    this.fps = (frames - before.frames) / seconds;
    this.#behind = this.fps < LEAST_SHARE * this.#fps && !hidden ? this.#behind + seconds : 0;
    return this.#behind <= BEHIND_FOR;
  }
}
