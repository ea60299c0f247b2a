// A call: one WebRTC connection and its WebSocket.

import { toPacket } from './here/motion/driven.js';
import { address, loadConfig } from './server.js';
import { Trouble } from './words.js';

const ANSWER_LIMIT = 15_000; // ms
const CONNECT_LIMIT = 15_000; // ms; ICE itself takes half a minute to give up
const GATHER_LIMIT = 2_000; // ms; one dead STUN server must not hold the call back
const QUIET_LIMIT = 6_000; // ms without telemetry (due twice a second): the server is gone

export const LOOSE = { ordered: false, maxRetransmits: 0 }; // nothing of it waits or comes twice
const MOST_WAITING = 500; // bytes of motion; beyond, the newest would come late

const timeout = (ms, code) => new Promise((_, reject) => {
  setTimeout(() => reject(new Trouble(code)), ms);
});

/** The answer with voice and face in streams of their own, which nothing keeps in step. Otherwise
 * Chromium holds every picture back to match the voice, by some 50 ms, even if nobody hears it. */
function apart(sdp) {
  const sections = sdp.split(/^(?=m=)/m);
  const split = (part) => (part.startsWith('m=audio')
    ? part.replace(/^a=msid:\S+/gm, 'a=msid:voice') : part);
  return sections.map(split).join('');
}

function gathered(peer) {
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_LIMIT);
    peer.addEventListener('icegatheringstatechange', () => {
      if (peer.iceGatheringState === 'complete') resolve();
    });
  });
}

/** One WebRTC connection and its WebSocket. `over` rejects with the Trouble that ended it. */
export class Call {
  #socket;
  #peer;
  #sender;
  #drive = null; // the channel that the head's motion leaves by
  #drives = 0; // packets of it
  #inSync;
  #on;
  #end;
  #answer = Promise.withResolvers?.() ?? withResolvers();
  #connected = Promise.withResolvers?.() ?? withResolvers();
  #isUp = false;
  #heard = performance.now();
  #watch = 0;

  /** inSync: whether pictures wait for the returned voice.
   * on: { track(event), telemetry(message), steady(isSteady), complaint(sentence),
   * peer(connection): before it is offered, drives(): whether a camera will lend a head } */
  constructor(config, mic, inSync, on) {
    this.#inSync = inSync;
    this.#on = on;
    this.over = new Promise((_, reject) => { this.#end = reject; });
    this.over.catch(() => {}); // whoever awaits it hears it; before that it is no accident
    this.#peer = new RTCPeerConnection({ iceServers: config.ice_servers ?? [] });
    this.#peer.addEventListener('track', (event) => on.track(event));
    this.#peer.addEventListener('connectionstatechange', () => this.#onConnection());
    const [track] = mic.getAudioTracks();
    const voice = this.#peer.addTransceiver(track, { direction: 'sendrecv', streams: [mic] });
    this.#sender = voice.sender;
    const face = this.#peer.addTransceiver('video', { direction: 'recvonly' });
    // A face wants to be new rather than smooth. The voice keeps its buffer: gaps are heard.
    if ('jitterBufferTarget' in face.receiver) face.receiver.jitterBufferTarget = 0;
    on.peer?.(this.#peer);
    if (on.drives?.()) this.#drive = this.#peer.createDataChannel('drive', LOOSE);
  }

  /** wishes: of the offer, as docs/protocol.md has them. Resolves when media flows, with whether
   * the picture comes with alpha. Rejects with a Trouble. */
  async open(wishes) {
    return Promise.race([this.#open(wishes), this.over]);
  }

  async #open(wishes) {
    const socketOpen = this.#openSocket();
    const complete = gathered(this.#peer);
    await this.#peer.setLocalDescription();
    await Promise.all([socketOpen, complete]);
    const drive = this.#drive ? { drive: true } : {};
    this.send({ type: 'offer', sdp: this.#peer.localDescription.sdp, ...drive, ...wishes });
    const { sdp, alpha } = await Promise.race([
      this.#answer.promise, timeout(ANSWER_LIMIT, 'gone'),
    ]);
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: this.#inSync ? sdp : apart(sdp) });
    await Promise.race([this.#connected.promise, timeout(CONNECT_LIMIT, 'ice')]);
    this.#isUp = true;
    this.#heard = performance.now();
    this.#watch = setInterval(() => this.#checkPulse(), 1000);
    return alpha === true;
  }

  #openSocket() {
    const url = address('ws');
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = this.#socket = new WebSocket(url);
    return new Promise((resolve) => {
      let wasOpen = false;
      socket.addEventListener('open', () => { wasOpen = true; resolve(); });
      socket.addEventListener('message', (event) => this.#onMessage(JSON.parse(event.data)));
      socket.addEventListener('close', async () => {
        this.#end(wasOpen ? new Trouble('lost') : await whyClosed());
      });
    });
  }

  #onMessage(message) {
    this.#heard = performance.now();
    if (message.type === 'answer') this.#answer.resolve(message);
    else if (message.type === 'telemetry') this.#on.telemetry(message);
    else if (message.type === 'error' && this.#isUp && message.code === 'bad_request') {
      this.#on.complaint(message.message); // one control message failed, the session goes on
    } else if (message.type === 'error') this.#end(new Trouble(message.code, message.message));
  }

  #onConnection() {
    const state = this.#peer.connectionState;
    if (state === 'connected') this.#connected.resolve();
    if (state === 'failed') this.#end(new Trouble(this.#isUp ? 'lost' : 'ice'));
    if (this.#isUp && (state === 'connected' || state === 'disconnected')) {
      this.#on.steady(state === 'connected');
    }
  }

  #checkPulse() { // a dead network closes no socket
    if (performance.now() - this.#heard > QUIET_LIMIT) this.#end(new Trouble('lost'));
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Whether `drive` comes to anything. */
  get canDrive() {
    return this.#drive !== null;
  }

  /** A camera lends this to the face: { values, lips }. */
  drive(driven) {
    if (this.#drive?.readyState !== 'open' || this.#drive.bufferedAmount > MOST_WAITING) return;
    this.#drive.send(toPacket(driven, this.#drives));
    this.#drives += 1;
  }

  replaceMic(mic) {
    return this.#sender.replaceTrack(mic.getAudioTracks()[0]);
  }

  stats() {
    return this.#peer.getStats();
  }

  close(trouble = new Trouble('lost')) {
    clearInterval(this.#watch);
    this.#end(trouble);
    this.#socket?.close();
    this.#peer.close();
  }
}

function withResolvers() { // browsers of before 2024
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

/** A refused WebSocket tells a page nothing; the same door's HTTP answer does. */
async function whyClosed() {
  try {
    await loadConfig();
  } catch (trouble) {
    return trouble;
  }
  return new Trouble('refused');
}
