// Sends a voice by WHIP and fetches its face by WHEP with libdatachannel, as OBS does, in no code
// of ours.
//
//     NODE_PATH=…/node_modules node libdatachannel.cjs http://127.0.0.1:8080 NAME VOICE [SECONDS]
//
// Needs `npm install node-datachannel`. VOICE holds packets of Opus of 20 ms, each behind its length
// in two bytes, the high one first. H.264 that nobody can decode goes along: it is not looked at.
// Prints one JSON line.

const { readFileSync } = require('node:fs');
const { Audio, PeerConnection, Video, cleanup, getLibraryVersion } = require('node-datachannel');

const [base, name, file, seconds = '4'] = process.argv.slice(2);
const AUDIO = 111, VIDEO = 96, PACKET = 960, TICK = 3000; // payload types; timestamps a packet, a frame

/** A packet of RTP (RFC 3550, section 5.1). */
function rtp(type, marker, sequence, timestamp, ssrc, payload) {
  const head = Buffer.alloc(12);
  head.writeUInt8(0x80, 0);
  head.writeUInt8(type | (marker ? 0x80 : 0), 1);
  head.writeUInt16BE(sequence % 65536, 2);
  head.writeUInt32BE(timestamp % 2 ** 32, 4);
  head.writeUInt32BE(ssrc, 8);
  return Buffer.concat([head, payload]);
}

const packets = [];
for (let data = readFileSync(file); data.length;) {
  const length = data.readUInt16BE(0);
  packets.push(data.subarray(2, 2 + length));
  data = data.subarray(2 + length);
}

async function until(what, seen) {
  for (const deadline = Date.now() + 30_000; !seen();) {
    if (Date.now() > deadline) throw new Error(`${what} did not come`);
    await new Promise((again) => setTimeout(again, 20));
  }
}

/** Offers, takes the answer, and waits for the connection. Returns what ends it. */
async function connect(connection, path) {
  connection.setLocalDescription();
  await until('the end of gathering', () => connection.gatheringState() === 'complete');
  const answer = await fetch(base + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: connection.localDescription().sdp,
  });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
  connection.setRemoteDescription(await answer.text(), 'answer');
  await until('a connection', () => connection.state() === 'connected');
  const session = new URL(answer.headers.get('location'), base);
  return async () => (await fetch(session, { method: 'DELETE' })).status;
}

async function main() {
  const sender = new PeerConnection('sender', { iceServers: [] });
  const audio = new Audio('0', 'SendOnly');
  audio.addOpusCodec(AUDIO);
  audio.addSSRC(1001, 'obs', 'obs', 'audio');
  const video = new Video('1', 'SendOnly');
  video.addH264Codec(VIDEO);
  video.addSSRC(1002, 'obs', 'obs', 'video');
  const [voice, picture] = [sender.addTrack(audio), sender.addTrack(video)];
  const unpublish = await connect(sender, `/whip/${name}`);
  let sent = 0, pictures = 0;
  const begun = Date.now();
  const sending = setInterval(() => {
    for (; sent * 20 < Date.now() - begun; sent++) {
      const payload = packets[sent % packets.length];
      voice.sendMessageBinary(rtp(AUDIO, sent === 0, sent, sent * PACKET, 1001, payload));
      const nal = Buffer.concat([Buffer.from([0x41]), Buffer.alloc(700, sent)]);
      pictures += picture.sendMessageBinary(rtp(VIDEO, true, sent, sent * TICK, 1002, nal));
    }
  }, 5);

  const watcher = new PeerConnection('watcher', { iceServers: [] });
  const [heard, seen] = [new Audio('0', 'RecvOnly'), new Video('1', 'RecvOnly')];
  heard.addOpusCodec(AUDIO);
  seen.addH264Codec(VIDEO);
  const came = { voice: 0, frames: 0, bytes: 0 };
  const tracks = [watcher.addTrack(heard), watcher.addTrack(seen)];
  tracks[0].onMessage((packet) => {
    came.voice += (packet.readUInt8(1) & 0x7f) === AUDIO;
  });
  tracks[1].onMessage((packet) => {
    if ((packet.readUInt8(1) & 0x7f) !== VIDEO) return; // a report
    came.frames += packet.readUInt8(1) >> 7; // the marker: a frame's last packet
    came.bytes += packet.length;
  });
  const unwatch = await connect(watcher, `/whep/${name}`);
  await until('a frame', () => came.frames > 0);
  const before = { ...came };
  await new Promise((over) => setTimeout(over, Number(seconds) * 1000));
  const rates = Object.fromEntries(
    Object.entries(came).map(([what, n]) => [what, (n - before[what]) / Number(seconds)]));
  clearInterval(sending);
  let ended = await unpublish();
  await until('the end of what is watched', () => ['closed', 'disconnected'].includes(watcher.state()));
  ended = [ended, await unwatch()];
  sender.close();
  watcher.close();
  cleanup();
  console.log(JSON.stringify({ libdatachannel: getLibraryVersion(), sent, pictures, rates, ended }));
}

main().then(() => process.exit(0), (error) => {
  console.error(String(error.message ?? error));
  process.exit(1);
});
