// The control page of `latentcam camera`: settings go up as they change, figures come down.

const EVERY = 500; // ms between looks at the state
const SLIDERS = [ // [label, lowest, highest, what it sets]
  ['Life', 0, 2, 'life'],
  ['Smile', 0, 1, ['mouthSmile']],
  ['Brows up', 0, 1, ['browInnerUp', 'browOuterUp']],
  ['Frown', 0, 1, ['browDown']],
  ['Eyes wide', 0, 1, ['eyeWide']],
  ['Squint', 0, 1, ['eyeSquint']],
];

const $ = (id) => document.getElementById(id);
const [muted, frozen, faces, sliders] = ['muted', 'frozen', 'faces', 'sliders'].map($);
const inputs = new Map(); // label: input

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

async function ask(path, change) {
  const options = change ? { method: 'POST', body: JSON.stringify(change) } : {};
  const response = await fetch(path, { cache: 'no-store', ...options });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function set(change) {
  try {
    show(await ask('change', change));
  } catch (error) {
    $('status').textContent = error.message;
  }
}

function addFace(name) {
  const input = element('input', { type: 'radio', name: 'face', value: name });
  input.addEventListener('change', () => set({ identity: name }));
  faces.insertBefore(
    element('label', { className: 'chip' }, input, element('span', { textContent: name })),
    $('new-face'),
  );
}

function chosenExpression() {
  const values = {};
  for (const [label, , , axes] of SLIDERS) {
    if (!Array.isArray(axes)) continue;
    for (const axis of axes) values[axis] = Number(inputs.get(label).value);
  }
  return values;
}

function showShare(input, output) {
  const share = (input.value - input.min) / (input.max - input.min);
  input.style.setProperty('--share', share);
  output.textContent = `${Math.round(input.value * 100)} %`;
}

function addSlider([label, min, max, sets]) {
  const input = element('input', { type: 'range', min, max, step: 0.01 });
  const output = element('output');
  input.value = sets === 'life' ? 1 : 0;
  input.addEventListener('input', () => {
    showShare(input, output);
    void set(sets === 'life' ? { life: Number(input.value) } : { expression: chosenExpression() });
  });
  inputs.set(label, input);
  showShare(input, output);
  sliders.append(element('div', {}, element('label', {}, element('span', { textContent: label }), input), output));
}

function show(state) {
  muted.checked = state.muted;
  frozen.checked = state.frozen;
  if (![...faces.querySelectorAll('input')].some((input) => input.value === state.identity)) {
    addFace(state.identity);
  }
  for (const input of faces.querySelectorAll('input')) input.checked = input.value === state.identity;
  const share = Math.min(1, Math.sqrt(state.level) * 1.6);
  $('meter-fill').style.transform = `scaleX(${share})`;
  $('meter').setAttribute('aria-valuenow', Math.round(share * 100));
  document.body.toggleAttribute('data-speaking', state.speaking);
  const voice = state.voice_delay_ms === null ? '' : `, voice ${state.voice_delay_ms} ms later`;
  const words = state.notice
    || `${state.device}: ${state.fps} pictures a second, ${state.age_ms} ms old${voice}`;
  if ($('status').textContent !== words) $('status').textContent = words;
}

async function look() {
  try {
    show(await ask('state'));
  } catch {
    $('status').textContent = 'latentcam camera does not run any more.';
  }
}

muted.addEventListener('change', () => set({ muted: muted.checked }));
frozen.addEventListener('change', () => set({ frozen: frozen.checked }));
$('new-face').addEventListener('click', () => set({ identity: String(Math.floor(Math.random() * 1e6)) }));
$('neutral').addEventListener('click', () => {
  for (const [label, , , sets] of SLIDERS) {
    const input = inputs.get(label);
    input.value = sets === 'life' ? 1 : 0;
    showShare(input, input.closest('div').querySelector('output'));
  }
  void set({ expression: chosenExpression(), life: 1 });
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === 'm') void set({ muted: !muted.checked });
  if (event.key === 'f') void set({ frozen: !frozen.checked });
});

const first = await ask('state');
for (const name of first.identities) addFace(name);
for (const slider of SLIDERS) addSlider(slider);
for (const [label, , , sets] of SLIDERS) { // what was set before this page was opened
  const input = inputs.get(label);
  input.value = sets === 'life' ? first.life : first.expression[sets[0]] ?? 0;
  showShare(input, input.closest('div').querySelector('output'));
}
document.body.dataset.ready = '';
show(first);
setInterval(look, EVERY);
