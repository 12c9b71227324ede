// A saved page at two widths, light and dark, with and without JavaScript. Prints what it shows.
'use strict';
const fs = require('node:fs');
const { given, withBrowser, open, axe, assert } = require('./browser.js');

const url = `file://${given.file}`;

/** What a person reads, by the labels that stand beside it. */
const read = () => {
  const text = (e) => e.innerText.replace(/\s+/g, ' ').trim();
  const all = (where, from = document) => [...from.querySelectorAll(where)];
  return {
    count: text(document.querySelector('#count')),
    figures: Object.fromEntries(all('.figures div').map((d) => [text(d.querySelector('dt')), text(d.querySelector('dd'))])),
    needs: all('#needs li').map((li) => ({ subject: text(li.querySelector('.subject')), what: text(li.querySelector('p')) })),
    accounts: all('.account').map((a) => ({
      name: text(a.querySelector('h3')),
      windows: Object.fromEntries(all('.window', a).map((w) => [text(w.querySelector('h4')), text(w.querySelector('.percent'))])),
      charts: all('svg[role=img]', a).length,
      text: text(a),
    })),
    sessions: all('#sessions tbody tr').map((tr) => [...tr.children].map(text)),
    projects: all('#queue table > tbody').map((b) => [...b.rows[0].cells].map(text)),
    tasks: all('ol.tasks li').map((li) => li.textContent),
    switches: all('.switch').map((d) => ({ head: text(d.querySelector('summary')), steps: all('.steps li', d).length })),
    live: text(document.querySelector('#live')),
    elements: all('main script, main img, main iframe, main object, main a, main [onerror], main [onload]').length,
    pwned: window.pwned ?? null,
  };
};

withBrowser(async (browser) => {
  const seen = {};
  for (const [name, width, colorScheme] of [
    ['desk-light', 1280, 'light'], ['desk-dark', 1280, 'dark'], ['phone-light', 360, 'light'], ['phone-dark', 360, 'dark'],
  ]) {
    const viewport = { width, height: 800 };
    const { page, context, faults } = await open(browser, url, { viewport, colorScheme }, (p) => p.addInitScript({ path: axe }));
    seen[name] = await page.evaluate(read);
    for (const shut of [true, false]) {
      if (!shut) await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
      const [is, may] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(is <= may, `${name}: ${is} wide in ${may}`);
      const { violations, passes } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
      assert.ok(passes.some((p) => p.id === 'color-contrast'), 'contrast was looked at');
      const told = violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary}`)}`);
      assert.deepEqual(told, [], name);
    }
    if (given.shots) {
      fs.mkdirSync(given.shots, { recursive: true });
      await page.screenshot({ path: `${given.shots}/${name}.png`, fullPage: true });
    }
    assert.deepEqual(faults, [], name);
    await context.close();
  }
  assert.deepEqual(seen['phone-dark'].sessions.length, seen['desk-light'].sessions.length);

  // By the keyboard: the first stop leads to the content, and what has the focus can be seen.
  const keys = await open(browser, url, { viewport: { width: 1280, height: 800 } });
  await keys.page.keyboard.press('Tab');
  const skip = await keys.page.evaluate(() => [document.activeElement.className, document.activeElement.getBoundingClientRect().left >= 0]);
  assert.deepEqual(skip, ['skip', true]);
  await keys.page.keyboard.press('Enter');
  await keys.page.keyboard.press('Tab');
  const stop = await keys.page.evaluate(() => {
    const e = document.activeElement;
    return [e.tagName, getComputedStyle(e).outlineStyle, Boolean(e.closest('main'))];
  });
  assert.deepEqual(stop, ['SUMMARY', 'solid', true]);
  const before = await keys.page.evaluate(() => document.activeElement.parentElement.open);
  await keys.page.keyboard.press('Enter');
  assert.equal(await keys.page.evaluate(() => document.activeElement.parentElement.open), !before);
  await keys.context.close();

  const still = await open(browser, url, { javaScriptEnabled: false });
  seen['no-script'] = await still.page.evaluate(read);
  assert.equal(await still.page.locator('button:visible, input:visible').count(), 0);
  assert.deepEqual(still.faults, []);
  return seen;
});
