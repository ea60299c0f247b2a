// A call whose face is drawn here: the server hears, and sends motion over a data channel.

import { Call, LOOSE } from '../call.js';
import { Trouble } from '../words.js';
import { BadPacket, Decoder } from './codec.js';
import { Glide } from './glide.js';
import { Pace, Painter } from './painter.js';

const LATE = 1.6; // ticks without a packet after which the face goes on by itself
const MOST_LATE = 4; // ticks that it does so
const TELL_EVERY = 500; // ms

/** A `Call` that draws; the server is asked for motion instead of pictures. */
export class LatentsCall extends Call {
  #on;
  #face;
  #mayLeave;
  #fps;
  #painter = null;
  #pace;
  #decoder;
  #glide = new Glide();
  #waiting = 0; // for the next packet
  #telling = 0;

  /** face, mayLeave: of the way that was chosen; the rest as for `Call`. */
  constructor({ face, mayLeave }, config, mic, inSync, on) {
    const picture = { listen: () => {} };
    super(config, mic, inSync, {
      ...on,
      track: (event) => { if (event.track.kind === 'audio') on.track(event); },
      telemetry: (message) => on.telemetry({ ...message, ...this.#figures(message) }),
      peer: (peer) => {
        const channel = peer.createDataChannel('latents', LOOSE);
        channel.binaryType = 'arraybuffer';
        channel.addEventListener('message', ({ data }) => picture.listen(new Uint8Array(data)));
      },
    });
    picture.listen = (packet) => this.#hear(packet);
    this.#on = on;
    this.#face = face;
    this.#mayLeave = mayLeave;
    this.#fps = config.fps;
    this.#pace = new Pace(config.fps);
    this.#decoder = new Decoder(face.pack.card.axes);
  }

  async open(wishes) {
    this.#painter = new Painter(this.#face, wishes);
    await super.open({ identity: wishes.identity, latents: true });
    this.#face.lost.then(() => this.close(new Trouble('gpu-lost')));
    this.#on.track({ track: this.#painter.track });
    this.#telling = setInterval(() => {
      if (!this.#pace.keepsUp(this.#painter.frames) && this.#mayLeave) this.close(new Trouble('slow'));
    }, TELL_EVERY);
    return false;
  }

  send(message) {
    super.send(message);
    if (message.type === 'change') this.#painter?.change(message);
  }

  async stats() {
    const report = new Map(await super.stats());
    for (const [key, { type, kind }] of report) {
      if (type === 'inbound-rtp' && kind === 'video') report.delete(key);
    }
    return report.set('face', this.#painter.report());
  }

  close(trouble) {
    clearInterval(this.#telling);
    clearTimeout(this.#waiting);
    super.close(trouble);
  }

  #hear(packet) {
    const missed = this.#decoder.missed;
    try {
      if (!this.#decoder.decode(packet)) return;
    } catch (error) {
      if (!(error instanceof BadPacket)) throw error;
      return; // as if it were lost
    }
    void this.#painter?.move(this.#glide.came(this.#decoder.x, this.#decoder.missed - missed));
    this.#await(LATE, MOST_LATE);
  }

  #await(ticks, times) {
    clearTimeout(this.#waiting);
    if (times === 0) return;
    this.#waiting = setTimeout(() => {
      void this.#painter?.move(this.#glide.late());
      this.#await(1, times - 1);
    }, (1000 * ticks) / this.#fps);
  }

  /** The server's age ends when motion leaves; that of the picture is drawn on top. */
  #figures({ age_ms: age }) {
    const drawn = this.#painter?.ages() ?? { p50: 0, p95: 0 };
    return {
      age_ms: { p50: age.p50 + drawn.p50, p95: age.p95 + drawn.p95 },
      resolution: String(this.#face.size),
    };
  }
}
