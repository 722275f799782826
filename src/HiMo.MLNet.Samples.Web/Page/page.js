const find = id => document.getElementById(id);
const still = matchMedia('(prefers-reduced-motion: reduce)');
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const pause = 150;                                          // milliseconds without a key before the server is asked

let about = { images: 0, labels: [], maxText: Infinity, maxBytes: Infinity };

/** Asks the server; what it refuses is an error with its words. */
async function ask(address, options) {
  const response = await fetch(address, options);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(answer.detail ?? answer.title ?? `The server answered ${response.status}.`);
  }
  return answer;
}

/**
 * Work that is done a pause after the last change, or at once. The latest wins: an earlier one is aborted, and its answer
 * never shown.
 */
function latest(work, status) {
  let timer, controller;
  const cancel = () => {
    clearTimeout(timer);
    controller?.abort();
  };
  const now = async () => {
    cancel();
    const { signal } = controller = new AbortController();
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) {
        tell(status, error.message, true);
      }
    }
  };
  const soon = () => {
    cancel();
    timer = setTimeout(now, pause);
  };
  return { now, soon, cancel };
}

function tell(status, message, wrong = false) {
  status.classList.toggle('wrong', wrong);
  status.textContent = message;
}

function element(name, attributes = {}, ...children) {
  const made = name.startsWith('svg:')
    ? document.createElementNS('http://www.w3.org/2000/svg', name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Tabs

const tabs = [find('search-tab'), find('classify-tab')];

function select(tab, focus = false) {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute('aria-selected', chosen);
    other.tabIndex = chosen ? 0 : -1;
    find(other.getAttribute('aria-controls')).hidden = !chosen;
  }
  history.replaceState(null, '', tab === tabs[0] ? '#search' : '#classify');
  if (focus) {
    tab.focus();
  }
  if (tab === tabs[0]) {
    draw();
  }
}

for (const tab of tabs) {
  tab.addEventListener('click', () => select(tab));
  tab.addEventListener('keydown', event => {
    if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) {
      event.preventDefault();
      const other = tabs[1 - tabs.indexOf(tab)];
      select(event.key === 'Home' ? tabs[0] : event.key === 'End' ? tabs[1] : other, true);
    }
  });
}

// Search

const text = find('text'), results = find('results'), searchStatus = find('search-status');
let answer = null, pinned = null;

const searching = latest(async signal => {
  const sentence = text.value.trim();
  if (!sentence) {
    forget();
    return;
  }
  if (sentence.length > about.maxText) {
    throw new Error(`Expected at most ${about.maxText} characters, found ${sentence.length}.`);
  }
  results.setAttribute('aria-busy', 'true');
  try {
    const query = new URLSearchParams({ text: sentence, ...(pinned && { image: pinned }) });
    const found = await ask(`search?${query}`, { signal });
    signal.throwIfAborted();
    answer = found;
    show();
  } finally {
    if (!signal.aborted) {
      results.removeAttribute('aria-busy');
    }
  }
}, searchStatus);

function forget() {
  answer = pinned = null;
  find('found').hidden = true;
  results.replaceChildren();
  tell(searchStatus, '');
}

/** The image that the chart follows: the one that is pinned or, without, the best. */
function tracked() {
  return [...answer.results, answer.pinned].find(image => image?.id === pinned) ?? answer.results[0];
}

function show() {
  find('found').hidden = false;
  rank();
  draw();
  const [best] = answer.results;
  tell(searchStatus, `Best: ${best.name}, similarity ${best.cosine.toFixed(3)}, after ${plural(answer.sentences.length, 'sentence')}.`
    + (answer.truncated ? ' The model reads only the beginning of so long a text.' : ''));
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Puts the results in order; those that were there move to their new places. */
function rank() {
  const options = new Map([...results.children].map(option => [option.dataset.id, option]));
  const places = new Map([...options].map(([id, option]) => [id, option.getBoundingClientRect()]));
  const focused = results.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  results.replaceChildren(...answer.results.map((image, i) => {
    const option = options.get(image.id) ?? element('li', { role: 'option', 'data-id': image.id },
      element('img', { src: `images/${image.id}`, alt: '', loading: 'lazy', decoding: 'async' }),
      element('span', { class: 'name' }, image.name), element('span', { class: 'cosine' }));
    option.querySelector('.cosine').textContent = image.cosine.toFixed(3);
    option.setAttribute('aria-label', `${i + 1}: ${image.name}, similarity ${image.cosine.toFixed(3)}`);
    option.setAttribute('aria-selected', image.id === pinned);
    return option;
  }));
  const current = [...results.children].find(option => option.dataset.id === (focused ?? pinned)) ?? results.firstElementChild;
  for (const option of results.children) {
    option.tabIndex = option === current ? 0 : -1;
    const from = places.get(option.dataset.id), to = option.getBoundingClientRect();
    if (from && !still.matches && (from.x !== to.x || from.y !== to.y)) {
      option.animate([{ transform: `translate(${from.x - to.x}px, ${from.y - to.y}px)` }, { transform: 'none' }],
        { duration: 200, easing: 'ease-out' });
    }
  }
  if (focused) {
    current.focus();
  }
}

function pin(id) {
  pinned = pinned === id ? null : id;
  rank();
  draw();
}

/** The chart, its heading and its table. */
function draw() {
  if (!answer || find('search-panel').hidden) {
    return;
  }
  const image = tracked(), { cosines } = image, { sentences } = answer;
  const fell = cosines.map((cosine, i) => i > 0 && cosine < cosines[i - 1]);
  find('tracked-image').src = `images/${image.id}`;
  find('tracked-heading').textContent = `${image.name}${image.id === pinned ? ' (pinned)' : ''}`;
  const falls = fell.flatMap((lower, i) => lower ? [i + 1] : []);
  find('tracked-summary').textContent = sentences.length === 1 ? 'Go on: what does another sentence change?'
    : falls.length === 0 ? 'Matches better with every sentence.'
    : `Matches less after sentence${falls.length === 1 ? '' : 's'} ${falls.join(', ')} (hollow).`;
  find('unpin').hidden = image.id !== pinned;
  find('numbers').replaceChildren(...sentences.map((sentence, i) => element('tr', {},
    element('th', { scope: 'row' }, `${i + 1}. ${sentence}`), element('td', {}, cosines[i].toFixed(3)))));
  plot(find('chart'), image.name, sentences, cosines, fell);
}

function plot(svg, name, sentences, cosines, fell) {
  const { width, height } = svg.getBoundingClientRect(), left = 48, right = 20, top = 22, bottom = 38;
  const low = Math.min(...cosines), high = Math.max(...cosines), room = Math.max(.02, (high - low) * .15);
  const x = i => cosines.length === 1 ? (left + width - right) / 2 : left + 12 + i * (width - left - right - 24) / (cosines.length - 1);
  const y = cosine => top + (height - top - bottom) * (high + room - cosine) / (high - low + 2 * room);
  const lines = [low - room, (low + high) / 2, high + room].flatMap(value => [
    element('svg:line', { class: 'grid', x1: left, x2: width - right, y1: y(value), y2: y(value) }),
    element('svg:text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, value.toFixed(3))]);
  const every = Math.ceil(cosines.length * 38 / (width - left - right));   // values that fit beside each other
  const points = cosines.flatMap((cosine, i) => [
    element('svg:circle', { cx: x(i), cy: y(cosine), r: 5, ...(fell[i] && { class: 'fell' }) },
      element('svg:title', {}, `${cosine.toFixed(3)} after: ${sentences[i]}`)),
    ...(i % every === 0 ? [
      element('svg:text', { class: 'value', x: x(i), y: y(cosine) - 10, 'text-anchor': 'middle' }, cosine.toFixed(3)),
      element('svg:text', { x: x(i), y: height - bottom + 18, 'text-anchor': 'middle' }, `${i + 1}`)] : [])]);
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren(
    element('svg:title', { id: 'chart-title' }, `Similarity of ${name} with the text after each sentence`),
    element('svg:desc', { id: 'chart-description' }, cosines.map((cosine, i) => `${i + 1}: ${cosine.toFixed(3)}`).join('; ')),
    ...lines,
    element('svg:text', { x: (left + width - right) / 2, y: height - 4, 'text-anchor': 'middle' }, 'sentences read'),
    element('svg:polyline', { class: 'growth', points: cosines.map((cosine, i) => `${x(i)},${y(cosine)}`).join(' ') }),
    ...points);
}

text.addEventListener('input', searching.soon);
text.addEventListener('keydown', event => {
  if (event.isComposing) {
    return;
  }
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    searching.now();
  } else if (event.key === 'Escape') {
    text.value = '';
    searching.cancel();
    forget();
  } else if (event.key === 'ArrowDown' && text.selectionEnd === text.value.length && results.firstElementChild) {
    event.preventDefault();
    results.querySelector('[tabindex="0"]').focus();
  }
});

results.addEventListener('click', event => {
  const option = event.target.closest('[role=option]');
  if (option) {
    pin(option.dataset.id);
  }
});

results.addEventListener('keydown', event => {
  const options = [...results.children], at = options.indexOf(document.activeElement);
  const columns = options.filter(option => option.offsetTop === options[0].offsetTop).length;
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: options.length - 1 };
  if (event.key === 'Enter' || event.key === ' ') {
    pin(options[at].dataset.id);
  } else if (event.key === 'Escape') {
    if (pinned) {
      pin(pinned);
    }
    text.focus();
  } else if (event.key === 'ArrowUp' && to.ArrowUp < 0) {
    text.focus();
  } else if (event.key in to) {
    const next = options[to[event.key]];
    if (next) {
      options[at].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  } else {
    return;
  }
  event.preventDefault();
});

find('unpin').addEventListener('click', () => {
  pin(pinned);
  text.focus();
});

find('example').addEventListener('click', () => {
  text.value = about.example;
  text.focus();
  searching.now();
});

new ResizeObserver(draw).observe(find('chart'));

// Classification

const labels = find('labels'), template = find('template'), file = find('file'), preview = find('preview'), drop = find('drop');
const classifyStatus = find('classify-status'), bars = find('bars'), most = 10;
let image = null;

const classifying = latest(async signal => {
  if (!image) {
    return;
  }
  if (image.size > about.maxBytes) {
    throw new Error(`Expected an image of at most ${about.maxBytes} bytes, found ${image.size}.`);
  }
  const form = new FormData();
  form.append('image', image);
  // As they were saved, with their own templates, unless they are edited.
  const own = labels.value.trim() !== about.labels.join('\n').trim() || template.value.trim() !== '';
  if (template.value.trim() && !template.value.includes('{0}')) {
    throw new Error('The template needs {0} in the place of the label.');
  }
  if (own) {
    form.append('labels', labels.value);
    form.append('template', template.value);
  }
  tell(classifyStatus, 'Classifying …');
  try {
    const { label, probabilities } = await ask('classify', { method: 'POST', body: form, signal });
    signal.throwIfAborted();
    showBars(label, Object.entries(probabilities).sort((a, b) => b[1] - a[1]));
  } catch (error) {
    if (!signal.aborted) {
      bars.replaceChildren();
    }
    throw error;
  }
}, classifyStatus);

function showBars(label, scored) {
  const rest = scored.slice(most);
  const shown = rest.length < 2 ? scored
    : [...scored.slice(0, most), [`${rest.length} others`, rest.reduce((sum, [, probability]) => sum + probability, 0)]];
  bars.replaceChildren(...shown.map(([name, probability]) => {
    const bar = element('div', { class: 'bar' });
    bar.style.width = `${100 * probability}%`;
    return element('li', {}, element('span', {}, name), element('div', { class: 'track', 'aria-hidden': 'true' }, bar),
      element('span', { class: 'percent' }, percent.format(probability)));
  }));
  tell(classifyStatus, label === null ? 'None of these.' : `${label}: ${percent.format(scored[0][1])}`);
}

function take(chosen) {
  if (!chosen) {
    return;
  }
  image = chosen;
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(image);
  preview.hidden = false;
  select(tabs[1]);
  classifying.now();
}

const hasFiles = event => event.dataTransfer?.types.includes('Files');

preview.addEventListener('error', () => preview.hidden = true);
file.addEventListener('change', () => take(file.files[0]));
labels.addEventListener('input', classifying.soon);
template.addEventListener('input', classifying.soon);
find('classify-form').addEventListener('submit', event => {
  event.preventDefault();
  classifying.now();
});
find('search-form').addEventListener('submit', event => event.preventDefault());
document.addEventListener('paste', event => {
  if (event.clipboardData.files.length > 0) {
    event.preventDefault();
    take(event.clipboardData.files[0]);
  }
});
document.addEventListener('dragover', event => {
  if (hasFiles(event)) {
    event.preventDefault();
    drop.classList.add('over');
  }
});
document.addEventListener('dragleave', () => drop.classList.remove('over'));
document.addEventListener('drop', event => {
  if (hasFiles(event)) {
    event.preventDefault();
    drop.classList.remove('over');
    take(event.dataTransfer.files[0]);
  }
});

// The beginning

select(location.hash === '#classify' ? tabs[1] : tabs[0]);
try {
  about = await ask('about');
  find('about').textContent = `${about.images.toLocaleString('en')} images to search, ${about.engine}`;
  find('example').hidden = !about.example;
  labels.value = about.labels.join('\n');
  if (about.images === 0) {
    text.disabled = true;
    tell(searchStatus, 'There are no images to search: start the server with --images FOLDER.');
  }
} catch (error) {
  tell(searchStatus, error.message, true);
}
document.body.dataset.ready = '';
