// A page that is served: it fetches itself, keeps what somebody is at, and says when it is old. `POST /next` makes the
// next one the one that is served, `POST /down` and `/up` let the server answer nothing, `GET /count` tells its requests.
'use strict';
const { given, withBrowser, open, until, assert } = require('./browser.js');

withBrowser(async (browser) => {
  const { page, context } = await open(browser, given.url);
  const ask = async (what, method = 'POST') => (await context.request.fetch(new URL(what, given.url).href, { method })).text();
  await until(page, 'it renews itself', () => document.querySelector('#live').textContent.startsWith('renewed'));

  // Somebody has closed a list, opened a switch and has the focus on it.
  await page.evaluate(() => {
    document.querySelector('#queue details').open = false;
    const s = document.querySelector('.switch');
    s.open = true;
    s.querySelector('summary').focus();
  });
  const focus = await page.evaluate(() => document.activeElement.id);
  assert.ok(focus.startsWith('switch-'), focus);
  await ask('next');
  await until(page, 'the change', () => document.querySelector('#queue').textContent.includes('brand-new'));
  const after = await page.evaluate(() => ({
    focus: document.activeElement.id,
    list: document.querySelector('#queue details').open,
    opened: document.querySelector('.switch').open,
    said: document.querySelector('#said').textContent,
    title: document.title,
  }));
  assert.deepEqual([after.focus, after.list, after.opened], [focus, false, true]);
  assert.match(after.said, /1 thing needs a person, app:broken/);
  assert.match(after.title, /^\(1\) /);

  // Nobody looks: nothing is asked for.
  const hide = (hidden) => page.evaluate((to) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => to });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  // One may have been on its way.
  let [asleep, before, end] = [Number(await ask('count', 'GET')), -1, Date.now() + 20000];
  while (asleep !== before) {
    assert.ok(Date.now() < end, `it is asked for although nobody looks: ${asleep} times`);
    await page.waitForTimeout(1000);
    [before, asleep] = [asleep, Number(await ask('count', 'GET'))];
  }
  await page.waitForTimeout(2500); // twice as long as until the next one
  assert.equal(Number(await ask('count', 'GET')), asleep);
  await hide(false);
  await until(page, 'it is asked for again', async (n) => Number(await (await fetch('count')).text()) > n, asleep);

  await ask('down');
  await until(page, 'it says so', () => document.querySelector('#live.wrong')?.textContent.startsWith('not reachable since'));
  await ask('up');
  await until(page, 'it is back', () => document.querySelector('#live').textContent.startsWith('renewed'));

  await page.click('#pause');
  await until(page, 'it is held', () => document.querySelector('#live').textContent === 'paused');
  await page.click('#pause');
  await until(page, 'it goes on', () => document.querySelector('#live').textContent.startsWith('renewed'));
});
