// A call without a server: voice, motion and picture stay in the page. It stands in for ../call.js.

import { address } from '../server.js';
import { Trouble } from '../words.js';
import { Pace, Painter } from './painter.js';

const TELL_EVERY = 500; // ms between two tellings of how it goes

const beside = (url) => new URL(url, import.meta.url);

let detector = null;

/** The module of the voice detector, compiled once. Not streamed: some servers do not name its
 * type. */
export function findDetector() {
  detector ??= fetch(beside('vendor/fvad.wasm')).then((response) => response.arrayBuffer())
    .then((bytes) => WebAssembly.compile(bytes));
  return detector;
}

/** See `Call` for what its methods promise. */
export class HereCall {
  #face;
  #mayLeave;
  #config;
  #mic;
  #on;
  #end;
  #context;
  #source = null;
  #hearing;
  #late; // delays the voice until its picture is there
  #painter;
  #pace;
  #settings = { expression: {}, life: 1 };
  #newest = { speaking: false, level: 0 };
  #telling = 0;

  /** face, mayLeave: of the way that was chosen. on: as for `Call`. */
  constructor({ face, mayLeave }, config, mic, on) {
    this.#face = face;
    this.#mayLeave = mayLeave;
    this.#config = config;
    this.#pace = new Pace(config.fps);
    this.#mic = mic;
    this.#on = on;
    this.over = new Promise((_, reject) => { this.#end = reject; });
    this.over.catch(() => {});
  }

  async open(wishes) {
    this.#painter = new Painter(this.#face, wishes, () => this.#follow());
    this.#context = new AudioContext({ latencyHint: 'interactive' });
    await this.#context.audioWorklet.addModule(beside('hearing.js'));
    const { card, motion } = this.#face.pack;
    this.#hearing = new AudioWorkletNode(this.#context, 'hearing', {
      outputChannelCount: [1],
      processorOptions: {
        card, motion, detector: await findDetector(), fps: this.#config.fps,
        seed: crypto.getRandomValues(new Uint32Array(1))[0],
      },
    });
    this.#hearing.port.onmessage = ({ data }) => this.#move(data);
    this.#hearing.onprocessorerror = () => this.#end(new Trouble('unknown'));
    this.#late = new DelayNode(this.#context, { maxDelayTime: 2 });
    const voice = new MediaStreamAudioDestinationNode(this.#context, { channelCount: 1 });
    this.#hearing.connect(this.#late).connect(voice);
    await this.replaceMic(this.#mic);
    void this.#context.resume();
    this.#face.lost.then(() => this.#end(new Trouble('gpu-lost')));

    this.#on.track({ track: this.#painter.track });
    this.#on.track({ track: voice.stream.getAudioTracks()[0] });
    this.#telling = setInterval(() => this.#tell(), TELL_EVERY);
    return false;
  }

  send({ type, expression, life, ...look }) {
    if (type !== 'change') return;
    this.#painter?.change(look);
    if (expression !== undefined) this.#settings.expression = { ...expression };
    if (life !== undefined) this.#settings.life = life;
    this.#hearing?.port.postMessage(this.#settings);
  }

  get canDrive() {
    return true;
  }

  drive(driven) {
    this.#hearing?.port.postMessage({ driven });
  }

  async replaceMic(mic) {
    this.#source?.disconnect();
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: mic });
    this.#source.connect(this.#hearing);
  }

  async stats() {
    return new Map([['face', this.#painter.report()]]);
  }

  close(trouble = new Trouble('lost')) {
    clearInterval(this.#telling);
    this.#end(trouble);
    this.#hearing?.port.close();
    if (this.#context && this.#context.state !== 'closed') void this.#context.close();
  }

  #move({ x, speaking, level }) {
    const changed = speaking !== this.#newest.speaking;
    this.#newest = { speaking, level };
    if (changed) this.#tell();
    void this.#painter.move(x);
  }

  /** The voice comes when the lips that say it are seen: the picture shows the mouth as it was
   * `look_ahead_s` ago, and stays for a tick. */
  #follow() {
    const { look_ahead_s: lookAhead } = this.#face.pack.card.motion;
    const late = this.#painter.age / 1000 + lookAhead + 0.5 / this.#config.fps;
    this.#late.delayTime.setTargetAtTime(late, this.#context.currentTime, 1);
  }

  #tell() {
    const { frames, skipped } = this.#painter;
    const slow = !this.#pace.keepsUp(frames);
    if (slow && this.#mayLeave) this.#end(new Trouble('slow'));
    this.#on.telemetry({
      type: 'telemetry', fps: this.#pace.fps, frames, skipped, age_ms: this.#painter.ages(),
      resolution: String(this.#face.size), voice_delay_ms: 1000 * this.#late.delayTime.value,
      ...this.#newest,
    });
  }
}

/** Fetches a file of the pack that this page was served with. */
export const openPack = (name) => fetch(address(`pack/${name}`));
