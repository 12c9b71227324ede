'use strict';
(() => {
  const byId = (id) => document.getElementById(id);
  const every = Number(document.body.dataset.every) * 1000;
  const isServed = /^https?:$/.test(location.protocol);
  const generator = (doc) => doc.querySelector('meta[name=generator]')?.content;
  const live = byId('live');
  const pause = byId('pause');

  // The token never stands in the page; a tab forgets it when it is closed.
  const KEY = 'claude-failover token';
  let typed = '';
  const token = () => { try { return sessionStorage.getItem(KEY) ?? typed; } catch { return typed; } };
  const keep = (text) => {
    typed = text;
    try { sessionStorage.setItem(KEY, text); } catch { /* only in memory then */ }
  };
  const headers = (more) => (token() ? { ...more, Authorization: `Bearer ${token()}` } : more);

  const tell = (text, wrong) => {
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle('wrong', Boolean(wrong));
  };
  const clock = (at) => at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const words = (ms) => {
    const m = Math.round(ms / 60000);
    return m < 120 ? `${m} min` : m < 2880 ? `${Math.round(m / 60)} h` : `${Math.round(m / 1440)} d`;
  };

  // What needs a person, in one sentence; it is read out when it changes.
  const needs = () => [...document.querySelectorAll('#count, #needs .subject')].map((e) => e.textContent).join(', ');

  const swapOne = (old, fresh) => {
    if (old.innerHTML === fresh.innerHTML && old.hidden === fresh.hidden) return;
    const selected = getSelection();
    // Whoever is copying something is not disturbed; the next time will do.
    if (selected && !selected.isCollapsed && old.contains(selected.anchorNode)) return;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : '';
    const opened = new Map([...old.querySelectorAll('details[id]')].map((d) => [d.id, d.open]));
    fresh = document.adoptNode(fresh);
    for (const d of fresh.querySelectorAll('details[id]')) if (opened.has(d.id)) d.open = opened.get(d.id);
    old.replaceWith(fresh);
    if (focused) byId(focused)?.focus({ preventScroll: true });
  };

  const swap = (doc) => {
    // Another version of the program has another style and script.
    if (generator(doc) !== generator(document)) { location.reload(); return; }
    const before = needs();
    const main = byId('main');
    const fresh = doc.getElementById('main');
    for (const part of [...fresh.children]) {
      const old = byId(part.id);
      if (old) swapOne(old, part);
    }
    main.dataset.at = fresh.dataset.at;
    for (const id of ['at', 'act-template']) {
      const [old, part] = [byId(id), doc.getElementById(id)];
      if (old && part) old.replaceWith(document.adoptNode(part));
      else if (part) document.body.append(document.adoptNode(part));
    }
    document.title = doc.title;
    offer();
    const after = needs();
    if (after !== before) byId('said').textContent = after;
  };

  let changed = performance.now();
  let lost = null;
  let timer = 0;
  let busy = false;
  let paused = false;

  const judge = () => {
    const age = Date.now() - Number(byId('main').dataset.at);
    if (lost) tell(`not reachable since ${clock(lost)}, this is what was known before`, true);
    else if (paused) tell('paused');
    else if (performance.now() - changed > Math.max(4 * every, 120000)) tell('nobody has renewed it for a while', true);
    else if (age > 600000) tell(`${words(age)} old`, true);
    else tell(isServed ? `renewed every ${every / 1000} s` : 'a saved page');
  };

  const refresh = async () => {
    if (busy) return;
    busy = true;
    try {
      const answer = await fetch(location.href, {
        headers: headers({ Accept: 'text/html' }), cache: 'no-store', credentials: 'same-origin',
        signal: AbortSignal.timeout(Math.max(every, 10000)),
      });
      const doc = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const at = doc.getElementById('main')?.dataset.at;
      if (!answer.ok || !at) throw new Error('no page');
      if (at !== byId('main').dataset.at) { changed = performance.now(); swap(doc); }
      lost = null;
    } catch {
      lost ??= new Date();
    } finally {
      busy = false;
      judge();
    }
  };

  const schedule = () => {
    clearTimeout(timer);
    if (!isServed || paused || document.hidden) return;
    timer = setTimeout(async () => { await refresh(); schedule(); }, every);
  };

  // What can be started, where the page says that something can.
  const run = async (command, body) => {
    const said = byId('act-answer');
    const buttons = [...document.querySelectorAll('#act button')];
    const tellRun = (text, wrong) => { said.textContent = text; said.classList.toggle('wrong', wrong); };
    buttons.forEach((b) => { b.disabled = true; });
    tellRun(`${command} runs …`, false);
    try {
      const answer = await fetch(new URL(`trigger/${command}`, location.href), {
        method: 'POST', headers: headers({ 'Content-Type': 'application/json', Accept: 'application/json' }),
        body: JSON.stringify(body), credentials: 'same-origin', cache: 'no-store',
      });
      const told = await answer.json().catch(() => ({}));
      const failed = (told.actions ?? []).filter((a) => a.failed).map((a) => `${a.subject}: ${a.reason}`);
      const lines = [
        told.error, ...(told.causes ?? []), ...(told.hints ?? []), told.skipped, told.summary, ...failed,
      ];
      const text = lines.filter(Boolean).join('\n') || (answer.ok ? 'done' : `answer ${answer.status}`);
      tellRun(`${command}: ${text}`, !answer.ok || Boolean(told.exit));
    } catch {
      tellRun(`${command}: not reachable`, true);
    }
    buttons.forEach((b) => { b.disabled = false; });
    await refresh();
  };

  const offer = () => {
    const template = byId('act-template');
    if (!template || !isServed) return;
    if (byId('act')) {
      // The account that is active now is no choice any more.
      const [old, fresh] = [byId('act-to'), template.content.querySelector('#act-to')];
      if (old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.cloneNode(true).children);
      return;
    }
    byId('main').append(template.content.cloneNode(true));
    byId('act-token').value = token();
    byId('act-token').addEventListener('input', (event) => keep(event.target.value));
    byId('act-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const command = event.submitter?.value || 'dispatch';
      const to = byId('act-to').value;
      if (command !== 'switch') run(command, {});
      else if (to && confirm(`Move the sessions to ${to}?`)) run(command, { to });
    });
  };

  if (isServed) {
    pause.hidden = false;
    pause.addEventListener('click', async () => {
      paused = !paused;
      pause.textContent = paused ? 'Go on' : 'Pause';
      if (!paused) await refresh();
      judge();
      schedule();
    });
    document.addEventListener('visibilitychange', async () => {
      if (!document.hidden && !paused) await refresh();
      schedule();
    });
  }
  offer();
  judge();
  schedule();
})();
