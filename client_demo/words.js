// What the page says when a call cannot go on.

const WORDS = {
  insecure: ['The browser gives no microphone to this address',
    'Microphones work only on localhost or over HTTPS. Open the page as http://localhost, '
    + 'or start the server with --tls-cert and --tls-key.'],
  unsupported: ['This browser cannot make calls', 'It has no WebRTC. A current Chrome, Edge, '
    + 'Firefox or Safari does.'],
  'no-mic': ['No microphone found', 'Plug one in, or switch it on in the system’s sound '
    + 'settings, then press Talk.'],
  'mic-refused': ['The microphone was refused', 'Allow it for this page (the icon beside the '
    + 'address), and in the system’s privacy settings, then press Talk.'],
  'mic-busy': ['The microphone does not start', 'Another program may be holding it. Close that, '
    + 'then press Talk.'],
  'mic-lost': ['The microphone went away', 'It was unplugged or switched off. Plug it in or choose '
    + 'another, then press Talk.'],
  token: ['This address lacks its token', 'Open the full address that the server printed; it ends '
    + 'in ?token=…'],
  refused: ['The server refused this page', 'It is up, but takes no calls from this address. '
    + 'Open the address that the server printed.'],
  full: ['The server is full', 'Every place is taken. Try again in a moment.'],
  gone: ['The server does not answer', 'Is latentcam serve still running? Then press Talk.'],
  lost: ['The connection was lost', 'The server stopped or the network broke.'],
  ice: ['No path for voice and picture', 'The server answers, but a firewall stops the media. '
    + 'Try another network, or give the server a TURN server.'],
  no_network: ['The server has no network', 'Switch Wi-Fi on or plug a cable in, also for a call '
    + 'on one machine, then press Talk.'],
  too_fast: ['The page asked for too much at once', 'Reload it; it may be older than the server.'],
  failed: ['The server could not go on', 'Its log says why.'],
  bad_request: ['The server did not understand this page', 'Reload it; it may be older than the '
    + 'server.'],
  'no-sound': ['This file cannot be played', 'Expected a sound or a video that this browser knows, '
    + 'like MP3, WAV, M4A or Ogg.'],
  'no-speech': ['The words could not be spoken', 'The server says no more.'],
  slow: ['This device is too slow to draw the face', 'Close other tabs or programs, then press Talk.'],
  'gpu-lost': ['The graphics card was taken away', 'Press Talk again.'],
  pack: ['The face could not be loaded', 'Reload the page.'],
  playback: ['The browser did not start the picture', 'Press Talk again.'],
  unknown: ['Something unexpected happened', 'Reload the page and try again.'],
};

export class Trouble extends Error {
  constructor(code, hint = '') {
    super(code);
    this.code = code in WORDS ? code : 'unknown';
    this.title = WORDS[this.code][0];
    this.hint = hint || WORDS[this.code][1];
  }
}
