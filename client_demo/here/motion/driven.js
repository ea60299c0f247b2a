// What a camera lends to a face: realtime_models/motion/driven.py in JavaScript.

/** What a camera sees, in the order of the packets. */
export const DRIVEN = [
  ['jawOpen'], ['mouthClose'], ['mouthFunnel'], ['mouthPucker'], ['mouthStretch'], ['mouthSmile'],
  ['mouthFrown'], ['mouthUpperUp'], ['mouthLowerDown'], ['mouthRollLower'], ['eyeBlink'],
  ['eyeWide'], ['eyeSquint'], ['gazeYaw', -25, 25], ['gazePitch', -15, 15], ['browInnerUp'],
  ['browOuterUp'], ['browDown'], ['noseSneer'], ['headYaw', -25, 25], ['headPitch', -18, 18],
  ['headRoll', -18, 18],
].map(([name, low = 0, high = 1]) => ({ name, low, high }));

/** Axes that follow the voice, or the camera, or both. */
export const LIPS = new Set([
  'jawOpen', 'mouthClose', 'mouthFunnel', 'mouthPucker', 'mouthStretch', 'mouthUpperUp',
  'mouthLowerDown', 'mouthRollLower',
]);

export const HOLD = 0.5; // seconds
const VERSION = 1;
const MOST = 32767;

/** { values, lips } as a packet; number: of the packet. */
export function toPacket({ values, lips }, number) {
  const packet = new DataView(new ArrayBuffer(4 + 2 * DRIVEN.length));
  packet.setUint8(0, VERSION);
  packet.setUint8(1, Math.round(255 * Math.min(Math.max(lips, 0), 1)));
  packet.setUint16(2, number % 65536, true);
  DRIVEN.forEach(({ name, low, high }, i) => {
    const value = values[name] ?? 0;
    const reach = value > 0 ? high : -low;
    const share = reach ? Math.min(Math.max(value / reach, -1), 1) : 0;
    packet.setInt16(4 + 2 * i, Math.round(MOST * share), true);
  });
  return packet.buffer;
}
