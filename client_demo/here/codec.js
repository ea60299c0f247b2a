// Control vectors as a few bytes a tick: the receiving half of realtime_models/motion/codec.py.

const VERSION = 1;
const STEPS = { 1: 1 / 64, deg: 1 / 4, std: 1 / 16 };
const OTHER_STEPS = 400;
const REFRESHED = 2;
const TICKS = 1 << 16;
const LONGEST = 4096;
const LONGEST_CODE = 20;

export class BadPacket extends Error {}

export class Decoder {
  #axes;
  #sizes;
  #now;
  #tick = null;
  x; // the newest control vector
  missed = 0; // ticks that no packet told of

  /** axes: of a pack's card. */
  constructor(axes) {
    this.#axes = axes;
    this.#sizes = axes.map(({ unit, low, high }) => STEPS[unit] ?? (high - low) / OTHER_STEPS);
    this.#now = axes.map(() => 0);
    this.x = new Float32Array(axes.length);
  }

  /** Takes a packet, a Uint8Array; whether it is newer than all before. Throws BadPacket. */
  decode(packet) {
    if (packet.length < 3 || packet.length > LONGEST) {
      throw new BadPacket(`got ${packet.length} bytes, expected 3 to ${LONGEST}`);
    }
    if (packet[0] >> 4 !== VERSION) {
      throw new BadPacket(`got version ${packet[0] >> 4}, expected ${VERSION}`);
    }
    const frames = (packet[0] & 3) + 1;
    const tick = packet[1] * 256 + packet[2];
    const last = this.#tick ?? tick - frames;
    const behind = ((tick - last + TICKS * 1.5) % TICKS) - TICKS / 2;
    if (behind <= 0) return false;
    const count = this.#now.length;
    const take = bits(packet.subarray(3));
    const now = [...this.#now];
    for (let frame = 0; frame < frames; frame += 1) {
      for (let axis = 0; axis < count; axis += 1) {
        const move = take();
        if (frame < behind) now[axis] += move;
      }
    }
    for (let i = 0; i < Math.min(REFRESHED, count); i += 1) now[(REFRESHED * tick + i) % count] = take();
    [this.#tick, this.#now] = [tick, now];
    this.missed += Math.max(0, behind - frames);
    this.#axes.forEach(({ low, high }, axis) => {
      this.x[axis] = Math.min(Math.max(now[axis] * this.#sizes[axis], low), high);
    });
    return true;
  }
}

/** Reads whole numbers in Exp-Golomb codes. */
function bits(bytes) {
  let at = 0;
  const bit = () => {
    if (at >= 8 * bytes.length) throw new BadPacket('got a packet that ends too early');
    const value = (bytes[at >> 3] >> (7 - (at & 7))) & 1;
    at += 1;
    return value;
  };
  return () => {
    let zeros = 0;
    while (!bit()) zeros += 1;
    if (zeros >= LONGEST_CODE) throw new BadPacket('got a move that no axis can make');
    let code = 1;
    for (let i = 0; i < zeros; i += 1) code = 2 * code + bit();
    return code & 1 ? -(code >> 1) : code >> 1;
  };
}
