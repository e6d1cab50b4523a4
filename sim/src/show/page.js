'use strict';
// Draws the run that stands in #data: lanes from left to right, time downwards. Only what is in view is in the document.
const root = document.documentElement;
root.dataset.errors = '0';
window.addEventListener('error', event => {
  root.dataset.errors = String(Number(root.dataset.errors) + 1);
  root.dataset.error = event.message;
});
const at = id => document.getElementById(id);
const data = JSON.parse(at('data').textContent);
const { hosts, events, arrows, bands } = data;
const KINDS = ['frame', 'application', 'store', 'network', 'fault', 'note'];
const HEAD = 34, ROW = 19, IDLE = 64, PX_PER_MS = 6, GUTTER = 84, MAP = 44;
const view = { top: 0, zoom: 1 };
const off = { hosts: new Set(), kinds: new Set() };
let chosen = null, rows = [], yOf = new Map(), roomOf = new Map(), gaps = [], height = 0, drawnAt = null, map = null, isDense = false;

const escape = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
const cut = (text, most) => escape(text.length > most ? text.slice(0, Math.max(1, most - 1)) + '…' : text);
const ms = ns => (ns % 1e6 ? (ns / 1e6).toFixed(3) : String(ns / 1e6));
const words = event => (event.kind === 'frame' ? event.text.slice(7) : event.text);
// A second server is told of on the first one's lane; what is said of the run belongs to none.
const laneOf = event => hosts.indexOf(event.host === 'server 2nd' ? 'server' : event.host);
const arrowOf = new Map();
for (const arrow of arrows) for (const n of [arrow.said, arrow.heard]) if (n !== null) arrowOf.set(n, arrow);

function clientLane(connection) {
  const client = connection.includes('@') ? connection.split('@')[1] : '';
  return hosts.indexOf('client' + client);
}

// What the filters let through, and where each row stands at zoom 1.
function layout() {
  const text = at('search').value.trim().toLowerCase(), connection = at('connections').value;
  const compress = at('compress').checked;
  const shows = event => !off.kinds.has(event.kind) && !off.hosts.has(laneOf(event) < 0 ? 'run' : hosts[laneOf(event)])
    && (!connection || event.connection === connection)
    && (!text || `${event.host} ${event.connection || ''} ${event.text}`.toLowerCase().includes(text));
  rows = []; yOf = new Map(); gaps = [];
  let y = HEAD + 14, before = null;
  for (const event of events) {
    if (!shows(event)) continue;
    if (before) {
      const wait = (event.at_ns - before.at_ns) / 1e6 * PX_PER_MS;
      const step = compress ? Math.min(Math.max(wait, ROW), IDLE) : wait;
      if (compress && wait > 4 * IDLE) gaps.push({ from: y, to: y + step, ns: event.at_ns - before.at_ns });
      y += step;
    }
    rows.push({ n: event.n, y });
    yOf.set(event.n, y);
    before = event;
  }
  height = y + 30;
  map = null;
  rows.forEach((row, i) => { row.room = Math.min(i ? row.y - rows[i - 1].y : Infinity, i + 1 < rows.length ? rows[i + 1].y - row.y : Infinity); });
  roomOf = new Map(rows.map(row => [row.n, row.room]));
  at('empty').hidden = rows.length > 0;
}

// Where an event stands, or, if it is hidden, the next one that does not.
function rowY(n) {
  if (yOf.has(n)) return yOf.get(n);
  let low = 0, high = rows.length;
  while (low < high) { const middle = (low + high) >> 1; if (rows[middle].n < n) low = middle + 1; else high = middle; }
  return rows.length ? rows[Math.min(low, rows.length - 1)].y : HEAD;
}

function size() {
  const box = at('stage').getBoundingClientRect();
  const width = Math.max(box.width, 480), side = Math.min(310, width * 0.23);
  const left = GUTTER + side, right = width - MAP - (hosts.length > 1 ? side : 40);
  const x = lane => (hosts.length < 2 ? (left + right) / 2 : left + (right - left) * lane / (hosts.length - 1));
  return { width, height: Math.max(box.height, 200), side, left, right, x, gap: hosts.length > 1 ? x(1) - x(0) : right - left };
}

const yAt = base => (base - HEAD) * view.zoom + HEAD - view.top;
const fitZoom = () => (size().height - HEAD - 8) / Math.max(1, height - HEAD);
function clamp() {
  view.zoom = Math.min(Math.max(view.zoom, Math.min(fitZoom(), 1)), 40);
  const most = (height - HEAD) * view.zoom + HEAD - size().height;
  view.top = Math.max(0, Math.min(view.top, most));
}

function render() {
  clamp();
  const s = size(), inView = y => y > HEAD - 20 && y < s.height + 20;
  const out = [], labels = new Map(), drawn = { arrows: 0, lost: 0, bands: 0, events: 0 };
  // From afar there is no room for words but the time and the faults.
  isDense = rows.filter(row => inView(yAt(row.y))).length * 9 > s.height;
  at('diagram').classList.toggle('dense', isDense);
  // A label needs a row for itself among those that stand in the same place.
  const free = (place, y, n) => {
    if (isDense && n !== undefined && roomOf.get(n) * view.zoom < 11) return false;
    const taken = labels.get(place) || [];
    if (taken.some(other => Math.abs(other - y) < 12)) return false;
    taken.push(y); labels.set(place, taken);
    return true;
  };
  drawGaps(s, out, inView);
  hosts.forEach((_, lane) => out.push(`<line class="lane" x1="${s.x(lane)}" x2="${s.x(lane)}" y1="${HEAD}" y2="${s.height}"/>`));
  bands.forEach(band => drawBand(band, s, out, drawn));
  if (chosen !== null) free(`arrow${events[chosen].host}`, yAt(rowY(chosen)));
  for (const arrow of arrows) drawArrow(arrow, s, out, free, drawn);
  for (const row of rows) {
    const y = yAt(row.y);
    if (!inView(y)) continue;
    drawEvent(events[row.n], y, s, out, free);
    drawn.events += 1;
  }
  at('scene').innerHTML = out.join('');
  at('heads').innerHTML = `<rect class="cap" width="${s.width}" height="${HEAD}"/><line class="rule" x2="${s.width}" y1="${HEAD}" y2="${HEAD}"/>`
    + `<text class="time" x="66" y="22">ms</text>`
    + hosts.map((host, lane) => `<text class="head" x="${s.x(lane)}" y="22">${escape(host)}</text>`).join('');
  drawMap(s);
  report(drawn);
}

function drawGaps(s, out, inView) {
  for (const gap of gaps) {
    const y = (yAt(gap.from) + yAt(gap.to)) / 2;
    if (!inView(y) || yAt(gap.to) - yAt(gap.from) < 24) continue;
    out.push(`<line class="gap" x1="${GUTTER - 10}" x2="${s.width - MAP}" y1="${y}" y2="${y}"/>`
      + `<text class="idle halo" x="16" y="${y + 4}">⋯ ${ms(Math.round(gap.ns / 1e6) * 1e6)} ms</text>`);
  }
}

function drawBand(band, s, out, drawn) {
  const lanes = band.hosts.map(host => hosts.indexOf(host)).filter(lane => lane >= 0);
  if (band.from === band.to || !lanes.length) return;
  const top = yAt(band.starts ? HEAD : rowY(band.from)), bottom = yAt(band.is_open ? height : rowY(band.to));
  if (bottom < HEAD || top > s.height) return;
  const [from, to] = [Math.max(top, HEAD - 2), Math.min(bottom, s.height + 2)];
  const wide = band.sort === 'network' ? 0 : 24;
  const left = s.x(Math.min(...lanes)) - wide, right = s.x(Math.max(...lanes)) + wide, middle = (left + right) / 2;
  const tall = Math.max(1, to - from);
  out.push(`<g class="band ${band.sort}"><rect x="${left}" y="${from}" width="${right - left}" height="${tall}"/>`
    + `<rect class="fill" x="${left}" y="${from}" width="${right - left}" height="${tall}"/>`
    + `<line class="edge" x1="${left}" x2="${right}" y1="${top}" y2="${top}"/>`
    + `<line class="edge" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`
    + (tall > 16 ? `<text class="halo" x="${middle}" y="${from + 13}" text-anchor="middle">${escape(band.label)}</text>` : '') + '</g>');
  drawn.bands += 1;
}

function drawArrow(arrow, s, out, free, drawn) {
  const said = events[arrow.said], heard = arrow.heard === null ? null : events[arrow.heard];
  if (!yOf.has(arrow.said) || (heard && !yOf.has(arrow.heard))) return;
  const from = laneOf(said), client = clientLane(said.connection), server = hosts.indexOf('server');
  const to = said.by === 'client' ? server : client;
  if (from < 0 || to < 0) return;
  const y1 = yAt(yOf.get(arrow.said)), y2 = heard ? yAt(yOf.get(arrow.heard)) : y1 + Math.min(16, ROW * view.zoom);
  if (Math.max(y1, y2) < HEAD || Math.min(y1, y2) > s.height) return;
  const x1 = s.x(from), end = s.x(to), way = Math.sign(end - x1), x2 = heard ? end - 3 * way : x1 + (end - x1) * 0.6;
  const isChosen = chosen !== null && (chosen === arrow.said || chosen === arrow.heard);
  const line = `x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"`;
  out.push(`<g class="arrow ${said.by}${heard ? '' : ' lost'}${isChosen ? ' chosen' : ''}" data-n="${said.n}">${isDense ? '' : `<line class="hit" ${line}/>`}`
    + `<line ${line}${heard && !isDense ? ' marker-end="url(#tip)"' : ''}/>`
    + (heard ? '' : `<path d="M${x2 - 5} ${y2 - 5}l10 10M${x2 + 5} ${y2 - 5}l-10 10"/>`));
  if (y1 > HEAD && y1 < s.height + 10 && (isChosen || free(`arrow${said.host}`, y1, said.n))) {
    const most = Math.floor((Math.abs(end - x1) - 26) / 7), label = cut(words(said), most);
    out.push(`<text class="halo" x="${x1 + 9 * way}" y="${y1 - 3}" text-anchor="${way > 0 ? 'start' : 'end'}">${label}</text>`);
  }
  out.push('</g>');
  drawn.arrows += 1;
  if (!heard) drawn.lost += 1;
}

function drawEvent(event, y, s, out, free) {
  const lane = laneOf(event), isRun = lane < 0, x = isRun ? GUTTER : s.x(lane);
  const state = event.n === chosen ? ' chosen' : '', arrow = arrowOf.get(event.n);
  const isDrawn = arrow && yOf.has(arrow.said) && (arrow.heard === null || yOf.has(arrow.heard));
  out.push(`<g class="event ${event.kind} ${event.by || ''}${state}" data-n="${event.n}">`);
  if (free('time', y)) out.push(`<text class="time" x="66" y="${y + 4}">${ms(event.at_ns)}</text>`);
  if (event.kind === 'fault') out.push(`<line x1="${x}" x2="${s.width - MAP}" y1="${y}" y2="${y}"/>`);
  if (event.kind === 'frame' && isDrawn && isDense && !state) { out.push('</g>'); return; }
  if (event.kind === 'frame') out.push(`<circle class="dot" cx="${x}" cy="${y}" r="${isDrawn ? 2.5 : 3.5}"/>`);
  else if (event.kind === 'application') out.push(`<rect class="shape" x="${x - 4}" y="${y - 4}" width="8" height="8" rx="1.5"/>`);
  else if (event.kind === 'store') out.push(`<path class="shape" d="M${x} ${y - 5.5}l5.5 5.5-5.5 5.5-5.5-5.5z"/>`);
  else if (event.kind === 'fault') out.push(`<path class="shape" d="M${x} ${y - 5}l5.5 10h-11z"/>`);
  else out.push(`<circle class="shape" cx="${x}" cy="${y}" r="3.5"/>`);
  if (state) out.push(`<circle class="ring" cx="${x}" cy="${y}" r="8"/>`);
  if (!isDrawn && (state || free(isRun ? 'run' : `mark${lane}`, y, isRun ? undefined : event.n))) {
    const outward = !isRun && lane === 0 && hosts.length > 1 ? -1 : 1;
    // Between two lanes there is less room than outside of them.
    const room = !isRun && lane > 0 && lane < hosts.length - 1 ? Math.min(s.side, s.gap) : s.side;
    const label = (event.connection && event.kind !== 'frame' ? event.connection + ' ' : '') + words(event);
    out.push(`<text class="halo" x="${x + 11 * outward}" y="${y + 4}" text-anchor="${outward > 0 ? 'start' : 'end'}">${cut(label, Math.floor((room - 14) / 6.95))}</text>`);
  }
  out.push('</g>');
}

// The whole run beside the view, and where in it the view is. The run is drawn once for each layout.
function drawMap(s) {
  const ratio = window.devicePixelRatio || 1, tall = s.height - HEAD, whole = (height - HEAD) || 1;
  const style = getComputedStyle(root), colour = name => style.getPropertyValue('--' + name).trim();
  const canvas = at('map'), paper = colour('paper');
  if (!map || map.paper !== paper || map.canvas.height !== Math.round(tall * ratio)) map = { paper, canvas: mapOf(tall, ratio, whole, colour) };
  canvas.width = map.canvas.width;
  canvas.height = map.canvas.height;
  const pen = canvas.getContext('2d');
  pen.drawImage(map.canvas, 0, 0);
  pen.scale(ratio, ratio);
  const from = view.top / (whole * view.zoom) * tall, shown = Math.min(1, tall / (whole * view.zoom)) * tall;
  pen.globalAlpha = 0.12; pen.fillStyle = colour('ink'); pen.fillRect(0, from, MAP, shown);
  pen.globalAlpha = 0.6; pen.strokeStyle = colour('soft'); pen.strokeRect(0.5, from + 0.5, MAP - 1, shown - 1);
}

function mapOf(tall, ratio, whole, colour) {
  const canvas = document.createElement('canvas'), y = base => (base - HEAD) / whole * tall;
  canvas.width = MAP * ratio;
  canvas.height = Math.round(tall * ratio);
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  for (const band of bands) {
    if (band.from === band.to) continue;
    const from = y(band.starts ? HEAD : rowY(band.from)), to = y(band.is_open ? height : rowY(band.to));
    pen.globalAlpha = 0.3; pen.fillStyle = colour(band.sort);
    pen.fillRect(0, from, MAP, Math.max(1.5, to - from));
  }
  const [fault, client, server, other] = ['lost', 'accent', 'reply', 'note'].map(colour);
  pen.globalAlpha = 0.5;
  for (const row of rows) {
    const event = events[row.n], lane = laneOf(event);
    pen.fillStyle = event.kind === 'fault' ? fault : event.kind !== 'frame' ? other : event.by === 'client' ? client : server;
    pen.fillRect(lane < 0 ? 2 : 6 + lane * (MAP - 16) / Math.max(1, hosts.length - 1), y(row.y), lane < 0 ? MAP - 4 : 6, 1);
  }
  return canvas;
}

// What was drawn, for whoever looks at the page without eyes.
function report(drawn) {
  Object.assign(root.dataset, {
    lanes: hosts.length, events: events.length, shown: rows.length, arrows: arrows.length,
    lost: arrows.filter(arrow => arrow.heard === null).length, bands: bands.length,
    drawnEvents: drawn.events, drawnArrows: drawn.arrows, drawnLost: drawn.lost, drawnBands: drawn.bands,
    selected: chosen === null ? '' : chosen, zoom: view.zoom.toFixed(3),
  });
  at('count').textContent = `${rows.length} of ${events.length} events, ${arrows.length} messages, ${root.dataset.lost} never heard`;
}

function panel() {
  const side = at('panel'), event = chosen === null ? null : events[chosen];
  if (side.hidden !== !event) side.hidden = !event;
  if (!event) return;
  const { n, at_ns, text, ...rest } = event, fields = [['event', n], ['time', ms(at_ns) + ' ms']];
  for (const [name, value] of Object.entries(rest)) fields.push([name, Array.isArray(value) ? `${value[0]}..${value[1]}` : value]);
  const arrow = arrowOf.get(n), links = [];
  if (arrow && arrow.heard === null) fields.push(['heard', 'never']);
  if (arrow && arrow.heard !== null) {
    fields.push(['on its way', ms(events[arrow.heard].at_ns - events[arrow.said].at_ns) + ' ms']);
    links.push(arrow.said === n ? ['where it was heard', arrow.heard] : ['where it was said', arrow.said]);
  }
  const during = bands.filter(band => band.from !== band.to && band.from <= n && n <= band.to).map(band => band.label);
  if (during.length) fields.push(['during', during.join(', ')]);
  const same = other => event.connection && other.connection === event.connection;
  const before = events.slice(0, n).findLast(same), after = events.slice(n + 1).find(same);
  if (before) links.push([`before on ${event.connection}`, before.n]);
  if (after) links.push([`after on ${event.connection}`, after.n]);
  side.innerHTML = `<button class="close" data-close title="Close ( esc )">×</button><h2>${escape(event.frame || event.kind)}</h2>`
    + `<div class="words">${escape(text)}</div><dl>`
    + fields.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('') + '</dl><div class="row">'
    + links.map(([name, to]) => `<button data-go="${to}">${escape(name)}</button>`).join('') + '</div>';
}

function choose(n, centre) {
  chosen = n !== null && events[n] ? n : null;
  panel();
  const address = chosen === null ? ' ' : `#event=${chosen}`;
  if (location.hash !== address.trim()) history.replaceState(null, '', address.trim() || location.pathname + location.search);
  if (chosen !== null) {
    const y = yAt(rowY(chosen)), tall = size().height;
    if (centre || y < HEAD + 30 || y > tall - 30) view.top += y - tall / 2;
  }
  render();
}

function fromAddress() {
  const found = /^#event=(\d+)$/.exec(location.hash);
  if (found && Number(found[1]) !== chosen) choose(Number(found[1]), true);
}

// Keeps what is at `y` where it is.
function zoom(factor, y = size().height / 2) {
  const base = (y + view.top - HEAD) / view.zoom;
  view.zoom *= factor;
  clamp();
  view.top = base * view.zoom + HEAD - y;
  render();
}

function fit() { view.zoom = fitZoom(); view.top = 0; render(); }

function refilter() {
  const tall = size().height, middle = rows.length ? rows.reduce((best, row) =>
    Math.abs(yAt(row.y) - tall / 2) < Math.abs(yAt(best.y) - tall / 2) ? row : best).n : 0;
  const keep = chosen !== null ? chosen : middle, y = yAt(rowY(keep));
  layout();
  view.top += yAt(rowY(keep)) - y;
  render();
}

function step(by) {
  if (!rows.length) return;
  const here = rows.findIndex(row => chosen !== null && row.n >= chosen);
  const first = rows.findIndex(row => yAt(row.y) > HEAD);
  const next = chosen === null ? Math.max(first, 0) : (here < 0 ? rows.length - 1 : here) + by;
  choose(rows[Math.max(0, Math.min(next, rows.length - 1))].n);
}

function chips(into, names, hidden) {
  at(into).innerHTML = names.map(name => `<label class="chip"><input type="checkbox" checked value="${escape(name)}"><span>${escape(name)}</span></label>`).join('');
  at(into).addEventListener('change', ({ target }) => {
    if (target.checked) hidden.delete(target.value); else hidden.add(target.value);
    refilter();
  });
}

function controls() {
  chips('hosts', [...hosts, 'run'], off.hosts);
  chips('kinds', KINDS.filter(kind => events.some(event => event.kind === kind)), off.kinds);
  const connections = [...new Set(events.map(event => event.connection).filter(Boolean))];
  at('connections').innerHTML = '<option value="">all connections</option>' + connections.map(name => `<option>${escape(name)}</option>`).join('');
  for (const [id, kind] of [['search', 'input'], ['connections', 'change'], ['compress', 'change']]) at(id).addEventListener(kind, refilter);
  at('in').onclick = () => zoom(1.5);
  at('out').onclick = () => zoom(1 / 1.5);
  at('fit').onclick = fit;
  at('panel').addEventListener('click', ({ target }) => {
    if (target.dataset.go) choose(Number(target.dataset.go), true);
    else if ('close' in target.dataset) choose(null);
  });
  const verdict = data.broken.length ? `<span class="broken">${escape(data.broken.join('; '))}</span>` : '<span class="ok">everything held</span>';
  at('title').innerHTML = `<h1>${escape(data.title)}</h1><span>${escape(data.story)} on ${escape(data.tier)}</span>${verdict}<code>${escape(data.digest)}</code>`;
  document.title = `${data.title}, ${data.story} on ${data.tier}`;
}

function pointer() {
  const stage = at('stage'), canvas = at('map');
  let drag = null;
  stage.addEventListener('wheel', event => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 18 : 1);
    if (event.ctrlKey || event.metaKey || event.altKey) zoom(Math.exp(-pixels / 300), event.clientY - stage.getBoundingClientRect().top);
    else { view.top += pixels; later(); }
  }, { passive: false });
  stage.addEventListener('pointerdown', event => {
    drag = { y: event.clientY, top: view.top, map: event.target === canvas, moved: false, on: event.target.closest('[data-n]') };
    stage.setPointerCapture(event.pointerId);
    if (drag.map) jump(event);
  });
  stage.addEventListener('pointermove', event => {
    if (!drag) return;
    if (drag.map) return jump(event);
    if (Math.abs(event.clientY - drag.y) > 3) drag.moved = true;
    if (drag.moved) { stage.classList.add('drags'); view.top = drag.top - (event.clientY - drag.y); later(); }
  });
  stage.addEventListener('pointerup', () => {
    if (drag && !drag.moved && !drag.map) choose(drag.on ? Number(drag.on.dataset.n) : null);
    drag = null;
    stage.classList.remove('drags');
  });
  function jump(event) {
    const box = canvas.getBoundingClientRect();
    view.top = (event.clientY - box.top) / box.height * (height - HEAD) * view.zoom - size().height / 2;
    later();
  }
}

function keys(event) {
  if (event.target.matches('input[type=search], select')) { if (event.key === 'Escape') event.target.blur(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const page = size().height * 0.8, pan = by => { view.top += by; render(); };
  const actions = {
    j: () => step(1), k: () => step(-1), ArrowDown: () => pan(50), ArrowUp: () => pan(-50), PageDown: () => pan(page), PageUp: () => pan(-page),
    ' ': () => pan(page), Home: () => pan(-Infinity), End: () => pan(1e9), '+': () => zoom(1.4), '=': () => zoom(1.4), '-': () => zoom(1 / 1.4),
    0: fit, Escape: () => choose(null), '/': () => at('search').focus(),
  };
  if (actions[event.key]) { event.preventDefault(); actions[event.key](); }
}

function later() {
  if (drawnAt === null) drawnAt = requestAnimationFrame(() => { drawnAt = null; render(); });
}

controls();
pointer();
document.addEventListener('keydown', keys);
window.addEventListener('hashchange', fromAddress);
new ResizeObserver(render).observe(at('stage'));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', later);
layout();
render();
fromAddress();
