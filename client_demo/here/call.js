// A call without a server: voice, motion and picture stay in the page. It stands in for ../call.js.

import { address } from '../server.js';
import { Trouble } from '../words.js';

const TELL_EVERY = 500; // ms between two tellings of how it goes
const BEHIND_FOR = 5; // seconds of too few pictures after which it is given up
const LEAST_SHARE = 0.6; // of the pictures a second that there should be
const SMOOTHING = 0.1; // share of each picture's age that the mean age follows

const beside = (url) => new URL(url, import.meta.url);

let detector = null; // of voices, compiled once

/** See `Call` for what its methods promise. */
export class HereCall {
  #face;
  #fps;
  #mayLeave; // for video, if this device is too slow
  #mic;
  #on;
  #end;
  #context;
  #source = null;
  #hearing;
  #late; // delays the voice until its picture is there
  #canvas = document.createElement('canvas');
  #ink;
  #anchor = null;
  #settings = { expression: {}, life: 1 };
  #motion = null; // the newest that is not drawn yet
  #drawing = false;
  #ages = []; // of the newest pictures, ms
  #age = 0; // their mean
  #counts = { frames: 0, skipped: 0 };
  #told = { frames: 0, at: 0 };
  #newest = { speaking: false, level: 0 };
  #behind = 0; // seconds
  #telling = 0;

  /** face: from `Face.make`. on: as for `Call`. */
  constructor(face, config, mic, on) {
    this.#face = face;
    this.#fps = config.fps;
    this.#mayLeave = config.ways.includes('video');
    this.#mic = mic;
    this.#on = on;
    this.over = new Promise((_, reject) => { this.#end = reject; });
    this.over.catch(() => {});
  }

  async open({ identity }) {
    const { pack } = this.#face;
    this.#anchor = this.#face.anchor(identity);
    this.#context = new AudioContext({ latencyHint: 'interactive' });
    detector ??= WebAssembly.compileStreaming(fetch(beside('vendor/fvad.wasm')));
    await this.#context.audioWorklet.addModule(beside('hearing.js'));
    const { card, motion } = pack;
    this.#hearing = new AudioWorkletNode(this.#context, 'hearing', {
      outputChannelCount: [1],
      processorOptions: {
        card, motion, detector: await detector, fps: this.#fps,
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

    const { size } = this.#face;
    Object.assign(this.#canvas, { width: size, height: size });
    this.#ink = this.#canvas.getContext('2d');
    const [picture] = this.#canvas.captureStream().getVideoTracks();
    this.#on.track({ track: picture });
    this.#on.track({ track: voice.stream.getAudioTracks()[0] });
    this.#told.at = performance.now();
    this.#telling = setInterval(() => this.#tell(), TELL_EVERY);
    return false;
  }

  send({ type, identity, expression, life }) {
    if (type !== 'change') return;
    if (identity !== undefined) this.#anchor = this.#face.anchor(identity);
    if (expression !== undefined) this.#settings.expression = { ...expression };
    if (life !== undefined) this.#settings.life = life;
    this.#hearing?.port.postMessage(this.#settings);
  }

  async replaceMic(mic) {
    this.#source?.disconnect();
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: mic });
    this.#source.connect(this.#hearing);
  }

  /** As much of a report as the figures read. */
  async stats() {
    const { size } = this.#face;
    return new Map([['face', {
      type: 'inbound-rtp', kind: 'video', framesDecoded: this.#counts.frames, framesDropped: 0,
      frameWidth: size, frameHeight: size, packetsLost: 0, packetsReceived: this.#counts.frames,
    }]]);
  }

  close(trouble = new Trouble('lost')) {
    clearInterval(this.#telling);
    this.#end(trouble);
    this.#hearing?.port.close();
    if (this.#context && this.#context.state !== 'closed') void this.#context.close();
  }

  /** Draws the newest motion; what came before it is skipped. */
  async #move(motion) {
    const { speaking, level } = motion;
    const changed = speaking !== this.#newest.speaking;
    this.#newest = { speaking, level };
    if (changed) this.#tell();
    if (this.#motion) this.#counts.skipped += 1;
    this.#motion = { ...motion, came: performance.now() };
    if (this.#drawing) return;
    this.#drawing = true;
    while (this.#motion) {
      const { x, came } = this.#motion;
      this.#motion = null;
      const levels = await this.#face.picture(this.#anchor, x);
      this.#ink.putImageData(new ImageData(levels, this.#face.size), 0, 0);
      this.#counts.frames += 1;
      this.#grew(performance.now() - came);
    }
    this.#drawing = false;
  }

  #grew(age) {
    this.#ages.push(age);
    if (this.#ages.length > 100) this.#ages.shift();
    this.#age = this.#counts.frames === 1 ? age : this.#age + SMOOTHING * (age - this.#age);
    // The picture shows the mouth `look_ahead_s` ago, in the middle of the tick on screen.
    const late = this.#age / 1000 + this.#face.pack.card.motion.look_ahead_s + 0.5 / this.#fps;
    this.#late.delayTime.setTargetAtTime(late, this.#context.currentTime, 1);
  }

  #tell() {
    const now = performance.now();
    const { frames, skipped } = this.#counts;
    const seconds = (now - this.#told.at) / 1000;
    if (seconds > 0.4) {
      const fps = (frames - this.#told.frames) / seconds;
      this.#told = { frames, at: now, fps };
      this.#behind = fps < LEAST_SHARE * this.#fps && !document.hidden ? this.#behind + seconds : 0;
      if (this.#behind > BEHIND_FOR && this.#mayLeave) this.#end(new Trouble('slow'));
    }
    const ages = this.#ages.toSorted((a, b) => a - b);
    const at = (share) => ages[Math.floor(share * (ages.length - 1))] ?? 0;
    this.#on.telemetry({
      type: 'telemetry', fps: this.#told.fps ?? 0, frames, skipped,
      age_ms: { p50: at(0.5), p95: at(0.95) }, resolution: String(this.#face.size),
      voice_delay_ms: 1000 * this.#late.delayTime.value, ...this.#newest,
    });
  }
}

/** Fetches a file of the pack that this page was served with. */
export const openPack = (name) => fetch(address(`pack/${name}`));
