// The microphone: asked for, listed, and its level shown.

import { element } from './elements.js';
import { page } from './page.js';
import { Trouble } from './words.js';

const SILENT_HINT_AFTER = 6_000; // ms of digital silence from the microphone
const MIC = {
  echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1,
};

async function openMic(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Trouble('insecure');
  const audio = deviceId ? { ...MIC, deviceId: { exact: deviceId } } : MIC;
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    if (error.name === 'OverconstrainedError' && deviceId) return openMic(); // it was unplugged
    throw new Trouble(
      { NotAllowedError: 'mic-refused', SecurityError: 'mic-refused', NotFoundError: 'no-mic',
        NotReadableError: 'mic-busy', AbortError: 'mic-busy' }[error.name] ?? 'unknown',
    );
  }
}

/** The microphone, or the reason to stop: a person may press Stop while the browser still asks. */
export async function askMic(deviceId, signal) {
  const opened = openMic(deviceId);
  const aborted = new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  try {
    return await Promise.race([opened, aborted]);
  } catch (error) {
    opened.then(closeMic, () => {}); // a late yes must not leave a microphone open
    throw error;
  }
}

export function closeMic(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Lists the microphones by name, as far as the browser tells; `stream` is the open one, if any,
 * and `wanted` the one that was chosen. */
export async function listMics(stream, wanted) {
  const devices = await navigator.mediaDevices?.enumerateDevices() ?? [];
  // "default" and "communications" are second names of microphones that are listed anyway.
  const mics = devices.filter((device) => device.kind === 'audioinput' && device.label
    && device.deviceId !== 'default' && device.deviceId !== 'communications');
  page.listMics.hidden = mics.length > 0; // without a permission they have no names
  if (mics.length === 0) return;
  const track = stream?.getAudioTracks()[0];
  const named = (mic) => (track
    ? mic.deviceId === track.getSettings().deviceId || track.label.endsWith(mic.label)
    : mic.deviceId === wanted); // the default is called "Default - <its label>"
  const chosen = mics.findLast(named);
  page.mics.replaceChildren(
    element('option', { value: '', textContent: 'The system’s own', selected: !chosen }),
    ...mics.map((mic) => element(
      'option', { value: mic.deviceId, textContent: mic.label, selected: mic === chosen },
    )),
  );
}

/** Asks for a microphone only to learn the names of all. */
export async function learnMics() {
  closeMic(await openMic());
  await listMics(null, page.mics.value);
}

/** Shows the microphone's level until stopped; tells when it gives digital silence for long. */
export class Meter {
  #context = new AudioContext();
  #analyser = new AnalyserNode(this.#context, { fftSize: 1024 });
  #samples = new Float32Array(1024);
  #source = null;
  #shown = 0;
  #told = 0;
  #heard = performance.now();
  #frame = requestAnimationFrame((now) => this.#draw(now));

  listen(stream) {
    this.#source?.disconnect();
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    this.#source.connect(this.#analyser);
    void this.#context.resume(); // Safari begins suspended even after a click
  }

  get silent() {
    return performance.now() - this.#heard > SILENT_HINT_AFTER;
  }

  #draw(now) {
    this.#frame = requestAnimationFrame((next) => this.#draw(next));
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, value) => sum + value * value, 0) / 1024;
    if (power > 1e-10) this.#heard = now;
    const decibels = 10 * Math.log10(power + 1e-12);
    const share = Math.min(1, Math.max(0, (decibels + 60) / 54)); // from -60 to -6 dBFS
    this.#shown = Math.max(share, this.#shown - 0.025); // rises at once, falls gently
    page.meterFill.style.transform = `scaleY(${this.#shown.toFixed(3)})`;
    if (now - this.#told > 250) this.#tell(now);
  }

  #tell(now) {
    this.#told = now;
    const percent = Math.round(this.#shown * 100);
    page.meter.setAttribute('aria-valuenow', percent);
    page.meter.setAttribute('aria-valuetext', `${percent} percent`);
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    void this.#context.close();
    page.meterFill.style.transform = '';
    page.meter.setAttribute('aria-valuenow', 0);
    page.meter.setAttribute('aria-valuetext', 'off');
  }
}
