// A person's own camera moves the head: the switch, the camera, and what is said about them. The
// picture goes to a thread of this page and nowhere else.

import { card, element } from './elements.js';
import { REST_SECONDS } from './here/motion/following.js';
import { recall, remember } from './remembered.js';
import { address } from './server.js';

const CAMERA = {
  video: {
    width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 },
    facingMode: 'user',
  },
};
const UNSEEN = 1000; // ms without a face after which it is said
const DOUBT = 0.5; // trust in lips below which the voice moves most of them
const TELL_EVERY = 1000; // ms between two tellings of how quick it is

const REFUSALS = {
  NotAllowedError: 'The camera was refused. Allow it beside the address, then switch this on again.',
  NotFoundError: 'No camera was found. Plug one in, then switch this on again.',
  NotReadableError: 'The camera does not start: another program may be holding it.',
};

const told = element('p', { className: 'why', id: 'follow-state', role: 'status' });
const pace = element('p', { className: 'why', id: 'follow-pace' });
const wanted = element('input', { type: 'checkbox', role: 'switch', id: 'follow' });
const lips = element('input', { type: 'range', id: 'follow-lips', min: 0, max: 100, value: 0 });
const again = element('button', {
  className: 'quiet', id: 'follow-rest', type: 'button', textContent: 'Learn my rest again',
});

let head = null; // the one that runs

/** Whether a call that begins now should be able to send motion. */
export const willFollow = () => wanted.checked;

function say(words) {
  if (told.textContent !== words) told.textContent = words;
}

/** Opens the camera, if that is wanted, and hands on what it lends. */
export async function startFollowing(drive) {
  if (!wanted.checked) return;
  if (head) { // of a call that broke, or is made anew
    head.drive = drive;
    return;
  }
  const mine = head = new Head(drive);
  await mine.run();
}

export function stopFollowing() {
  head?.stop();
  head = null;
  pace.textContent = '';
  say(wanted.checked ? 'It begins when you talk.' : '');
}

/** One camera and the thread that looks at its pictures. */
class Head {
  #stream = null;
  #thread = null;
  #busy = true; // the thread has a picture, or is not ready
  #stopped = false;
  #lastSeen = performance.now();
  #taken = 0; // when the picture that is looked at was taken
  #looks = 0;
  #spent = 0; // ms
  #telling = 0;

  constructor(drive) {
    this.drive = drive;
  }

  async run() {
    say('Allow the camera in the browser’s question.');
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia(CAMERA);
    } catch (error) {
      this.#fail(REFUSALS[error.name] ?? `The camera cannot be used: ${error.message}`);
      return;
    }
    if (this.#stopped) {
      this.stop();
      return;
    }
    const [track] = this.#stream.getVideoTracks();
    track.addEventListener('ended', () => this.#fail('The camera went away.'));
    say('The tracker is loading…');
    this.#thread = new Worker(new URL('here/tracker.js', import.meta.url));
    this.#thread.onmessage = ({ data }) => this.#hear(data);
    this.#thread.onerror = () => this.#fail('The tracker does not start in this browser.');
    const at = (name) => address(`tracker/${name}`).href;
    this.#thread.postMessage({
      files: {
        bundle: at('vision_bundle.mjs'), loader: at('vision_wasm_internal.js'),
        wasm: at('vision_wasm_internal.wasm'), model: at('face_landmarker.task'),
      },
    });
    this.#telling = setInterval(() => this.#tell(), TELL_EVERY);
    if (globalThis.MediaStreamTrackProcessor) await this.#readTrack(track);
    else this.#readVideo();
  }

  stop() {
    this.#stopped = true;
    clearInterval(this.#telling);
    this.#thread?.terminate();
    this.#stream?.getTracks().forEach((track) => track.stop());
  }

  rest() {
    this.#thread?.postMessage({ rest: true });
  }

  #fail(words) {
    if (this.#stopped) return;
    this.stop();
    if (head === this) head = null;
    wanted.checked = false;
    say(words);
  }

  /** Picture by picture, also in a tab that nobody looks at. */
  async #readTrack(track) {
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader();
    while (!this.#stopped) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      if (!this.#busy) await this.#look(frame);
      frame.close();
    }
  }

  /** Where there is no such reader: while the tab is looked at. */
  #readVideo() {
    const video = element('video', { srcObject: this.#stream, muted: true, playsInline: true });
    const next = async () => {
      if (this.#stopped) return;
      if (!this.#busy) await this.#look(video);
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    void video.play();
  }

  async #look(source) {
    this.#busy = true;
    this.#taken = performance.now();
    const picture = await createImageBitmap(source);
    const message = { picture, at: this.#taken / 1000, lips: lips.value / 100 };
    this.#thread.postMessage(message, [picture]);
  }

  #hear({ error, ready, driven, knows, trust, seen }) {
    if (this.#stopped) return;
    this.#busy = false;
    if (error) {
      console.warn(error);
      this.#fail('The tracker failed; this browser may lack what it needs.');
      return;
    }
    if (ready) {
      this.#lastSeen = performance.now();
      return;
    }
    this.#looks += 1;
    this.#spent += performance.now() - this.#taken;
    if (seen) this.#lastSeen = performance.now();
    if (driven) this.drive(driven);
    if (performance.now() - this.#lastSeen > UNSEEN) {
      say('Nobody is seen: the face goes its own way.');
    } else if (!knows) say(`Look at the screen and rest for ${REST_SECONDS} seconds.`);
    else if (lips.value > 0 && trust < DOUBT) {
      say('The face follows your head. Your lips are not seen well: they follow your voice.');
    } else say('The face follows your head.');
  }

  #tell() {
    if (this.#looks) {
      pace.textContent = `${Math.round((1000 * this.#looks) / TELL_EVERY)} pictures a second, `
        + `each ${Math.round(this.#spent / this.#looks)} ms after it was taken.`;
    }
    this.#looks = this.#spent = 0;
  }
}

/** Builds the card into `place`. changed(wanted): told when the switch is used. */
export function buildFollow(place, config, changed) {
  const { follow, lips: kept } = recall();
  const works = config.tracker === '' && Boolean(navigator.mediaDevices?.getUserMedia);
  wanted.checked = works && follow === true;
  wanted.disabled = lips.disabled = again.disabled = !works;
  if (kept >= 0 && kept <= 100) lips.value = kept;
  const show = () => {
    const share = Number(lips.value);
    const words = { 0: 'your voice', 100: 'your camera' }[share] ?? `${share} percent camera`;
    lips.setAttribute('aria-valuetext', words);
    lips.style.setProperty('--share', share / 100);
  };
  show();
  lips.addEventListener('input', () => { show(); remember({ lips: Number(lips.value) }); });
  wanted.addEventListener('change', () => {
    remember({ follow: wanted.checked });
    say(wanted.checked ? 'It begins when you talk.' : '');
    changed(wanted.checked);
  });
  again.addEventListener('click', () => head?.rest());
  const made = card('Camera',
    element('label', { className: 'switch' }, wanted,
      element('span', { className: 'track', ariaHidden: 'true' }),
      element('span', { textContent: 'My camera moves the head' })),
    element('p', {
      className: 'why',
      textContent: works ? 'Its picture stays in this browser; only the motion is used.'
        : config.tracker || 'This browser gives no camera to this address.',
    }),
    element('div', { className: 'sliders' }, element('div', {},
      element('label', {}, element('span', { textContent: 'Lips by camera' }), lips))),
    again, told, pace);
  made.id = 'follow-card';
  place.append(made);
  if (wanted.checked) say('It begins when you talk.');
}
